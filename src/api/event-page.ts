/**
 * A page of events, produced while it is sent. Invariants: a page ends at 4 MiB, but contains at least one event;
 * if the first event alone is larger, it is passed on piece by piece; of any other event at most 4 MiB are held
 * until it is known to fit; `next_cursor` leads to the events after the last one that was read. An event is left
 * out if its message was removed in the meantime. Ends with the signal's reason, and rejects if the store does.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { MessageGone, type RenderedEvent } from '../edj/render-event.ts';
import type { EdjReader, EventRow, Topic } from '../edj/topics.ts';
import type { EventId } from '../runtime/ids.ts';
import { NoPlace } from '../runtime/places.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';
import { createYielding } from '../runtime/yielding.ts';
import { PAGE_OCTETS } from './pages.ts';

/** Rows read at once, and the octets at which a read ends early: a published text may have some megabytes. */
const CHUNK = 100;
const CHUNK_OCTETS = 256 * 1024;
/** After an event with more octets than this, the event loop gets a turn at once. */
const LARGE = 16 * 1024;

/** An event of a list, and the cursor for the events after it. */
export interface Placed {
  readonly event: EventRow;
  readonly cursor: string;
  /** The events after it that were read with it. */
  readonly following: readonly EventRow[];
}
type Read = Pick<EdjReader, 'events' | 'eventsAfter'>;

/** Newest first. */
export function newestFirst(read: Read, { projectId, id }: Topic, page: PageRequest): AsyncGenerator<Placed> {
  return walked((next) => read.events(projectId, id, next, CHUNK_OCTETS), page);
}
/** Events after a given event, oldest first. A cursor is an event id, so it also works as `after`. */
export function oldestFirst(
  read: Read,
  { projectId, id }: Topic,
  page: PageRequest & { readonly cursor: EventId | null },
): AsyncGenerator<Placed> {
  return walked(
    ({ limit, cursor }) => read.eventsAfter(projectId, id, cursor as EventId | null, limit, CHUNK_OCTETS),
    page,
  );
}
/** Up to `limit` events, and one more that shows that the list goes on. */
async function* walked(
  read: (page: PageRequest) => Promise<Page<EventRow>>,
  { limit, cursor }: PageRequest,
): AsyncGenerator<Placed> {
  let next = cursor;
  let left = limit + 1;
  do {
    const { items, cursors, nextCursor } = await read({ limit: Math.min(CHUNK, left), cursor: next });
    for (const [i, event] of items.entries())
      yield { event, cursor: cursors[i]!, following: items.slice(i + 1) };
    left -= items.length;
    next = nextCursor;
  } while (next !== null && left > 0);
}

export interface PageOptions {
  readonly limit: number;
  readonly render: (placed: Placed) => Promise<RenderedEvent>;
  readonly signal: AbortSignal;
  /** Makes the cursor of the answer. */
  readonly cursorOf: (cursor: string | null) => string | null;
}
export async function* eventPage(
  events: AsyncIterable<Placed>,
  { limit, render, signal, cursorOf }: PageOptions,
): AsyncGenerator<Buffer> {
  const pause = createYielding();
  let [octets, looked, shown] = [0, 0, 0];
  let [last, next]: (string | null)[] = [null, null];
  walking: for await (const placed of events) {
    if (looked === limit || octets >= PAGE_OCTETS) {
      next = last!;
      break;
    }
    const lead = shown === 0 ? '{"items":[' : ',';
    let held: Buffer[] = [Buffer.from(lead)];
    let size = lead.length;
    try {
      for await (const piece of (await render(placed)).pieces(signal)) {
        signal.throwIfAborted();
        size += piece.length;
        held.push(piece);
        if (octets + size <= PAGE_OCTETS) continue;
        if (shown > 0) {
          next = last!;
          break walking;
        }
        yield* held;
        held = [];
      }
      // An answer that ends because of the signal is not complete.
      signal.throwIfAborted();
      yield* held;
      octets += size;
      shown += 1;
    } catch (error) {
      const isStarted = held.length === 0;
      // An event that could not be rendered in time is the first of the next page.
      if (error instanceof NoPlace && shown > 0) {
        next = last!;
        break;
      }
      if (!(error instanceof MessageGone) || isStarted) throw error;
    }
    looked += 1;
    last = placed.cursor;
    // After a large event, other requests get a turn at once, before more is read.
    await (size > LARGE ? turn() : pause());
    signal.throwIfAborted();
  }
  // If all messages of these events were removed, the next request begins after them.
  if (shown === 0) next ??= last;
  yield Buffer.from(
    `${shown === 0 ? '{"items":[' : ''}],"next_cursor":${JSON.stringify(cursorOf(next ?? null))}}`,
  );
}
