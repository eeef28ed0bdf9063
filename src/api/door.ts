/**
 * Accepts connections for the HTTP server: gives each connection a place, does TLS if the server uses it, and hands
 * the connection to Node's HTTP. Networks share places and handshakes as at the SMTP ports (runtime/slots,
 * runtime/rates). Invariants: an address or network that has used its part gets no further connection; if all
 * places are taken, the idlest connection of the network with the most makes room; a running write is never cut off
 * for others; each handshake has a total deadline; a refused connection runs no route and checks no key. The
 * certificate is read at each handshake.
 */

import type { ServerOptions, ServerResponse } from 'node:http';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Notices } from '../runtime/notices.ts';
import { type Prefixes, prefixesOf } from '../runtime/prefixes.ts';
import { createRate, perWidth } from '../runtime/rates.ts';
import { createSlots } from '../runtime/slots.ts';
import { noProxy } from './http-edge.ts';
import { endWith } from './linger.ts';
import { Problem } from './problems.ts';

export interface DoorLimits {
  /** Maximum of connections of the whole server. */
  readonly places: number;
  /** Maximum of connections of one address or /64; wider networks may have more (runtime/rates). */
  readonly ofAnAddress: number;
  /** Maximum of TLS handshakes of one address or /64 in a minute. */
  readonly handshakes: number;
}
/** A browser uses six connections, a long poll one for each topic, and a whole office may share one address. */
export const DOOR_LIMITS: DoorLimits = { places: 5_000, ofAnAddress: 200, handshakes: 1_200 };

export interface DoorOptions {
  /** Called at each handshake, so that a renewed certificate is used at once; null: plain HTTP. */
  readonly secureContext: (() => SecureContext) | null;
  /**
   * True for trusted networks and for proxies, which serve many clients: only the limit of the whole server
   * applies.
   */
  readonly exempt: (address: string) => boolean;
  readonly limits: DoorLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly notices: Notices;
}
export interface Door {
  /** A server that gets all of its connections from this module. */
  open(options: ServerOptions, handler: RequestListener): Server;
  readonly connections: number;
  /** Accepts no further connections, and closes those that have not finished TLS. */
  shut(): void;
  /** Closes all connections now. */
  clear(): void;
}

const HANDSHAKE_MS = 15_000;
/** While few places are left: deadlines of a handshake, and of a connection without a request. */
const PRESSED_HANDSHAKE_MS = 5_000;
const PRESSED_WAITING_MS = 10_000;
/** Maximum of unanswered requests on one connection. A client that sends more without reading is cut off. */
const MOST_TURNS = 100;
const SWEEP_MS = 1_000;
/**
 * Maximum of one sweep while few places are left: closing thousands at once would stall, and they would all return
 * at once.
 */
const MOST_CLOSED_AT_ONCE = 250;
/**
 * Maximum of refused connections that get an answer, in total and for one address. Further ones are closed without
 * an answer.
 */
const MOST_WITHOUT = 1_000;
const MOST_WITHOUT_OF_ONE = 20;
/** Methods that change nothing (RFC 9110 §9.2.1): a client that is cut off can repeat them. */
const SAFE: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS']);

interface Live {
  /** For the log; unique in the process. */
  readonly id: string;
  readonly socket: Socket;
  /** Not limited, and never closed to make room for others. */
  readonly trusted: boolean;
  inHandshake: boolean;
  /** Monotonic ms of the last beginning or end of the connection, a handshake, a request or an answer. */
  since: number;
  /** Requests without a complete answer, in order: the first is being answered, and the others wait. */
  readonly turns: (() => void)[];
  last: { readonly request: IncomingMessage; readonly response: ServerResponse } | null;
}

export function createDoor({ secureContext, exempt, limits, clock, logger, notices }: DoorOptions): Door {
  const slots = createSlots({ most: limits.places, parts: perWidth(limits.ofAnAddress) });
  const leaving = createSlots({ most: MOST_WITHOUT, parts: perWidth(MOST_WITHOUT_OF_ONE) });
  const handshakes = createRate(clock, 60_000, perWidth(limits.handshakes));
  const live = new Set<Live>();
  /** By the socket that Node's HTTP uses. */
  const bySocket = new WeakMap<Socket, Live>();
  let serial = 0;
  let sweeper: Timer | null = null;
  let isShut = false;

  /** A complete request that may change something has no answer yet. */
  function writes({ last }: Live): boolean {
    if (last === null) return false;
    const { request, response } = last;
    return request.complete && !response.headersSent && !SAFE.has(request.method);
  }
  function isLate(one: Live): boolean {
    const age = clock.monotonic() - one.since;
    if (one.inHandshake) return age > (slots.pressed ? PRESSED_HANDSHAKE_MS : HANDSHAKE_MS);
    return slots.pressed && !one.trusted && one.turns.length === 0 && age > PRESSED_WAITING_MS;
  }
  function sweep(): void {
    let most = slots.pressed ? MOST_CLOSED_AT_ONCE : Number.POSITIVE_INFINITY;
    for (const one of live) {
      if (!isLate(one)) continue;
      if (--most < 0) break;
      one.socket.destroy();
    }
    sweeper = live.size === 0 ? null : clock.after(SWEEP_MS, sweep);
  }

  /** `serve`: Node's own listener for connections, which reads the requests. */
  function accept(socket: Socket, serve: (socket: Socket) => void): void {
    if (isShut || socket.remoteAddress === undefined || live.size >= limits.places + MOST_WITHOUT) {
      socket.destroy();
      return;
    }
    const address = socket.remoteAddress.replace(/^::ffff:/, '');
    const one: Live = {
      id: `http-${process.pid}-${++serial}`,
      socket,
      trusted: exempt(address),
      inHandshake: secureContext !== null,
      since: clock.monotonic(),
      turns: [],
      last: null,
    };
    live.add(one);
    sweeper ??= clock.after(SWEEP_MS, sweep);
    socket.once('close', () => live.delete(one));
    const prefixes = one.trusted ? null : prefixesOf(address);
    const entered = slots.enter(prefixes, {
      idle: () => (writes(one) ? null : clock.monotonic() - one.since),
      drop() {
        notices.tell('connection-dropped', address, one.id);
        socket.destroy();
      },
    });
    if (entered.kind === 'full') {
      notices.tell('connections-capped', address, one.id);
      refuse(one, prefixes);
      return;
    }
    socket.once('close', entered.leave);
    if (secureContext === null) {
      bySocket.set(socket, one);
      serve(socket);
    } else if (prefixes === null || handshakes.take(prefixes) === null) {
      secure(one, secureContext(), serve);
    } else {
      notices.tell('handshakes-capped', address, one.id);
      refuse(one, prefixes);
    }
  }
  /** Before TLS, no answer is possible. An address that is refused often must not use up the answers of others. */
  function refuse({ socket, since }: Live, prefixes: Prefixes | null): void {
    socket.on('error', () => socket.destroy());
    if (secureContext !== null) return void socket.destroy();
    const entered = leaving.enter(prefixes, {
      idle: () => clock.monotonic() - since,
      drop: () => socket.destroy(),
    });
    if (entered.kind === 'full') return void socket.destroy();
    socket.once('close', entered.leave);
    socket.resume();
    endWith(socket, TOO_MANY, clock);
  }
  function secure(one: Live, context: SecureContext, serve: (socket: Socket) => void): void {
    one.socket.on('error', () => one.socket.destroy());
    const secured = new TLSSocket(one.socket, {
      isServer: true,
      secureContext: context,
      ALPNProtocols: ['http/1.1'],
    });
    secured.on('error', (error) => {
      logger.debug({ role: 'http', reason: error.message }, 'TLS ended');
      one.socket.destroy();
    });
    secured.once('close', () => one.socket.destroy());
    secured.once('secure', () => {
      one.inHandshake = false;
      one.since = clock.monotonic();
      bySocket.set(secured, one);
      serve(secured);
    });
  }
  /** After CONNECT, Node leaves the connection; answers that are due come first. */
  function refuseConnect(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    socket.resume();
    const refusing = () => endWith(socket, noProxy(), clock);
    const due = bySocket.get(socket)?.last?.response;
    if (due === undefined) refusing();
    else due.once('close', refusing);
  }
  /** Handles the requests of a connection one after the other, as their answers leave (RFC 9112 §9.3.2). */
  function asked(request: IncomingMessage, response: ServerResponse, handle: () => void): void {
    const one = bySocket.get(request.socket);
    if (one === undefined) {
      handle();
      return;
    }
    // Requests after the last answer of a connection are ignored (RFC 9112 §9.6).
    if (!request.socket.writable) return;
    one.since = clock.monotonic();
    one.turns.push(() => {
      one.last = { request, response };
      response.once('close', () => {
        one.since = clock.monotonic();
        one.last = null;
        one.turns.shift();
        if (!request.socket.writable) one.turns.length = 0;
        one.turns[0]?.();
      });
      handle();
    });
    if (one.turns.length === 1) one.turns[0]!();
    else if (one.turns.length > MOST_TURNS) request.socket.destroy();
  }

  return {
    get connections() {
      return live.size;
    },
    open(options, handler) {
      const take: RequestListener = (request, response) =>
        asked(request, response, () => handler(request, response));
      const server = createServer(options, take);
      // Without listeners, Node would answer an unknown expectation without a problem, and CONNECT not at all.
      server.on('checkExpectation', take);
      server.on('connect', (_request, socket: Socket) => refuseConnect(socket));
      // Node would drop fields beyond 2000 unseen; 16 KiB bound them.
      server.maxHeadersCount = 0;
      const serving = server.listeners('connection');
      server.removeAllListeners('connection');
      server.on('connection', (socket: Socket) =>
        accept(socket, (taken) => {
          for (const serve of serving) serve.call(server, taken);
        }),
      );
      return server;
    },
    shut() {
      isShut = true;
      for (const { inHandshake, socket } of live) if (inHandshake) socket.destroy();
    },
    clear() {
      for (const { socket } of live) socket.destroy();
      sweeper?.cancel();
      sweeper = null;
    },
  };
}

const TOO_MANY = new Problem(
  'too-many-connections',
  'the service accepts no further connection from your network now, try again later',
  { headers: { 'retry-after': '10' } },
);
