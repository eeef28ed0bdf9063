/**
 * An event row as the JSON that leaves (format v1), in pieces, so that no large message is there as a whole. The same row
 * gives the same octets every time: nothing in it depends on when or where it is rendered but the base URL. What is over
 * 64 KiB is made in the workers. A message that was not read yet is read now, and its reading kept.
 */
import type { Reader } from '../reading/reader.ts';
import type { Span } from '../reading/types.ts';
import type { MessageId, ProjectId } from '../runtime/ids.ts';
import { packed, type Workers } from '../runtime/workers.ts';
import type { ShownMessage, SpoolReader } from '../spool/types.ts';
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
import type { EventRow } from './types.ts';

export type { RenderOptions } from './event-json.ts';
export interface RenderDeps {
  readonly spool: Pick<SpoolReader, 'message' | 'shown' | 'octets'>;
  readonly workers: Workers;
  readonly read: Reader;
  /** Keeps the reading of a message that had none. */
  readonly keep: (project: ProjectId, id: MessageId, reading: Buffer) => Promise<void>;
  /** Prefix of URLs, without trailing slash. */
  readonly publicUrl: string;
}
export class MessageGone extends Error {
  override name = 'MessageGone';
}
export interface RenderedEvent {
  /**
   * The same octets each time it is called, in pieces of at most 256 KiB. Throws MessageGone where the message has gone
   * meanwhile, NoPlace where no worker came free in time, or the signal's reason.
   */
  pieces(signal?: AbortSignal): AsyncIterable<Buffer>;
}
const MOST_PIECE = 256 * 1024;
/** Octets that are rendered on the loop. */
const ON_THE_LOOP = 64 * 1024;

/** Throws MessageGone where the event shows a message that is no longer kept, and what `pieces` throws. */
export async function renderEvent(
  event: EventRow,
  options: RenderOptions,
  deps: RenderDeps,
  signal?: AbortSignal,
): Promise<RenderedEvent> {
  signal?.throwIfAborted();
  const { messageId: id, projectId: project } = event;
  if (event.summary !== null || id === null) return { pieces: () => cutUp(plainEventJson(event, options)) };
  const message = await deps.spool.shown(project, id);
  if (message === null) throw gone(id);
  const reading = message.reading ?? (await readNow(project, id, deps, signal));
  const segments = await frame(event, options, message, reading, deps, signal);
  return { pieces: (ended) => gathered(rendered(segments, message, deps, ended)) };
}

/** All of it at once: for what is small, and for tests. */
export async function wholeEvent(rendered: RenderedEvent): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of rendered.pieces()) pieces.push(piece);
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

async function readNow(
  project: ProjectId,
  id: MessageId,
  deps: RenderDeps,
  signal?: AbortSignal,
): Promise<Buffer> {
  const message = await deps.spool.message(project, id);
  if (message === null) throw gone(id);
  const reading = await deps.read(message.raw, project, signal);
  await deps.keep(project, id, reading);
  return reading;
}

/** All but the large: what lies behind the first octets and is to be shown is fetched when it is asked for. */
async function frame(
  event: EventRow,
  options: RenderOptions,
  message: ShownMessage,
  reading: Buffer,
  deps: RenderDeps,
  signal?: AbortSignal,
): Promise<readonly Segment[]> {
  const { projectId: share } = message;
  // A reading that is deflated has a multiple of its octets.
  const onLoop = message.head.length + 8 * reading.length <= ON_THE_LOOP;
  const own = (octets: Buffer) => (onLoop ? octets : packed(octets));
  const make = (octets: readonly Octets[]): Promise<EventJson> | EventJson => {
    const { id, messageIdHeader, direction, size, prefix } = message;
    const shown = { id, messageIdHeader, size, octets, incoming: direction === 'incoming' };
    const job: EventJob = {
      event,
      options,
      publicUrl: deps.publicUrl,
      message: { ...shown, prefix: own(prefix), reading: own(reading) },
    };
    return onLoop ? eventJson(job) : deps.workers.run<EventJson>('eventJson', job, { share, signal });
  };
  const head: Octets = { at: [0, message.head.length], octets: own(message.head) };
  let made = await make([head]);
  if (made.kind === 'needs') {
    const more: Octets[] = [];
    for (const at of made.spans) more.push({ at, octets: own(await octetsOf(message, at, deps)) });
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
  for (const segment of segments) {
    if (segment.kind === 'octets') yield bufferOf(segment.octets);
    else yield* octetsRendered(segment, message, deps, signal);
  }
}
async function* octetsRendered(
  segment: Exclude<Segment, { kind: 'octets' }>,
  message: ShownMessage,
  deps: RenderDeps,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const [start, end] = segment.at;
  const onLoop = end - start <= ON_THE_LOOP;
  let carried = NOTHING_CARRIED;
  for (let at = start; at < end && !carried.ended; ) {
    signal?.throwIfAborted();
    // As they lie in the store: one row at a time.
    const next = Math.min(end, (Math.floor(at / MOST_PIECE) + 1) * MOST_PIECE);
    const octets = await octetsOf(message, [at, next], deps);
    const { kind } = segment;
    const job: PieceJob = {
      kind,
      ...(kind === 'part' ? { encoding: segment.encoding } : {}),
      carried,
      octets: onLoop ? octets : packed(octets),
      last: next === end,
    };
    const piece = onLoop
      ? renderPiece(job)
      : await deps.workers.run<Piece>('renderPiece', job, { share: message.projectId, signal });
    ({ carried } = piece);
    yield bufferOf(piece.made);
    at = next;
  }
}

async function octetsOf(message: ShownMessage, [start, end]: Span, deps: RenderDeps): Promise<Buffer> {
  if (end <= message.head.length) return message.head.subarray(start, end);
  const octets = await deps.spool.octets(message.projectId, message.id, start, end);
  if (octets === null) throw gone(message.id);
  return octets;
}

/** Small ones together, large ones cut. */
async function* gathered(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let size = 0;
  for await (const piece of pieces) {
    if (size > 0 && size + piece.length > MOST_PIECE) {
      yield* cutUp(Buffer.concat(held, size));
      held = [];
      size = 0;
    }
    held.push(piece);
    size += piece.length;
  }
  yield* cutUp(held.length === 1 ? held[0]! : Buffer.concat(held, size));
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
