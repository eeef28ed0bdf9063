/**
 * Renders an event row as JSON (format v1), in pieces, so that no large message is completely in memory. The same
 * row gives the same octets every time: apart from the base URL, nothing depends on the time or place of rendering.
 * Workers render parts over 64 KiB. A message without a reading is read now, and its reading is stored.
 */
import type { Span } from '../mail/structure.ts';
import type { MessageId } from '../runtime/ids.ts';
import { packed, type Workers } from '../runtime/workers.ts';
import type { ShownMessage, SpoolReader } from '../spool/messages.ts';
import {
  type EventJob,
  type EventJson,
  eventJson,
  type Octets,
  plainEventJson,
  type RenderOptions,
  type Segment,
} from './event-json.ts';
import { NOTHING_CARRIED, type Piece, type PieceJob, renderPiece } from './octet-pieces.ts';
import type { ReadStored } from './read-stored.ts';
import { shownBy } from './shown-ahead.ts';
import type { EventRow } from './topics.ts';

export type { RenderOptions } from './event-json.ts';
export interface RenderDeps {
  readonly spool: Pick<SpoolReader, 'shown' | 'octets'>;
  readonly workers: Workers;
  /** Reads a message that has no reading yet (read-stored.ts). */
  readonly readStored: ReadStored;
  /** Octets of buffers that were just released: a hint for the garbage collector (runtime/collect.ts). */
  readonly released: (octets: number) => void;
  /** Prefix of URLs, without trailing slash. */
  readonly publicUrl: string;
}
export class MessageGone extends Error {
  override name = 'MessageGone';
}
export interface RenderedEvent {
  /**
   * Returns the same octets at each call, in pieces of at most 256 KiB. Throws MessageGone if the message was
   * removed in the meantime, NoPlace if no worker became free in time, or the signal's reason.
   */
  pieces(signal?: AbortSignal): AsyncIterable<Buffer>;
}
const MOST_PIECE = 256 * 1024;
/** Maximum octets that are rendered on the event loop. */
const ON_THE_LOOP = 64 * 1024;
/** How long a piece waits for a worker, ms. After this, an answer that has begun would break off. */
const PIECE_WAIT_MS = 60_000;

/**
 * `shown`: reads the message; default: from the spool. Throws MessageGone if the event shows a message that was
 * removed, and the errors of `pieces`.
 */
export async function renderEvent(
  event: EventRow,
  options: RenderOptions,
  deps: RenderDeps,
  signal?: AbortSignal,
  shown: RenderDeps['spool']['shown'] = deps.spool.shown,
): Promise<RenderedEvent> {
  signal?.throwIfAborted();
  const { projectId: project } = event;
  const id = shownBy(event);
  if (id === null) return { pieces: () => cutUp(plainEventJson(event, options)) };
  const message = await shown(project, id);
  if (message === null) throw gone(id);
  const reading = message.reading ?? (await deps.readStored(project, id, signal));
  if (reading === null) throw gone(id);
  const segments = await frame(event, options, message, reading, deps, signal);
  return { pieces: (ended) => gathered(rendered(segments, message, deps, ended)) };
}

/** The whole event at once: for small events and for tests. */
export async function wholeEvent(rendered: RenderedEvent): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of rendered.pieces()) pieces.push(piece);
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

/** Renders all but the large segments. Octets after the first ones are fetched when they are needed. */
async function frame(
  event: EventRow,
  options: RenderOptions,
  message: ShownMessage,
  reading: Buffer,
  deps: RenderDeps,
  signal?: AbortSignal,
): Promise<readonly Segment[]> {
  const { projectId: share } = message;
  // An inflated reading has several times the octets of the deflated one.
  const onLoop = message.head.length + 8 * reading.length <= ON_THE_LOOP;
  const make = (given: readonly Octets[]): Promise<EventJson> | EventJson => {
    const transfer: ArrayBuffer[] = [];
    const own = (octets: Uint8Array) => {
      if (onLoop) return octets;
      const copy = packed(octets);
      transfer.push(copy.buffer);
      return copy;
    };
    const { id, messageIdHeader, direction, size, prefix } = message;
    const octets = given.map((one) => ({ at: one.at, octets: own(one.octets) }));
    const shown = { id, messageIdHeader, size, octets, incoming: direction === 'incoming' };
    const job: EventJob = {
      event,
      options,
      publicUrl: deps.publicUrl,
      message: { ...shown, prefix: own(prefix), reading: own(reading) },
    };
    return onLoop
      ? eventJson(job)
      : deps.workers.run<EventJson>('eventJson', job, { share, transfer, signal });
  };
  const head: Octets = { at: [0, message.head.length], octets: message.head };
  let made = await make([head]);
  if (made.kind === 'needs') {
    const more: Octets[] = [];
    for (const at of made.spans) more.push({ at, octets: await octetsOf(message, at, deps) });
    made = await make([head, ...more]);
  }
  if (made.kind === 'needs') throw new Error(`event ${event.id} cannot be rendered`);
  return made.segments;
}

async function* rendered(
  segments: readonly Segment[],
  message: ShownMessage,
  deps: RenderDeps,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  let isFirst = true;
  for (const segment of segments) {
    if (segment.kind === 'octets') {
      yield bufferOf(segment.octets);
    } else {
      yield* octetsRendered(segment, message, deps, signal, isFirst);
      isFirst = false;
    }
  }
}
async function* octetsRendered(
  segment: Exclude<Segment, { kind: 'octets' }>,
  message: ShownMessage,
  deps: RenderDeps,
  signal: AbortSignal | undefined,
  isFirst: boolean,
): AsyncGenerator<Buffer> {
  const [start, end] = segment.at;
  const onLoop = end - start <= ON_THE_LOOP;
  let carried = NOTHING_CARRIED;
  for (let at = start; at < end && !carried.ended; ) {
    signal?.throwIfAborted();
    // Octets are read as the store has them, one row at a time.
    const next = Math.min(end, (Math.floor(at / MOST_PIECE) + 1) * MOST_PIECE);
    const octets = await octetsOf(message, [at, next], deps);
    const piece = await pieceOf({ ...jobOf(segment), carried, octets, last: next === end });
    ({ carried } = piece);
    yield bufferOf(piece.made);
    if (!onLoop) deps.released(2 * octets.length + piece.made.length);
    at = next;
  }
  function pieceOf(job: PieceJob): Promise<Piece> | Piece {
    if (onLoop) return renderPiece(job);
    const given = () => ({ ...job, octets: packed(job.octets) });
    return deps.workers.run<Piece>('renderPiece', given, {
      share: message.projectId,
      signal,
      ...(isFirst && job.carried === NOTHING_CARRIED ? {} : { waitMs: PIECE_WAIT_MS }),
    });
  }
}
function jobOf(segment: Exclude<Segment, { kind: 'octets' }>): Pick<PieceJob, 'kind' | 'encoding'> {
  return segment.kind === 'part'
    ? { kind: segment.kind, encoding: segment.encoding }
    : { kind: segment.kind };
}

async function octetsOf(message: ShownMessage, [start, end]: Span, deps: RenderDeps): Promise<Buffer> {
  if (end <= message.head.length) return message.head.subarray(start, end);
  const octets = await deps.spool.octets(message.projectId, message.id, start, end);
  if (octets === null) throw gone(message.id);
  return octets;
}

/** Joins small pieces and cuts large ones. */
async function* gathered(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let size = 0;
  const whole = () => (held.length === 1 ? held[0]! : Buffer.concat(held, size));
  for await (const piece of pieces) {
    if (size > 0 && size + piece.length > MOST_PIECE) {
      yield* cutUp(whole());
      held = [];
      size = 0;
    }
    held.push(piece);
    size += piece.length;
  }
  yield* cutUp(whole());
}
async function* cutUp(octets: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < octets.length; at += MOST_PIECE) yield octets.subarray(at, at + MOST_PIECE);
}
function bufferOf(octets: Uint8Array): Buffer {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length);
}
function gone(id: MessageId): MessageGone {
  return new MessageGone(`message ${id} is no longer kept`);
}
