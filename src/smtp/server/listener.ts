/**
 * The one thin place where SMTP sessions meet sockets: accepts, learns who the peer is, gives it a place, upgrades to
 * TLS, keeps deadlines, stops.
 * Invariants: every socket has a deadline that counts from the beginning of its phase, not from its last octet, and is
 * short while places are few; input is paused while more than 64 KiB wait in either direction; only a trusted proxy's
 * PROXY header is believed, and from a trusted proxy nothing is served without one; after disposal no socket and no
 * timer is left.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Service } from '../../runtime/lifecycle.ts';
import type { Logger } from '../../runtime/logger.ts';
import { noNotices } from '../../runtime/notices.ts';
import { type Prefixes, prefixesOf } from '../../runtime/prefixes.ts';
import { createRate, perWidth, type Rate } from '../../runtime/rates.ts';
import { createRoster, type Entry } from '../../runtime/roster.ts';
import { createSlots, type Slots } from '../../runtime/slots.ts';
import { formatReply, type Reply } from '../reply.ts';
import { type Peer, peerBehind, readProxyHeader } from './proxy-peer.ts';
import type { Connection, ListenerRole, Receiver } from './receiver.ts';
import { DROPPED, SHUTTING_DOWN, TIMED_OUT, TOO_MANY_CONNECTIONS, TOO_MANY_HANDSHAKES } from './replies.ts';
import { createSession, type Session, type SessionOptions } from './session.ts';

export interface ListenerOptions extends Omit<SessionOptions, 'tlsAvailable' | 'mayHandshake'> {
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
  /** Addresses whose connections begin with a PROXY header. */
  readonly trustedProxy?: (address: string) => boolean;
  /** Places, one budget for all listeners of a role. Without it, one of its own by the next two. */
  readonly slots?: Slots;
  readonly maxPerAddress?: number;
  readonly maxConnections?: number;
  /** TLS handshakes a minute, one budget for all listeners. */
  readonly handshakes?: Rate;
  /** ms for which the greeting is held back from strangers; who speaks meanwhile is turned away. */
  readonly greetingDelayMs?: number;
}
export interface SmtpListener extends Service {
  readonly port: number;
  readonly connections: number;
}

/** ms: RFC 5321 §4.5.3.2.7 asks for 5 minutes between commands; DATA has 10 in all and 500 octets a second at least. */
const DEADLINES = {
  proxy: 10_000,
  handshake: 60_000,
  command: 300_000,
  data: 600_000,
  judging: 600_000,
  committing: 600_000,
  // The last reply has been written: a client that does not read it is not waited for.
  closing: 10_000,
} as const;
/** While places are few. A message that is being committed has its time. */
const PRESSED_DEADLINES: Record<keyof typeof DEADLINES, number> = {
  proxy: 5_000,
  handshake: 10_000,
  command: 10_000,
  data: 120_000,
  judging: 60_000,
  committing: DEADLINES.committing,
  closing: 2_000,
};
/** Places of a role, and those of one address or /64. */
export const MOST_CONNECTIONS = 5_000;
export const MOST_OF_AN_ADDRESS = 50;
export const HANDSHAKES_A_MINUTE = perWidth(300);
const SWEEP_MS = 1_000;
const SLOWEST = 500;
const SLOW_GRACE_MS = 60_000;
/** Of a sweep while places are few: thousands at once would be a stall, and come again at once. */
const MOST_CLOSED_AT_ONCE = 250;
const PRESSED_SLOW_GRACE_MS = 10_000;
const HIGH_WATER = 64 * 1024;
/** From the signal to stop: the time for messages that are being sent or committed. */
const STOP_MS = 15_000;

/** Sockets without a place (behind a proxy that has not said for whom, or on their way out) beside those with one. */
const MOST_WITHOUT = 1_000;

interface Live extends Entry {
  /** For the log; unique in the process. */
  readonly id: string;
  /** TLS once it has begun. */
  socket: Socket;
  session: Session | null;
  phase: keyof typeof DEADLINES;
  since: number;
  octets: number;
  /** Monotonic ms when octets came last. */
  heard: number;
  greeting: Timer | null;
}

export function createSmtpListener(options: ListenerOptions): SmtpListener {
  const { clock, logger, role } = options;
  const maxConnections = options.maxConnections ?? MOST_CONNECTIONS;
  const slots =
    options.slots ??
    createSlots({ most: maxConnections, parts: perWidth(options.maxPerAddress ?? MOST_OF_AN_ADDRESS) });
  const handshakes = options.handshakes ?? createRate(clock, 60_000, HANDSHAKES_A_MINUTE);
  const notices = options.notices ?? noNotices;
  const live = createRoster<Live>();
  const implicit = role === 'submissions';
  let serial = 0;
  let sweeper: Timer | null = null;
  let server: Server | null = null;
  let stopping = false;
  let closed: Promise<unknown> = Promise.resolve();
  let late: Timer | null = null;
  let unhook = () => {};

  function enter(one: Live, phase: Live['phase']): void {
    if (one.phase === 'closing') return;
    one.phase = phase;
    one.since = clock.monotonic();
    one.octets = 0;
  }
  /** Writes what is left and closes; the deadline is for a client that does not take it. */
  function finish(one: Live, last: Reply | null = null): void {
    if (last !== null && one.socket.writable) one.socket.write(formatReply(last));
    one.session?.closed();
    enter(one, 'closing');
    one.socket.destroySoon();
  }
  /** Nobody is told anything before a session, nor inside a handshake. */
  function mute(one: Live): boolean {
    return one.session === null || one.phase === 'handshake' || one.phase === 'closing';
  }
  function sweep(): void {
    const now = clock.monotonic();
    const deadlines = slots.pressed || stopping ? PRESSED_DEADLINES : DEADLINES;
    let most = slots.pressed ? MOST_CLOSED_AT_ONCE : Number.POSITIVE_INFINITY;
    const grace = slots.pressed ? PRESSED_SLOW_GRACE_MS : SLOW_GRACE_MS;
    for (const one of live) {
      const age = now - one.since;
      const slow = one.phase === 'data' && age > grace && one.octets < (age / 1000) * SLOWEST;
      if (age <= deadlines[one.phase] && !slow) continue;
      if (--most < 0) break;
      if (one.phase === 'proxy') logger.warn({ role }, 'a trusted proxy sent no PROXY header in time');
      if (mute(one)) one.socket.destroy();
      else finish(one, TIMED_OUT);
    }
    sweeper = clock.after(SWEEP_MS, sweep);
  }

  function accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    if (socket.remoteAddress === undefined || live.size >= maxConnections + MOST_WITHOUT) {
      socket.destroy(); // it has gone already, or nothing is left even for saying no
      return;
    }
    const address = socket.remoteAddress.replace(/^::ffff:/, '');
    const direct: Peer = { address, port: socket.remotePort ?? 0, kind: 'direct' };
    const now = clock.monotonic();
    const one: Live = {
      id: `${role}-${process.pid}-${++serial}`,
      socket,
      session: null,
      phase: 'handshake',
      since: now,
      octets: 0,
      heard: now,
      greeting: null,
      place: 0,
    };
    live.add(one);
    socket.once('close', () => {
      live.remove(one);
      one.greeting?.cancel();
      one.session?.closed();
      // Node keeps a closed socket for a while; the session need not be kept with it.
      one.session = null;
      one.socket.removeAllListeners('data').removeAllListeners('end');
    });
    if (stopping) turnAway(one, SHUTTING_DOWN);
    else if (!(options.trustedProxy?.(address) ?? false)) admit(one, direct);
    else {
      enter(one, 'proxy');
      readProxyHeader(socket, (header) => {
        if (header.kind !== 'invalid') return admit(one, peerBehind(direct, header));
        logger.warn({ role, proxy: address, reason: header.reason }, 'a trusted proxy sent no PROXY header');
        socket.destroy();
      });
    }
  }
  function turnAway(one: Live, why: Reply): void {
    finish(one, implicit ? null : why);
  }

  /** The peer is known: whether it may have one more connection. */
  function admit(one: Live, peer: Peer): void {
    const { socket } = one;
    const { address } = peer;
    // A proxy's own health checks are not to fail because of what comes through it.
    const prefixes = peer.kind === 'self' || options.exempt?.(address) === true ? null : prefixesOf(address);
    const entered = slots.enter(prefixes, {
      idle: () =>
        one.phase === 'committing' ? null : clock.monotonic() - Math.max(one.since, dataHeard(one)),
      drop() {
        notices.tell('connection-dropped', address, one.id);
        if (mute(one)) one.socket.destroy();
        else finish(one, DROPPED);
      },
    });
    if (entered.kind === 'full') {
      notices.tell('connections-capped', address, one.id);
      turnAway(one, TOO_MANY_CONNECTIONS);
      return;
    }
    socket.once('close', entered.leave);
    const facts = {
      id: one.id,
      role,
      remoteAddress: address,
      remotePort: peer.port,
    };
    const receiver = peer.kind === 'unknown' ? withoutNetworks(options.receiver) : options.receiver;
    if (implicit && !mayHandshake(prefixes)) {
      notices.tell('handshakes-capped', address, one.id);
      turnAway(one, TOO_MANY_HANDSHAKES);
    } else if (implicit) {
      secure(one, socket, (secured, tls) => begin(one, secured, { ...facts, tls }, receiver, prefixes));
    } else begin(one, socket, { ...facts, tls: null }, receiver, prefixes);
  }
  function mayHandshake(prefixes: Prefixes | null): boolean {
    return prefixes === null || handshakes.take(prefixes) === null;
  }
  /** A command counts from its beginning; of a message each octet is a sign of life. */
  function dataHeard(one: Live): number {
    return one.phase === 'data' ? one.heard : 0;
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

  function begin(
    one: Live,
    socket: Socket,
    facts: Parameters<typeof createSession>[0],
    receiver: Receiver,
    prefixes: Prefixes | null,
  ): void {
    const session = createSession(
      facts,
      {
        ...options,
        receiver,
        tlsAvailable: options.secureContext !== null,
        mayHandshake: () => mayHandshake(prefixes),
      },
      {
        write(text) {
          if (one.socket.writable) one.socket.write(text, 'utf8');
        },
        close: () => finish(one),
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
        one.heard = clock.monotonic();
        session.feed(chunk);
        if (one.greeting !== null) greet();
        if (session.waiting() > HIGH_WATER || on.writableLength > HIGH_WATER) {
          on.pause();
          void resumeWhenTaken(on);
        }
      });
      on.on('end', () => {
        session.settled().then(() => on.end());
      });
      on.resume();
    }
    async function resumeWhenTaken(on: Socket): Promise<void> {
      await session.settled();
      if (one.socket !== on || on.destroyed) return;
      // A client that sends without reading the answers gets to send no more; its deadline goes on.
      if (on.writableLength > HIGH_WATER) on.once('drain', () => on.resume());
      else on.resume();
    }
    function greet(): void {
      one.greeting?.cancel();
      one.greeting = null;
      void session.begin();
    }
    one.session = session;
    enter(one, 'command');
    listen(socket);
    // Octets that came together with the connection are read in the next turn of the loop: whoever sent them without
    // waiting for the greeting is seen, and nobody waits longer than that turn.
    const delay = prefixes === null || slots.pressed ? 0 : (options.greetingDelayMs ?? 0);
    if (stopping) session.end(SHUTTING_DOWN);
    else if (delay > 0) one.greeting = clock.after(delay, greet);
    else setImmediate(() => setImmediate(() => void session.begin()));
  }

  function dismiss(one: Live): void {
    if (one.phase === 'closing') return;
    one.greeting?.cancel();
    if (mute(one)) one.socket.destroy();
    else one.session!.end(SHUTTING_DOWN);
  }
  /** The time runs from the first call: the signal, or else the disposal. */
  function stop(): void {
    if (stopping) return;
    stopping = true;
    if (server === null) return;
    closed = once(server, 'close');
    server.close();
    for (const one of live) dismiss(one);
    late = clock.after(STOP_MS, () => {
      for (const one of live) one.socket.destroy();
    });
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
      server.on('error', (error) => logger.error({ role, err: error }, 'a connection could not be accepted'));
      sweeper = clock.after(SWEEP_MS, sweep);
      if (signal.aborted) stop();
      else {
        signal.addEventListener('abort', stop, { once: true });
        unhook = () => signal.removeEventListener('abort', stop);
      }
    },
    async [Symbol.asyncDispose]() {
      unhook();
      stop();
      await Promise.all(
        [...live].map((one) => (one.socket.destroyed ? null : once(one.socket, 'close').catch(() => null))),
      );
      await closed;
      sweeper?.cancel();
      late?.cancel();
    },
  };
}

/** The proxy's own network says nothing about the client behind it: no principal comes from the address. */
function withoutNetworks(receiver: Receiver): Receiver {
  return {
    connect: async () => ({ ok: true, value: null }),
    authenticate: (connection: Connection, username, password) =>
      receiver.authenticate(connection, username, password),
    mail: (connection, mail) => receiver.mail(connection, mail),
  };
}
