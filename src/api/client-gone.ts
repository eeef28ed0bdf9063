/** Work for a client that went away ends: its answer would be read by nobody. */
import type { FastifyReply } from 'fastify';

export class ClientGone extends Error {
  override name = 'ClientGone';
}

/** Aborts with ClientGone when the connection closes before the answer has left. */
export function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  const close = () => {
    if (!raw.writableFinished) gone.abort(new ClientGone('the client went away'));
  };
  if (raw.destroyed || raw.socket?.destroyed === true) close();
  else raw.once('close', close);
  return gone.signal;
}
