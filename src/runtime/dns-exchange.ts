/**
 * One question to one DNS server: by UDP, then by TCP if the answer was truncated (RFC 7766). A reply counts
 * only if it comes from the asked address and port and has our random id and our question (RFC 5452 §9);
 * anything else is ignored. Each UDP question has its own socket and so its own random source port. Never
 * throws: every error becomes `{kind: 'failed'}`.
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import {
  type Answer,
  AUTHENTIC_DATA,
  type DecodedPacket,
  decode,
  encode,
  RECURSION_DESIRED,
} from 'dns-packet';
import type { Clock } from './clock.ts';

export type QuestionType = 'MX' | 'A' | 'AAAA' | 'TXT' | 'PTR' | 'CNAME' | 'SRV' | 'NS';
export interface DnsServer {
  readonly address: string;
  readonly port: number;
}
export type DnsReply = DecodedPacket & {
  rcode: string;
  opcode: string;
  answers: Answer[];
  authorities: Answer[];
};
export type ExchangeResult = { kind: 'reply'; reply: DnsReply } | { kind: 'failed'; cause: string };
export interface ExchangeOptions {
  readonly server: DnsServer;
  /** The caller has checked it: ASCII, labels of 1 to 63 octets. */
  readonly name: string;
  readonly type: QuestionType;
  readonly clock: Clock;
  /** For the whole exchange over both transports, in ms. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** false: asks what the server itself knows (RFC 1035 §4.1.1, RD). The default is true. */
  readonly recursive?: boolean;
}
/** The size that avoids IP fragmentation everywhere (RFC 9715). */
const UDP_PAYLOAD = 1232;

/** Asks one server once. If the server refuses EDNS0 with FORMERR, asks again without EDNS0 (RFC 6891 §7). */
export async function exchange(options: ExchangeOptions): Promise<ExchangeResult> {
  const deadline = options.clock.monotonic() + options.timeoutMs;
  const left = (): ExchangeOptions => ({
    ...options,
    timeoutMs: Math.max(1, deadline - options.clock.monotonic()),
  });
  let edns = true;
  let result = await udp(options, edns);
  if (result.kind === 'reply' && result.reply.rcode === 'FORMERR') {
    edns = false;
    result = await udp(left(), edns);
  }
  if (result.kind === 'reply' && result.reply.flag_tc) result = await tcp(left(), edns);
  if (result.kind === 'reply' && result.reply.flag_tc) return { kind: 'failed', cause: 'truncated over TCP' };
  return result;
}

function question({ name, type, recursive = true }: ExchangeOptions, id: number, edns: boolean): Buffer {
  return encode({
    type: 'query',
    id,
    // The AD bit in a question requests the AD bit in the answer, without the signatures that DO would bring
    // (RFC 6840 §5.7).
    flags: recursive ? RECURSION_DESIRED | AUTHENTIC_DATA : 0,
    questions: [{ type, name, class: 'IN' }],
    additionals: edns
      ? [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: UDP_PAYLOAD,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ]
      : [],
  });
}

/** null if the packet is not an answer to our question: keep waiting. */
function read(packet: Buffer, id: number, { name, type }: ExchangeOptions): ExchangeResult | null {
  if (packet.length < 12 || packet.readUInt16BE(0) !== id) return null;
  try {
    const reply = decode(packet) as DnsReply;
    // The library reads a record that is longer than its packet as a shorter record.
    if (decode.bytes > packet.length) throw new RangeError('record beyond the packet');
    const asked = reply.questions?.[0];
    if (!reply.flag_qr || reply.opcode !== 'QUERY') return null;
    // A server that could not read the question may leave it out.
    if (
      asked === undefined &&
      (reply.rcode === 'FORMERR' || reply.rcode === 'REFUSED' || reply.rcode === 'NOTIMP')
    )
      return { kind: 'reply', reply };
    if (reply.questions?.length !== 1 || asked === undefined || asked.class !== 'IN') return null;
    if (asked.type !== type || asked.name.toLowerCase() !== name.toLowerCase()) return null;
    return { kind: 'reply', reply };
  } catch {
    // A truncated packet may end within a record.
    if ((packet.readUInt16BE(2) & 0x8200) === 0x8200)
      return {
        kind: 'reply',
        reply: { flag_tc: true, rcode: 'NOERROR', answers: [], authorities: [] } as unknown as DnsReply,
      };
    return { kind: 'failed', cause: 'malformed answer' };
  }
}

function udp(options: ExchangeOptions, edns: boolean): Promise<ExchangeResult> {
  const { server, clock, timeoutMs, signal } = options;
  const id = randomInt(0x10000);
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
    let open = true;
    const settle = (result: ExchangeResult) => {
      if (!open) return;
      open = false;
      timer.cancel();
      signal.removeEventListener('abort', abort);
      socket.close();
      resolve(result);
    };
    const fail = (cause: string) => settle({ kind: 'failed', cause });
    const abort = () => fail('closed');
    const timer = clock.after(timeoutMs, () => fail('timed out'));
    signal.addEventListener('abort', abort, { once: true });
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'socket error'));
    socket.on('message', (packet) => {
      const result = read(packet, id, options);
      if (result !== null) settle(result);
    });
    socket.on('connect', () => {
      if (!open) return;
      try {
        socket.send(question(options, id, edns));
      } catch (error) {
        fail(String(error));
      }
    });
    // A connected socket receives datagrams only from the asked address and port.
    if (signal.aborted) abort();
    else socket.connect(server.port, server.address);
  });
}

function tcp(options: ExchangeOptions, edns: boolean): Promise<ExchangeResult> {
  const { server, clock, timeoutMs, signal } = options;
  const id = randomInt(0x10000);
  return new Promise((resolve) => {
    const socket = connect({ host: server.address, port: server.port, noDelay: true });
    let open = true;
    const chunks: Buffer[] = [];
    let received = 0;
    const settle = (result: ExchangeResult) => {
      if (!open) return;
      open = false;
      timer.cancel();
      signal.removeEventListener('abort', abort);
      socket.destroy();
      resolve(result);
    };
    const fail = (cause: string) => settle({ kind: 'failed', cause });
    const abort = () => fail('closed');
    const timer = clock.after(timeoutMs, () => fail('timed out'));
    signal.addEventListener('abort', abort, { once: true });
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'socket error'));
    socket.on('close', () => fail('connection closed'));
    socket.on('connect', () => {
      const packet = question(options, id, edns);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(packet.length);
      socket.write(Buffer.concat([length, packet]));
    });
    socket.on('data', (chunk) => {
      if (!open) return;
      chunks.push(chunk);
      received += chunk.length;
      if (received < 2) return;
      const first = chunks[0]!.length >= 2 ? chunks[0]! : Buffer.concat(chunks);
      const length = first.readUInt16BE(0);
      if (received < length + 2) return;
      settle(
        read(Buffer.concat(chunks).subarray(2, length + 2), id, options) ?? {
          kind: 'failed',
          cause: 'not our answer',
        },
      );
    });
    if (signal.aborted) abort();
  });
}
