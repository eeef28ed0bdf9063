/**
 * Reads the messages of successive events some at a time, so that a list asks the store once for several events.
 * Invariants: it holds at most 256 KiB plus the octets of one message; a message is released when it is taken.
 * Fails if the store does.
 */
import type { MessageId, ProjectId } from '../runtime/ids.ts';
import type { ShownMessage, SpoolReader } from '../spool/messages.ts';
import type { EventRow } from './topics.ts';

const MOST_OCTETS = 256 * 1024;

export interface ShownAhead {
  /** The message of an event. If it is not held, it is read together with those of the following events. */
  shown(project: ProjectId, id: MessageId, following: readonly EventRow[]): Promise<ShownMessage | null>;
}
export function createShownAhead(spool: Pick<SpoolReader, 'shownOf'>): ShownAhead {
  const held = new Map<MessageId, ShownMessage | null>();
  return {
    async shown(project, id, following) {
      if (!held.has(id)) {
        held.clear();
        const ids = [...new Set([id, ...following.flatMap((event) => shownBy(event) ?? [])])];
        const found = await spool.shownOf(project, ids, MOST_OCTETS);
        for (const [i, message] of found.entries()) held.set(ids[i]!, message);
      }
      const message = held.get(id) ?? null;
      held.delete(id);
      return message;
    },
  };
}
/** The id of the message that the event shows; null: it shows none. */
export function shownBy({ summary, messageId }: EventRow): MessageId | null {
  return summary === null ? messageId : null;
}
