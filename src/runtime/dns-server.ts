/**
 * The sockets of a zone that this service serves itself: UDP and TCP on one port (RFC 7766). Invariants:
 * above PER_SECOND questions a second from one network, UDP answers only "ask over TCP", so a forged source
 * address gains nothing; above ALL_PER_SECOND from all networks together, the server does not answer, and
 * clients try again; TCP connections are few and short and answer one question after the other. Errors:
 * `start` rejects with the system's error; if the zone throws, the answer is SERVFAIL and the error is
 * logged.
 */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, isIPv6, type Socket } from 'node:net';
import { networkOf } from './addresses.ts';
import type { Clock } from './clock.ts';
import { answerPacket, type DnsZone, deferToTcp } from './dns-zone.ts';
import type { Service } from './lifecycle.ts';
import type { Logger } from './logger.ts';

export interface DnsServerDeps {
  readonly zone: DnsZone;
  readonly listen: { readonly host: string; readonly port: number };
  readonly clock: Clock;
  readonly logger: Logger;
}
export interface ZoneServer extends Service {
  readonly port: number;
}

export const PER_SECOND = 20;
/** Each unknown name costs a lookup in the store. */
const ALL_PER_SECOND = 5000;
const CONNECTIONS = 100;
const CONNECTIONS_OF_ONE = 10;
const IDLE_MS = 10_000;
/** A question with every known option is far smaller. */
const MOST_QUESTION = 4096;
const MOST_TRIES = 10;

export function createDnsServer({ zone, listen, clock, logger }: DnsServerDeps): ZoneServer {
  const connections = new Map<Socket, string>();
  const asked = new Map<string, number>();
  let second = 0;
  let total = 0;
  let udp: UdpSocket | null = null;
  let port = listen.port;
  const tcp = createServer(connected);

  /**
   * The number of this question among those of its network in this second; null if there are too many from
   * all networks.
   */
  function count(address: string): number | null {
    const now = Math.floor(clock.monotonic() / 1000);
    if (now !== second) {
      asked.clear();
      second = now;
      total = 0;
    }
    total += 1;
    if (total > ALL_PER_SECOND) return null;
    const network = networkOf(address);
    const nth = (asked.get(network) ?? 0) + 1;
    asked.set(network, nth);
    return nth;
  }
  const failed = (error: unknown) =>
    logger.error({ err: error, zone: zone.name }, 'answering a question to the DNS zone failed');

  async function datagram(socket: UdpSocket, packet: Buffer, from: RemoteInfo): Promise<void> {
    const nth = count(from.address);
    if (nth === null || from.port === 0) return;
    const answer = nth > PER_SECOND ? deferToTcp(packet) : await answerPacket(packet, zone, 'udp', failed);
    // The socket was closed in the meantime, or the client cannot be reached; the client asks again.
    if (answer !== null && socket === udp) socket.send(answer, from.port, from.address, () => {});
  }

  function connected(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const network = networkOf(socket.remoteAddress ?? '');
    const same = [...connections.values()].filter((one) => one === network).length;
    if (connections.size >= CONNECTIONS || same >= CONNECTIONS_OF_ONE) {
      socket.destroy();
      return;
    }
    connections.set(socket, network);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.once('close', () => connections.delete(socket));
    void talk(socket).finally(() => socket.destroySoon());
  }
  async function talk(socket: Socket): Promise<void> {
    let rest: Buffer = Buffer.alloc(0);
    try {
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        rest = Buffer.concat([rest, chunk]);
        while (rest.length >= 2) {
          const end = 2 + rest.readUInt16BE(0);
          if (end > MOST_QUESTION) return;
          if (rest.length < end) break;
          if (count(socket.remoteAddress ?? '') === null) return;
          const answer = await answerPacket(rest.subarray(2, end), zone, 'tcp', failed);
          if (answer === null) return;
          rest = rest.subarray(end);
          const length = Buffer.alloc(2);
          length.writeUInt16BE(answer.length);
          if (!socket.write(Buffer.concat([length, answer]))) await once(socket, 'drain');
        }
      }
    } catch {
      // The client is gone.
    }
  }

  /**
   * Opens both on one port. A port that is free for TCP may be in use for UDP; if any port will do, it tries
   * another.
   */
  async function open(): Promise<UdpSocket> {
    for (let tries = 1; ; tries += 1) {
      tcp.listen(listen.port, listen.host);
      await once(tcp, 'listening');
      port = (tcp.address() as AddressInfo).port;
      const socket = createSocket(isIPv6(listen.host) ? 'udp6' : 'udp4');
      try {
        socket.bind(port, listen.host);
        await once(socket, 'listening');
        return socket;
      } catch (error) {
        socket.close();
        if (listen.port !== 0 || tries === MOST_TRIES) throw error;
        await new Promise((resolve) => tcp.close(resolve));
      }
    }
  }

  return {
    get port() {
      return port;
    },
    async start(signal) {
      signal.throwIfAborted();
      const socket = await open();
      udp = socket;
      socket.on('message', (packet, from) => void datagram(socket, packet, from));
      socket.on('error', (error) =>
        logger.warn({ err: error }, 'the socket of the DNS zone reports an error'),
      );
    },
    async [Symbol.asyncDispose]() {
      const socket = udp;
      udp = null;
      if (socket !== null) await new Promise<void>((resolve) => socket.close(resolve));
      for (const each of connections.keys()) each.destroy();
      if (tcp.listening) await new Promise((resolve) => tcp.close(resolve));
    },
  };
}
