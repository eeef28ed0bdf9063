/**
 * Reads (parses) messages that were stored without a reading when they are first shown, and stores the reading.
 * Each message is loaded completely, so only a few are read at a time, in places that are shared by project. Fails
 * with NoPlace, or if the store does.
 */
import type { Reader } from '../reading/reader.ts';
import type { Clock } from '../runtime/clock.ts';
import type { MessageId, ProjectId } from '../runtime/ids.ts';
import { createPlaces } from '../runtime/places.ts';
import type { SpoolReader } from '../spool/messages.ts';

/** null: the message is gone. */
export type ReadStored = (project: ProjectId, id: MessageId, signal?: AbortSignal) => Promise<Buffer | null>;

const AT_ONCE = 2;
const WAIT_MS = 10_000;

export function createReadStored(deps: {
  readonly spool: Pick<SpoolReader, 'message'>;
  readonly read: Reader;
  readonly keep: (project: ProjectId, id: MessageId, reading: Buffer) => Promise<void>;
  readonly clock: Clock;
}): ReadStored {
  const places = createPlaces(AT_ONCE, deps.clock);
  return async (project, id, signal) => {
    using _ = await places.take(project, { waitMs: WAIT_MS, signal });
    const message = await deps.spool.message(project, id);
    if (message === null) return null;
    const reading = await deps.read(message.raw, project, signal);
    await deps.keep(project, id, reading);
    return reading;
  };
}
