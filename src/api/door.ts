/**
 * The HTTP server's front door: gives each connection a place, speaks TLS where the server does, and hands it to Node's
 * HTTP. Places and handshakes are shared by network as at the SMTP ports (runtime/slots, runtime/rates).
 * Invariants: of an address or network with its part nobody more gets in; where all places are taken the idlest
 * connection of the greediest makes room; a write under way is never cut for others; each handshake has a deadline in
 * all; what is refused costs no route and no key. The certificate is asked for at each handshake.
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
import { endWith } from './linger.ts';
import { Problem } from './problems.ts';

export interface DoorLimits {
  /** Connections of the whole server. */
  readonly places: number;
  /** Those of one address or /64; wider networks have more (runtime/rates). */
  readonly ofAnAddress: number;
  /** TLS handshakes a minute of one address or /64. */
  readonly handshakes: number;
}
/** A browser has six connections, a long poll one for each topic, and an office is behind one address. */
export const DOOR_LIMITS: DoorLimits = { places: 5_000, ofAnAddress: 200, handshakes: 1_200 };

export interface DoorOptions {
  /** Asked at each handshake, so that a renewed certificate is used at once; null: plain HTTP. */
  readonly secureContext: (() => SecureContext) | null;
  /** Trusted networks, and proxies, whose connections are many clients': they count for the whole alone. */
  readonly exempt: (address: string) => boolean;
  readonly limits: DoorLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly notices: Notices;
}
export interface Door {
  /** A server all of whose connections come in by this door. */
  open(options: ServerOptions, handler: RequestListener): Server;
  readonly connections: number;
  /** Nobody is let in any more, and whoever has not got through TLS is gone. */
  shut(): void;
  /** Everybody goes now. */
  clear(): void;
}

const HANDSHAKE_MS = 15_000;
/** While places are few: for a handshake, and for a connection on which nothing is asked. */
const PRESSED_HANDSHAKE_MS = 5_000;
const PRESSED_WAITING_MS = 10_000;
/** Requests of one connection that have no whole answer: whoever asks for more without reading is cut off. */
const MOST_TURNS = 100;
const SWEEP_MS = 1_000;
/** Of a sweep while places are few: thousands at once would be a stall, and come again at once. */
const MOST_CLOSED_AT_ONCE = 250;
/** Connections on their way out beside those with a place, and those of one address: beyond them without a word. */
const MOST_WITHOUT = 1_000;
const MOST_WITHOUT_OF_ONE = 20;
/** Methods that change nothing (RFC 9110 §9.2.1): whoever is cut off asks again. */
const SAFE: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS']);

interface Live {
  /** For the log; unique in the process. */
  readonly id: string;
  readonly socket: Socket;
  /** Without a cap, and never closed for others. */
  readonly trusted: boolean;
  inHandshake: boolean;
  /** Monotonic ms when the connection, a handshake, a request or an answer began or ended last. */
  since: number;
  /** Requests without their whole answer, in their order: the first is being answered, and the others wait for it. */
  readonly turns: (() => void)[];
  last: { readonly request: IncomingMessage; readonly response: ServerResponse } | null;
}

export function createDoor({ secureContext, exempt, limits, clock, logger, notices }: DoorOptions): Door {
  const slots = createSlots({ most: limits.places, parts: perWidth(limits.ofAnAddress) });
  const leaving = createSlots({ most: MOST_WITHOUT, parts: perWidth(MOST_WITHOUT_OF_ONE) });
  const handshakes = createRate(clock, 60_000, perWidth(limits.handshakes));
  const live = new Set<Live>();
  /** By the socket that HTTP sees. */
  const bySocket = new WeakMap<Socket, Live>();
  let serial = 0;
  let sweeper: Timer | null = null;
  let isShut = false;

  /** A request has come whole that changes something, and nothing is answered so far. */
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

  /** `serve`: Node's own taking of a connection, which reads requests from it. */
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
  /** Nobody can be told anything before TLS. Who is refused often takes no time from others who are. */
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
  /** One request of a connection after the other, as their answers leave (RFC 9112 §9.3.2). */
  function asked(request: IncomingMessage, response: ServerResponse, handle: () => void): void {
    const one = bySocket.get(request.socket);
    if (one === undefined) {
      handle();
      return;
    }
    // What comes behind the last answer of a connection is answered by nobody (RFC 9112 §9.6).
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
      const server = createServer(options, (request, response) => {
        asked(request, response, () => handler(request, response));
      });
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
