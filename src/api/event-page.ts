/**
 * A page of events, made while it is sent. Invariants: a page ends at 4 MiB, or behind its first event where that alone
 * is larger, which is then passed on piece by piece; of any other at most 4 MiB are held until it is known to fit;
 * `next_cursor` leads to what follows the last event looked at. An event whose message was removed meanwhile is left
 * out. Ends with the signal's reason, and rejects where the store does.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { MessageGone, type RenderedEvent } from '../edj/render-event.ts';
import type { EdjReader, EventRow, Topic } from '../edj/topics.ts';
import type { EventId } from '../runtime/ids.ts';
import { NoPlace } from '../runtime/places.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';
import { createYielding } from '../runtime/yielding.ts';
import { PAGE_OCTETS } from './pages.ts';

/** Rows read at once, and where they end before: what is published by hand may have some megabytes. */
const CHUNK = 100;
const CHUNK_OCTETS = 256 * 1024;
/** Octets of an event behind which the loop turns at once. */
const LARGE = 16 * 1024;

/** An event of a list, and the cursor that leads behind it. */
export interface Placed {
  readonly event: EventRow;
  readonly cursor: string;
  /** Those behind it that were read with it. */
  readonly following: readonly EventRow[];
}
type Read = Pick<EdjReader, 'events' | 'eventsAfter'>;

/** Newest first. */
export function newestFirst(read: Read, { projectId, id }: Topic, page: PageRequest): AsyncGenerator<Placed> {
  return walked((next) => read.events(projectId, id, next, CHUNK_OCTETS), page);
}
/** Oldest first behind an event; a cursor is an event's id, good as `after`. */
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
/** Up to `limit`, and one more that tells there is more. */
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
}
export async function* eventPage(
  events: AsyncIterable<Placed>,
  { limit, render, signal }: PageOptions,
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
      // What ends because of it is not whole.
      signal.throwIfAborted();
      yield* held;
      octets += size;
      shown += 1;
    } catch (error) {
      const isStarted = held.length === 0;
      // What could not be rendered in time is the next page's first.
      if (error instanceof NoPlace && shown > 0) {
        next = last!;
        break;
      }
      if (!(error instanceof MessageGone) || isStarted) throw error;
    }
    looked += 1;
    last = placed.cursor;
    // Behind a large one at once: what others have read is passed on before more is read.
    await (size > LARGE ? turn() : pause());
    signal.throwIfAborted();
  }
  // Where all of them were gone, who asks again begins behind them.
  if (shown === 0) next ??= last;
  yield Buffer.from(`${shown === 0 ? '{"items":[' : ''}],"next_cursor":${JSON.stringify(next)}}`);
}
