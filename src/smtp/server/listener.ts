/**
 * The one thin place where SMTP sessions meet sockets: accepts, counts, upgrades to TLS, keeps deadlines, stops.
 * Invariants: every socket has a deadline that counts from the beginning of its phase, not from its last octet; input
 * is paused while more than 64 KiB wait; after disposal no socket and no timer is left.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Service } from '../../runtime/lifecycle.ts';
import type { Logger } from '../../runtime/logger.ts';
import { formatReply } from '../reply.ts';
import type { ListenerRole } from './receiver.ts';
import { SHUTTING_DOWN, TIMED_OUT, TOO_MANY_CONNECTIONS } from './replies.ts';
import { createSession, type Session, type SessionOptions } from './session.ts';

export interface ListenerOptions extends Omit<SessionOptions, 'tlsAvailable'> {
  readonly role: ListenerRole;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Asked at each handshake, so that a renewed certificate is used at once; null: no TLS. */
  readonly secureContext: (() => SecureContext) | null;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Addresses without a cap (trusted networks). */
  readonly exempt?: (address: string) => boolean;
  readonly maxPerAddress?: number;
  readonly maxConnections?: number;
}
export interface SmtpListener extends Service {
  readonly port: number;
  readonly connections: number;
}

/** ms: RFC 5321 §4.5.3.2.7 asks for 5 minutes between commands; DATA has 10 in all and 500 octets a second at least. */
const DEADLINES = { handshake: 60_000, command: 300_000, data: 600_000, busy: 600_000 } as const;
const SWEEP_MS = 5_000;
const SLOWEST = 500;
const SLOW_GRACE_MS = 60_000;
const HIGH_WATER = 64 * 1024;
const STOP_MS = 20_000;

interface Live {
  socket: Socket;
  session: Session | null;
  phase: keyof typeof DEADLINES;
  since: number;
  octets: number;
}

export function createSmtpListener(options: ListenerOptions): SmtpListener {
  const { clock, logger, role } = options;
  const maxPerAddress = options.maxPerAddress ?? 50;
  const maxConnections = options.maxConnections ?? 5_000;
  const live = new Set<Live>();
  const perAddress = new Map<string, number>();
  const implicit = role === 'submissions';
  let serial = 0;
  let sweeper: Timer | null = null;
  let server: Server | null = null;
  let stopping = false;

  function enter(one: Live, phase: Live['phase']): void {
    one.phase = phase;
    one.since = clock.monotonic();
    one.octets = 0;
  }
  function sweep(): void {
    const now = clock.monotonic();
    for (const one of live) {
      const age = now - one.since;
      const slow = one.phase === 'data' && age > SLOW_GRACE_MS && one.octets < (age / 1000) * SLOWEST;
      if (age <= DEADLINES[one.phase] && !slow) continue;
      if (one.session === null || one.phase === 'handshake') one.socket.destroy();
      else {
        one.socket.write(formatReply(TIMED_OUT));
        one.session.closed();
        one.socket.destroySoon();
      }
    }
    sweeper = clock.after(SWEEP_MS, sweep);
  }

  function accept(socket: Socket): void {
    const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    const count = (perAddress.get(address) ?? 0) + 1;
    const capped = !(options.exempt?.(address) ?? false);
    socket.on('error', () => socket.destroy());
    if (stopping || live.size >= maxConnections || (capped && count > maxPerAddress)) {
      if (!implicit) socket.write(formatReply(stopping ? SHUTTING_DOWN : TOO_MANY_CONNECTIONS));
      socket.destroySoon();
      return;
    }
    perAddress.set(address, count);
    const one: Live = { socket, session: null, phase: 'handshake', since: clock.monotonic(), octets: 0 };
    live.add(one);
    socket.once('close', () => {
      live.delete(one);
      one.session?.closed();
      const left = perAddress.get(address)! - 1;
      if (left === 0) perAddress.delete(address);
      else perAddress.set(address, left);
    });
    const facts = {
      id: `${role}-${process.pid}-${++serial}`,
      role,
      remoteAddress: address,
      remotePort: socket.remotePort ?? 0,
    };
    if (implicit) {
      secure(one, socket, (secured, tls) => begin(one, secured, { ...facts, tls }));
    } else begin(one, socket, { ...facts, tls: null });
  }

  function secure(
    one: Live,
    plain: Socket,
    then: (socket: TLSSocket, tls: { version: string; cipher: string }) => void,
  ): void {
    enter(one, 'handshake');
    const secured = new TLSSocket(plain, { isServer: true, secureContext: options.secureContext!() });
    secured.on('error', (error) => {
      logger.debug({ role, reason: error.message }, 'TLS ended');
      plain.destroy();
    });
    secured.once('close', () => plain.destroy());
    one.socket = secured;
    secured.once('secure', () => {
      then(secured, {
        version: secured.getProtocol() ?? 'unknown',
        cipher: secured.getCipher().standardName ?? secured.getCipher().name,
      });
    });
  }

  function begin(one: Live, socket: Socket, facts: Parameters<typeof createSession>[0]): void {
    function write(text: string): void {
      if (one.socket.writable) one.socket.write(text, 'utf8');
    }
    const session = createSession(
      facts,
      { ...options, tlsAvailable: options.secureContext !== null },
      {
        write,
        close: () => one.socket.destroySoon(),
        phase: (name) => enter(one, name),
        startTls() {
          const plain = one.socket;
          plain.removeAllListeners('data');
          plain.removeAllListeners('end');
          secure(one, plain, (secured, tls) => {
            session.secured(tls);
            listen(secured);
          });
        },
      },
    );
    function listen(on: Socket): void {
      on.on('data', (chunk: Buffer) => {
        one.octets += chunk.length;
        session.feed(chunk);
        if (session.waiting <= HIGH_WATER) return;
        on.pause();
        session.settled().then(() => on.resume());
      });
      on.on('end', () => {
        session.settled().then(() => on.end());
      });
    }
    one.session = session;
    enter(one, 'command');
    listen(socket);
    if (stopping) session.end(SHUTTING_DOWN);
    else void session.begin();
  }

  return {
    get port() {
      const address = server?.address();
      return typeof address === 'object' && address !== null ? address.port : options.port;
    },
    get connections() {
      return live.size;
    },
    async start(signal) {
      server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: false }, accept);
      server.listen({ host: options.host, port: options.port, backlog: 1024 });
      await once(server, 'listening');
      sweeper = clock.after(SWEEP_MS, sweep);
      const stop = () => {
        stopping = true;
        server?.close();
        for (const one of live) one.session?.end(SHUTTING_DOWN);
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    },
    async [Symbol.asyncDispose]() {
      stopping = true;
      sweeper?.cancel();
      sweeper = null;
      const closing = server;
      if (closing === null) return;
      const closed = closing.listening ? once(closing, 'close') : Promise.resolve();
      closing.close();
      for (const one of live) {
        if (one.session === null) one.socket.destroy();
        else one.session.end(SHUTTING_DOWN);
      }
      const late = clock.after(STOP_MS, () => {
        for (const one of live) one.socket.destroy();
      });
      await Promise.all(
        [...live].map((one) => (one.socket.destroyed ? null : once(one.socket, 'close').catch(() => null))),
      );
      late.cancel();
      await closed;
    },
  };
}
