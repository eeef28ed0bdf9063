/**
 * DNS messages octet by octet, as dynamic update (RFC 2136) and TSIG (RFC 8945) need them: classes NONE and ANY, empty
 * RDATA, and the offset of the last record. The library dns-packet encodes and decodes RDATA and names. Fails: RangeError
 * if a message is cut off or malformed.
 */
import dnsPacket from 'dns-packet';
import type { RECORD_TYPES } from '../../contract/values.ts';
import type { RecordSet, RecordType, SetKey } from './provider.ts';
import { hostValue, lowerName, parseMx, parseSrv, txtPieces, txtValue } from './record-values.ts';

/** Parts of the library that its types leave out. */
const lib = dnsPacket as unknown as {
  readonly name: { encode(name: string): Buffer };
  record(type: string): { encode(data: unknown): Buffer };
};
export const TYPES: Readonly<Record<RecordType | 'SOA' | 'TSIG', number>> = {
  A: 1,
  CNAME: 5,
  SOA: 6,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  TSIG: 250,
};
export const CLASS = { IN: 1, NONE: 254, ANY: 255 } as const;
export const OPCODE = { QUERY: 0, UPDATE: 5 } as const;
export const RCODES = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
] as const;

export interface Question {
  readonly name: string;
  readonly type: keyof typeof TYPES;
}
export interface RawRecord {
  readonly name: string;
  readonly type: keyof typeof TYPES;
  readonly class: number;
  readonly ttl: number;
  readonly rdata: Buffer;
}
/** Uncompressed, lower case where `canonical`. */
export function encodeName(name: string, canonical = false): Buffer {
  const text = canonical ? name.toLowerCase() : name;
  for (const label of text.replace(/\.$/, '').split('.'))
    if (text !== '.' && (label === '' || Buffer.byteLength(label) > 63))
      throw new RangeError(`${name} is no domain name`);
  return lib.name.encode(text);
}
export function encodeRecord(record: RawRecord): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(TYPES[record.type], 0);
  head.writeUInt16BE(record.class, 2);
  head.writeUInt32BE(record.ttl, 4);
  head.writeUInt16BE(record.rdata.length, 8);
  return Buffer.concat([encodeName(record.name), head, record.rdata]);
}
/** In an update: zone, prerequisites, updates (RFC 2136 §2). */
export function encodeMessage(
  id: number,
  opcode: number,
  question: Question,
  answers: readonly RawRecord[] = [],
  authorities: readonly RawRecord[] = [],
): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE(opcode << 11, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(answers.length, 6);
  head.writeUInt16BE(authorities.length, 8);
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(TYPES[question.type], 0);
  tail.writeUInt16BE(CLASS.IN, 2);
  return Buffer.concat([
    head,
    encodeName(question.name),
    tail,
    ...[...answers, ...authorities].map(encodeRecord),
  ]);
}
export function encodeRdata(type: RecordType, value: string): Buffer {
  const data = () => {
    switch (type) {
      case 'MX':
        return parseMx(value);
      case 'SRV':
        return parseSrv(value);
      case 'TXT':
        return txtPieces(value);
      default:
        return value;
    }
  };
  // The library puts the length in front of the RDATA.
  return lib.record(type).encode(data()).subarray(2);
}

function skipName(message: Buffer, at: number): number {
  for (let to = at; ; ) {
    const length = message[to];
    if (length === undefined) throw new RangeError('a name beyond the message');
    if (length === 0) return to + 1;
    if (length >= 0xc0) return to + 2;
    to += length + 1;
  }
}
/** The offset of the last record of the message, or null if the message has no record. */
export function lastRecordAt(message: Buffer): number | null {
  if (message.length < 12) throw new RangeError('no DNS message');
  let at = 12;
  for (let i = 0; i < message.readUInt16BE(4); i += 1) at = skipName(message, at) + 4;
  let last: number | null = null;
  const count = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  for (let i = 0; i < count; i += 1) {
    last = at;
    const body = skipName(message, at);
    if (body + 10 > message.length) throw new RangeError('a record beyond the message');
    at = body + 10 + message.readUInt16BE(body + 8);
  }
  if (at > message.length) throw new RangeError('a record beyond the message');
  return last;
}

export interface Decoded {
  readonly id: number;
  readonly rcode: string;
  readonly authoritative: boolean;
  readonly answers: readonly dnsPacket.Answer[];
  readonly authorities: readonly dnsPacket.Answer[];
}
export function decodeMessage(message: Buffer): Decoded {
  const flags = message.readUInt16BE(2);
  try {
    const { answers = [], authorities = [] } = dnsPacket.decode(message);
    return {
      id: message.readUInt16BE(0),
      rcode: RCODES[flags & 0xf] ?? `RCODE ${flags & 0xf}`,
      authoritative: (flags & 0x0400) !== 0,
      answers,
      authorities,
    };
  } catch (error) {
    throw new RangeError('no DNS message', { cause: error });
  }
}
/** The record set of the key, from the answers; null if there is none. */
export function setOf({ name, type }: SetKey, answers: readonly dnsPacket.Answer[]): RecordSet | null {
  const values: string[] = [];
  let ttl = 0;
  for (const answer of answers) {
    if (answer.type !== type || lowerName(answer.name) !== name) continue;
    values.push(valueText(type, (answer as unknown as { data: unknown }).data));
    ttl = (answer as { ttl?: number }).ttl ?? 0;
  }
  return values.length === 0 ? null : { name, type, ttl, values };
}
function valueText(type: (typeof RECORD_TYPES)[number], data: unknown): string {
  switch (type) {
    case 'MX': {
      const { preference, exchange } = data as { preference: number; exchange: string };
      return `${preference} ${hostValue(exchange)}`;
    }
    case 'SRV': {
      const { priority, weight, port, target } = data as dnsPacket.SrvData & Record<string, number>;
      return `${priority} ${weight} ${port} ${hostValue(target)}`;
    }
    case 'TXT':
      return txtValue(data as Buffer[]);
    case 'CNAME':
      return hostValue(data as string);
    default:
      return data as string;
  }
}
