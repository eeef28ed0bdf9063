/**
 * A page of events, made while it is sent. Invariants: a page ends at 4 MiB, or behind its first event where that alone
 * is larger, which is then passed on piece by piece; of any other at most 4 MiB are held until it is known to fit;
 * `next_cursor` leads to what follows the last event looked at. An event whose message was removed meanwhile is left
 * out. Ends with the signal's reason, and rejects where the store does.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { MessageGone, type RenderedEvent } from '../edj/render-event.ts';
import type { EdjReader, EventRow, Topic } from '../edj/types.ts';
import type { EventId } from '../runtime/ids.ts';
import { NoPlace } from '../runtime/places.ts';
import type { PageRequest } from '../runtime/transactor.ts';
import { PAGE_OCTETS } from './pages.ts';

/** Rows read at once: what is published by hand may have some megabytes. */
const CHUNK = 8;

/** An event of a list, and the cursor that leads behind it. */
export interface Placed {
  readonly event: EventRow;
  readonly cursor: string;
}
type Read = Pick<EdjReader, 'events' | 'eventsAfter'>;

/** Newest first: up to `limit`, and one more that tells there is more. */
export async function* newestFirst(
  read: Read,
  { projectId, id }: Topic,
  { limit, cursor }: PageRequest,
): AsyncGenerator<Placed> {
  let next = cursor;
  let left = limit + 1;
  do {
    const page = await read.events(projectId, id, { limit: Math.min(CHUNK, left), cursor: next });
    for (const [i, event] of page.items.entries()) yield { event, cursor: page.cursors[i]! };
    left -= page.items.length;
    next = page.nextCursor;
  } while (next !== null && left > 0);
}
/** Oldest first behind `after`; the cursor is the event's id, good as `after`. */
export async function* oldestFirst(
  read: Read,
  { projectId, id }: Topic,
  after: EventId | null,
): AsyncGenerator<Placed> {
  for (let last = after; ; ) {
    const rows = await read.eventsAfter(projectId, id, last, CHUNK);
    for (const event of rows) yield { event, cursor: event.id };
    if (rows.length < CHUNK) return;
    last = rows.at(-1)!.id;
  }
}

export interface PageOptions {
  readonly limit: number;
  readonly render: (event: EventRow) => Promise<RenderedEvent>;
  readonly signal: AbortSignal;
}
export async function* eventPage(
  events: AsyncIterable<Placed>,
  { limit, render, signal }: PageOptions,
): AsyncGenerator<Buffer> {
  let [octets, looked, shown] = [0, 0, 0];
  let [last, next]: (string | null)[] = [null, null];
  walking: for await (const { event, cursor } of events) {
    if (looked === limit || octets >= PAGE_OCTETS) {
      next = last!;
      break;
    }
    const lead = shown === 0 ? '{"items":[' : ',';
    let held: Buffer[] = [Buffer.from(lead)];
    let size = lead.length;
    try {
      for await (const piece of (await render(event)).pieces(signal)) {
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
    last = cursor;
    await turn();
    signal.throwIfAborted();
  }
  // Where all of them were gone, who asks again begins behind them.
  if (shown === 0) next ??= last;
  yield Buffer.from(`${shown === 0 ? '{"items":[' : ''}],"next_cursor":${JSON.stringify(next)}}`);
}
