/**
 * The sockets of a zone this service answers for itself: UDP and TCP on one port (RFC 7766). Invariants: beyond PER_SECOND
 * questions a second of one network UDP says only "ask over TCP", so that a forged source address gains nothing; beyond
 * ALL_PER_SECOND of all together nothing is said, and askers try again; connections are few, short and answer one question
 * after the other. Fails: `start` rejects with the system's error; a zone that throws is SERVFAIL, and logged.
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
/** Names nobody has are looked up in the store. */
const ALL_PER_SECOND = 5000;
const CONNECTIONS = 100;
const CONNECTIONS_OF_ONE = 10;
const IDLE_MS = 10_000;
/** A question with every option there is stays far below. */
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

  /** Which question of its network in this second this is; null: there are too many of all. */
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
    logger.error({ err: error, zone: zone.name }, 'a question to the DNS zone could not be answered');

  async function datagram(socket: UdpSocket, packet: Buffer, from: RemoteInfo): Promise<void> {
    const nth = count(from.address);
    if (nth === null || from.port === 0) return;
    const answer = nth > PER_SECOND ? deferToTcp(packet) : await answerPacket(packet, zone, 'udp', failed);
    // Closed meanwhile, or an asker that cannot be reached: it asks again.
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
      // The asker is gone.
    }
  }

  /** Both on one port. Which port is free for TCP may be taken for UDP: where any will do, another is looked for. */
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
