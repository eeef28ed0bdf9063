/**
 * For tests and benchmarks: an SMTP server on a free loopback port that knows only how to cut what it hears into lines
 * and messages; whoever opens it decides what to say. Input is Latin-1 text: every octet is one character.
 * Disposing it cuts all connections. Nothing of the service's own code is in it.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createSecureContext, type SecureContextOptions, TLSSocket } from 'node:tls';

export interface Pair extends Pick<SecureContextOptions, 'minVersion' | 'maxVersion' | 'ciphers'> {
  /** PEM */
  readonly key: string;
  readonly cert: string;
}
export interface FarEndSession {
  /** Of all connections, from 1. */
  readonly nth: number;
  /** Nothing happens where the link is gone. */
  say(octets: string | Buffer): void;
  /** What comes next, up to the dot on a line of its own, is one message. */
  expectMessage(): void;
  /** Goes on under TLS; what was sent before it is kept and heard after it, as a careless server does. */
  secure(pair: Pair): void;
  /** Stays, but neither listens nor speaks any more. */
  fallSilent(): void;
  /** Says `octets`, closes, and listens no more. */
  end(octets?: string): void;
  /** Cuts the link. */
  drop(): void;
}
/** Takes a command line without its CRLF, or a message as sent (dots stuffed) without the CRLF before its last dot. */
export type Listen = (input: string, kind: 'command' | 'message') => void;
export interface FarEndOptions {
  /** Greets, or does not; null: nothing that the client sends is ever read. */
  meet(session: FarEndSession): Listen | null;
  /** TLS from the first octet. */
  readonly implicit?: Pair;
}
export interface FarEnd extends AsyncDisposable {
  readonly port: number;
  /** Connections so far. */
  readonly connections: number;
  /** Connections still open. */
  readonly open: number;
}

export async function openFarEnd({ meet, implicit }: FarEndOptions): Promise<FarEnd> {
  const sockets = new Set<Socket>();
  const counts = { connections: 0 };

  function serve(plain: Socket): void {
    counts.connections += 1;
    sockets.add(plain);
    plain.setNoDelay(true);
    plain.on('close', () => sockets.delete(plain)).on('error', () => plain.destroy());
    let socket: Socket = implicit === undefined ? plain : encrypted(plain, implicit);
    let listen: Listen | null = null;
    let heard = '';
    let inMessage = false;
    const session: FarEndSession = {
      nth: counts.connections,
      say: (octets) => void (socket.writable && socket.write(octets)),
      expectMessage() {
        inMessage = true;
      },
      secure(pair) {
        plain.removeAllListeners('data');
        socket = encrypted(plain, pair);
        attach(socket);
      },
      fallSilent: () => void socket.removeAllListeners('data').resume(),
      end(octets = '') {
        socket.removeAllListeners('data');
        socket.end(octets);
      },
      drop: () => void socket.destroy(),
    };
    function attach(on: Socket): void {
      on.on('data', (chunk: Buffer) => {
        heard += chunk.toString('latin1');
        // A session that goes on under TLS, or has ended, is not heard on this socket any more.
        while (on === socket && on.listenerCount('data') > 0) {
          // An empty message is the dot alone: the CRLF in front of it ended the DATA command.
          const empty = inMessage && heard.startsWith('.\r\n');
          const end = empty ? 0 : heard.indexOf(inMessage ? '\r\n.\r\n' : '\r\n');
          if (end === -1) return;
          const input = heard.slice(0, end);
          heard = heard.slice(end + (empty ? 3 : inMessage ? 5 : 2));
          const kind = inMessage ? 'message' : 'command';
          inMessage = false;
          listen!(input, kind);
        }
      });
    }
    listen = meet(session);
    if (listen !== null) attach(socket);
  }
  const server = createServer(serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get connections() {
      return counts.connections;
    },
    get open() {
      return sockets.size;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

function encrypted(plain: Socket, pair: Pair): Socket {
  const socket = new TLSSocket(plain, { isServer: true, secureContext: createSecureContext(pair) });
  return socket.on('error', () => socket.destroy());
}
