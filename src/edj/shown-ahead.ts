/**
 * Messages of events that are rendered one after the other, read some at a time: who reads a list asks the store once for
 * what the next events show. Invariants: what is held has 256 KiB and the octets of one message at most; each is let go
 * when it is taken. Fails as the store does.
 */
import type { MessageId, ProjectId } from '../runtime/ids.ts';
import type { ShownMessage, SpoolReader } from '../spool/messages.ts';
import type { EventRow } from './topics.ts';

const MOST_OCTETS = 256 * 1024;

export interface ShownAhead {
  /** The message as it is shown; where it is not held, it is read together with those of the events that follow. */
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
/** The message that is shown with the event; null where none is. */
export function shownBy({ summary, messageId }: EventRow): MessageId | null {
  return summary === null ? messageId : null;
}
