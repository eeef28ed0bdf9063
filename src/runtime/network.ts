/** An interface for sockets: all outgoing connections are made here, and tests count or refuse them. */
import { connect, type Socket } from 'node:net';

export interface DialOptions {
  /** An IP address, never a name: the caller has resolved and checked it. */
  readonly address: string;
  readonly port: number;
  /** Deadline for the TCP connection, ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}
export interface Network {
  /**
   * Returns a connected socket (noDelay is on). Throws the system's error, or an error with the code
   * ETIMEDOUT or ABORT_ERR.
   */
  dial(options: DialOptions): Promise<Socket>;
}

export const systemNetwork: Network = {
  dial({ address, port, timeoutMs, signal }) {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: address, port, noDelay: true });
      const abort = () => socket.destroy(Object.assign(new Error('aborted'), { code: 'ABORT_ERR' }));
      const timer = setTimeout(
        () =>
          socket.destroy(
            Object.assign(new Error(`connect to ${address}:${port} timed out`), { code: 'ETIMEDOUT' }),
          ),
        timeoutMs,
      );
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
      socket.once('error', (error) => {
        settle();
        reject(error);
      });
      socket.once('connect', () => {
        settle();
        socket.removeAllListeners('error');
        resolve(socket);
      });
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  },
};
