/**
 * For tests: one TCP connection from a chosen loopback address, as octets. Knows no protocol. Whatever the far end
 * does shows in `text` and `closed`; errors are a way of closing. Imported by tests only.
 */
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';

export interface WireClient {
  readonly socket: Socket;
  /** Everything received so far, as latin1. */
  readonly text: string;
  /** Settles when the connection has gone, with everything received. */
  readonly closed: Promise<string>;
  /** Resolves once the octets have been handed to the system. */
  send(octets: Buffer | string): Promise<void>;
  /** Resolves with everything received so far as soon as `pattern` matches it; rejects when the far end closes first. */
  until(pattern: RegExp): Promise<string>;
  /** Sends, and waits for what the pattern finds in the answer alone. */
  ask(octets: Buffer | string, pattern: RegExp): Promise<string>;
}
export interface WireOptions {
  /** Source address; any of 127.0.0.0/8. */
  readonly from?: string;
  /** Written together with the connection. */
  readonly first?: Buffer | string;
  /** False: nothing is ever read, until the caller resumes the socket. */
  readonly reads?: boolean;
}

export function openWire(port: number, options: WireOptions = {}): WireClient {
  // Without Nagle's waiting: what was sent is there in the next turn.
  const socket = connect({
    host: '127.0.0.1',
    port,
    localAddress: options.from ?? '127.0.0.1',
    noDelay: true,
  });
  if (options.first !== undefined) socket.write(options.first);
  return wrap(socket, options.reads ?? true);
}

/** TLS from the first octet; `before` goes in one piece with the ClientHello. */
export async function openWireTls(
  port: number,
  from: string,
  before: Buffer | string,
  tls: ConnectionOptions = {},
): Promise<WireClient> {
  const raw = connect({ host: '127.0.0.1', port, localAddress: from, noDelay: true });
  let prefix = Buffer.from(before);
  const joined = new Duplex({
    read: () => raw.resume(),
    write(chunk: Buffer, _encoding, done) {
      raw.write(Buffer.concat([prefix, chunk]), () => done());
      prefix = Buffer.alloc(0);
    },
    final: (done) => raw.end(() => done()),
  });
  raw.on('data', (chunk) => joined.push(chunk) || raw.pause());
  raw.on('error', (error) => joined.destroy(error));
  raw.on('close', () => joined.destroy());
  return secured(joined, tls);
}

/** Upgrades a connection after its 220 to STARTTLS, or behind a header already sent. */
export function upgrade(client: WireClient, tls: ConnectionOptions = {}): Promise<WireClient> {
  client.socket.removeAllListeners('data');
  return secured(client.socket, tls);
}

function secured(over: Duplex, tls: ConnectionOptions): Promise<WireClient> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls({ ...tls, socket: over, rejectUnauthorized: false }, () =>
      resolve(wrap(socket, true)),
    );
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed within the handshake')));
  });
}

function wrap(socket: Socket, reads: boolean): WireClient {
  let text = '';
  let gone = false;
  const waiting = new Set<() => void>();
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => {
      gone = true;
      resolve(text);
      for (const look of waiting) look();
    });
  });
  socket.on('error', () => {});
  if (reads)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      for (const look of waiting) look();
    });
  function until(pattern: RegExp, from = 0): Promise<string> {
    return new Promise((resolve, reject) => {
      function look() {
        const seen = text.slice(from);
        if (!gone && !pattern.test(seen)) return;
        waiting.delete(look);
        if (pattern.test(seen)) resolve(seen);
        else reject(new Error(`closed before ${pattern}: ${JSON.stringify(text.slice(-200))}`));
      }
      waiting.add(look);
      look();
    });
  }
  const send = (octets: Buffer | string) =>
    new Promise<void>((resolve) => socket.write(octets, () => resolve()));
  return {
    socket,
    get text() {
      return text;
    },
    closed,
    send,
    until: (pattern) => until(pattern),
    async ask(octets, pattern) {
      const from = text.length;
      await send(octets);
      return until(pattern, from);
    },
  };
}

/** Real ms after which a condition is given up; no test waits so long for one that comes. */
const PATIENCE = 20_000;

async function turn(until: number): Promise<void> {
  if (performance.now() > until) throw new Error('what was waited for did not come');
  await new Promise((resolve) => setImmediate(resolve));
}
/** Resolves when the condition holds; it is looked at in every turn of the loop. */
export async function condition(holds: () => boolean): Promise<void> {
  const until = performance.now() + PATIENCE;
  while (!holds()) await turn(until);
}
/** Lets the loop turn until nothing has changed for fifty turns: what was on its way has come as far as it will. */
export async function quiet(measure: () => number): Promise<void> {
  const until = performance.now() + PATIENCE;
  let last = measure();
  for (let same = 0; same < 50; ) {
    await turn(until);
    const now = measure();
    same = now === last ? same + 1 : 0;
    last = now;
  }
}
