/**
 * The answer of an authoritative server to one packet (RFC 1035 §4, RFC 6891), for a zone with only TXT
 * records. Pure except for the zone's lookups. Invariants: it never answers recursively; it returns null for
 * a packet that is not a question; an answer that is too long for the client is truncated and says so. A name
 * without records gets an empty answer, never NXDOMAIN, because names below it may exist (RFC 8020).
 */
import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type OptAnswer,
  type Question,
  RECURSION_DESIRED,
  type SoaAnswer,
  TRUNCATED_RESPONSE,
} from 'dns-packet';

export interface DnsZone {
  /** Lower case, without final dot. */
  readonly name: string;
  /** The zone's name servers; the first one is in the SOA. */
  readonly servers: readonly string[];
  /**
   * The TXT records, each as one string, of a name below the zone: lower case, without the zone's name and
   * the dot before it.
   */
  txt(relative: string): Promise<readonly string[]>;
}
/** Seconds for which an answer, or the absence of one (RFC 2308 §5), may be cached. */
const TTL = 300;
const NEGATIVE_TTL = 60;
/** The size that avoids IP fragmentation everywhere (RFC 9715). */
const UDP_PAYLOAD = 1232;
const PLAIN_UDP_PAYLOAD = 512;
const NOERROR = 0;
const FORMERR = 1;
const SERVFAIL = 2;
const NOTIMP = 4;
const REFUSED = 5;
const BADVERS = 16;

/**
 * `transport`: over UDP, the client says how large an answer may be. `failed` is called with the reason if
 * the zone could not answer.
 */
export async function answerPacket(
  packet: Buffer,
  zone: DnsZone,
  transport: 'udp' | 'tcp',
  failed: (error: unknown) => void,
): Promise<Buffer | null> {
  const query = read(packet);
  if (query === null) return null;
  try {
    const made = await answerOf(query, zone);
    const whole = write(query, made);
    if (transport === 'tcp' || whole.length <= roomOf(query)) return whole;
    return write(query, { rcode: made.rcode, authoritative: true, cut: true });
  } catch (error) {
    failed(error);
    return write(query, { rcode: SERVFAIL });
  }
}
/** An "ask again over TCP" answer, no longer than the question. */
export function deferToTcp(packet: Buffer): Buffer | null {
  const query = read(packet);
  return query === null ? null : write(query, { rcode: NOERROR, cut: true });
}

interface Made {
  readonly rcode: number;
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly authoritative?: boolean;
  readonly cut?: boolean;
}
interface Query {
  readonly id: number;
  /** The header's second word (RFC 1035 §4.1.1). */
  readonly flags: number;
  readonly questions: Question[];
  readonly opt: OptAnswer | null;
}
const OPCODE = 0x7800;

/**
 * null if the packet is an answer or is too short for a header. A question that does not encode back to the
 * same octets counts as unreadable.
 */
function read(packet: Buffer): Query | null {
  if (packet.length < 12 || (packet[2]! & 0x80) !== 0) return null;
  const header = { id: packet.readUInt16BE(0), flags: packet.readUInt16BE(2) & 0x7fff };
  try {
    const { questions = [], additionals = [] } = decode(packet);
    const again = encode({ questions });
    if (again.subarray(12).equals(packet.subarray(12, again.length)))
      return { ...header, questions, opt: additionals.find((one) => one.type === 'OPT') ?? null };
  } catch {
    // Enough is known to answer that the question was not understood.
  }
  return { ...header, questions: [], opt: null };
}
function write(
  query: Query,
  { rcode, answers = [], authorities = [], authoritative = false, cut = false }: Made,
): Buffer {
  return encode({
    type: 'response',
    id: query.id,
    flags:
      (rcode & 0x0f) |
      (query.flags & (RECURSION_DESIRED | OPCODE)) |
      (authoritative ? AUTHORITATIVE_ANSWER : 0) |
      (cut ? TRUNCATED_RESPONSE : 0),
    questions: query.questions.length === 1 ? query.questions : [],
    answers: [...answers],
    authorities: [...authorities],
    additionals: query.opt === null ? [] : [optRecord(rcode)],
  });
}
function optRecord(rcode: number): OptAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: UDP_PAYLOAD,
    extendedRcode: rcode >> 4,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}
async function answerOf(query: Query, zone: DnsZone): Promise<Made> {
  if ((query.flags & OPCODE) !== 0) return { rcode: NOTIMP };
  const [question, ...more] = query.questions;
  if (question === undefined || more.length > 0) return { rcode: FORMERR };
  if (query.opt !== null && query.opt.ednsVersion !== 0) return { rcode: BADVERS };
  const name = question.name.toLowerCase();
  const apex = name === zone.name;
  if ((question.class ?? 'IN') !== 'IN' || !(apex || name.endsWith(`.${zone.name}`)))
    return { rcode: REFUSED };
  // RFC 5936 and RFC 1995: a transfer is refused, because it would list all domains.
  if (question.type === 'AXFR' || question.type === 'IXFR') return { rcode: REFUSED };
  const answers = apex
    ? apexRecords(question, zone)
    : question.type === 'TXT'
      ? (await zone.txt(name.slice(0, -zone.name.length - 1))).map(
          (text): Answer => ({
            type: 'TXT',
            class: 'IN',
            name: question.name,
            ttl: TTL,
            data: strings(text),
          }),
        )
      : [];
  return {
    rcode: NOERROR,
    authoritative: true,
    answers,
    authorities: answers.length > 0 ? [] : [soa(zone, zone.name)],
  };
}
function apexRecords({ type, name }: Question, zone: DnsZone): Answer[] {
  if (type === 'SOA') return [soa(zone, name)];
  if (type !== 'NS') return [];
  return zone.servers.map((data): Answer => ({ type: 'NS', class: 'IN', name, ttl: TTL, data }));
}
function soa({ servers: [first = '.'], name: zone }: DnsZone, name: string): SoaAnswer {
  return {
    type: 'SOA',
    class: 'IN',
    name,
    ttl: NEGATIVE_TTL,
    // The zone is never transferred, so the serial does not matter.
    data: {
      mname: first,
      rname: `hostmaster.${zone}`,
      serial: 1,
      refresh: 3600,
      retry: 600,
      expire: 86_400,
      minimum: NEGATIVE_TTL,
    },
  };
}
/** RFC 1035 §3.3.14. */
function strings(text: string): Buffer[] {
  const octets = Buffer.from(text, 'latin1');
  const pieces = Array.from({ length: Math.max(1, Math.ceil(octets.length / 255)) }, (_, i) =>
    octets.subarray(i * 255, (i + 1) * 255),
  );
  return pieces;
}
function roomOf({ opt }: Query): number {
  if (opt === null) return PLAIN_UDP_PAYLOAD;
  return Math.min(UDP_PAYLOAD, Math.max(PLAIN_UDP_PAYLOAD, opt.udpPayloadSize));
}
