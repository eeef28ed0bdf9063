/**
 * Answers produced while they are sent, no faster than the client reads. Invariants: a failure before the first
 * piece is answered with a problem; after the first piece, the connection ends in the middle of the body, so nobody
 * mistakes the answer for a complete one, and the log says why. An answer of at most 256 KiB is made completely and
 * then sent. A larger answer takes one of a few places, shared fairly among projects, from before its first octet
 * until the last one is sent; it holds one piece in memory, and is cut off if its client does not keep a minimum
 * pace. Fails with NoPlace if no place becomes free in time.
 */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { createPlaces, NoPlace } from '../runtime/places.ts';
import { ClientGone } from './client-gone.ts';

export interface StreamedOptions {
  readonly type: string;
  /** The project that the place counts for. */
  readonly share: string;
  readonly signal: AbortSignal;
  /** Ids of the resource, for the log. */
  readonly ids: Readonly<Record<string, string>>;
}
type Pieces = AsyncGenerator<Buffer | string>;

declare module 'fastify' {
  interface FastifyReply {
    /** Sends the pieces. The handler returns the result. */
    streamed(pieces: Pieces, options: StreamedOptions): Promise<FastifyReply>;
  }
}

/** Maximum octets of an answer that needs no place. */
const SMALL = 256 * 1024;
const PLACES = 64;
const OF_A_PROJECT = 8;
/** Each answer that waits for a place holds its first 512 KiB. */
const WAITING_OF_A_PROJECT = 8;
const WAIT_MS = 10_000;
/**
 * The minimum pace: so many octets in so many ms. Octets leave in jumps: the system takes more only after a third
 * of the megabytes in its buffer has gone, and a client at 16 KB/s needs 80 s for that.
 */
const SLICE = 64 * 1024;
const SLICE_MS = 100_000;

class TooSlow extends Error {
  override name = 'TooSlow';
}

export function takeStreams(app: FastifyInstance, { clock, logger }: { clock: Clock; logger: Logger }): void {
  /** For producing the first octets; not held while the answer waits for its client. */
  const making = createPlaces(PLACES, clock, { places: OF_A_PROJECT });
  const sending = createPlaces(PLACES, clock, { places: OF_A_PROJECT, waiting: WAITING_OF_A_PROJECT });

  app.decorateReply('streamed', function (pieces, options) {
    return send(this, pieces, options);
  });

  async function send(
    reply: FastifyReply,
    pieces: Pieces,
    { type, share, signal, ids }: StreamedOptions,
  ): Promise<FastifyReply> {
    const { request } = reply;
    reply.type(type);
    // Fastify would set a length for a text, even for an empty one.
    if (request.method === 'HEAD') return reply.send(Readable.from([]));
    const begun = await begin(pieces, share, signal);
    if (begun.isWhole) return reply.send(Buffer.concat(begun.held));
    try {
      const place = await sending.take(share, { waitMs: WAIT_MS, signal });
      reply.raw.once('close', () => place[Symbol.dispose]());
      if (signal.aborted) place[Symbol.dispose]();
      signal.throwIfAborted();
    } catch (error) {
      await pieces.return(null);
      throw error;
    }
    async function* paced(): AsyncGenerator<Buffer> {
      try {
        for await (const piece of behind(begun.held, pieces))
          for (let at = 0; at < piece.length; at += SLICE) {
            yield piece.subarray(at, at + SLICE);
            await taken(reply.raw, clock, signal);
          }
      } catch (error) {
        tell(error, request.id);
        throw error;
      }
    }
    function tell(error: unknown, id: string): void {
      if (signal.aborted || error instanceof ClientGone) return;
      if (error instanceof NoPlace || error instanceof TooSlow)
        logger.warn({ request: id, ...ids, reason: error.message }, 'an answer broke off');
      else logger.error({ request: id, ...ids, err: error }, 'an answer broke off');
    }
    return reply.send(Readable.from(paced(), { objectMode: false, highWaterMark: 1 }));
  }

  async function begin(pieces: Pieces, share: string, signal: AbortSignal) {
    using _ = await making.take(share, { waitMs: WAIT_MS, signal });
    const held: Buffer[] = [];
    for (let size = 0; size <= SMALL; size += held.at(-1)!.length) {
      const { done, value } = await pieces.next();
      if (done === true) return { isWhole: true, held };
      held.push(octetsOf(value));
    }
    return { isWhole: false, held };
  }
}
const octetsOf = (piece: Buffer | string) => (typeof piece === 'string' ? Buffer.from(piece) : piece);
/** Releases each held piece when it is sent. */
async function* behind(held: Buffer[], pieces: Pieces): AsyncGenerator<Buffer> {
  try {
    for (let first = held.shift(); first !== undefined; first = held.shift()) yield first;
    for await (const piece of pieces) yield octetsOf(piece);
  } finally {
    await pieces.return(null);
  }
}
/** Resolves when everything written has left. Rejects with TooSlow, or with the signal's reason. */
function taken(raw: ServerResponse, clock: Clock, signal: AbortSignal): Promise<void> {
  if (!raw.writableNeedDrain) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      raw.off('drain', drained);
      signal.removeEventListener('abort', aborted);
      timer.cancel();
      settle();
    };
    const drained = () => end(resolve);
    const aborted = () => end(() => reject(signal.reason));
    const timer = clock.after(SLICE_MS, () =>
      end(() => reject(new TooSlow(`the client took less than ${SLICE} octets in ${SLICE_MS / 1000} s`))),
    );
    raw.once('drain', drained);
    signal.addEventListener('abort', aborted, { once: true });
    if (signal.aborted) aborted();
  });
}
