/**
 * Answers made while they are sent, no faster than the client takes them. Invariants: what fails before the first piece
 * is a problem like any other; behind it the connection is ended in the middle of the body, so that nobody takes the
 * answer for whole, and the log says why.
 */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../runtime/logger.ts';

export interface StreamedOptions {
  readonly type: string;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** What is sent, for the log. */
  readonly ids: Readonly<Record<string, string>>;
}
export async function sendStreamed(
  request: FastifyRequest,
  reply: FastifyReply,
  pieces: AsyncGenerator<Buffer | string>,
  { type, signal, logger, ids }: StreamedOptions,
): Promise<FastifyReply> {
  reply.type(type);
  if (request.method === 'HEAD') return reply.send('');
  const first = await pieces.next();
  async function* rest(): AsyncGenerator<Buffer | string> {
    try {
      if (first.done !== true) yield first.value;
      yield* pieces;
    } catch (error) {
      if (!signal.aborted) logger.error({ request: request.id, ...ids, err: error }, 'an answer broke off');
      throw error;
    } finally {
      await pieces.return(null);
    }
  }
  return reply.send(Readable.from(rest(), { objectMode: false }));
}
