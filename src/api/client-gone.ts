/** Ends the work for a client that has disconnected: nobody would read the answer. */
import type { FastifyReply } from 'fastify';

export class ClientGone extends Error {
  override name = 'ClientGone';
}

/** Aborts with ClientGone if the connection closes before the answer is sent. */
export function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  const close = () => {
    if (!raw.writableFinished) gone.abort(new ClientGone('the client has disconnected'));
  };
  if (raw.destroyed || raw.socket?.destroyed === true) close();
  else raw.once('close', close);
  return gone.signal;
}
