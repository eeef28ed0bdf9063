/**
 * Reads replies of DNS servers: their records, an absence, or the name to ask next. Pure. Invariant: only a clear
 * answer is an absence; everything else is 'failed'. A record that is not well-formed is read as null.
 */
import { isIP } from 'node:net';
import type { Answer } from 'dns-packet';
import ipaddr from 'ipaddr.js';
import type { DnsReply, QuestionType } from './dns-exchange.ts';
import type { MxRecord, SrvRecord } from './resolver.ts';

export const MAX_HOPS = 8;
const MAX_RECORDS = 1000;

export type Verdict =
  | { kind: 'found'; data: unknown[]; ttl: number; authenticated: boolean }
  | { kind: 'nodata'; ttl: number }
  | { kind: 'nxdomain'; ttl: number }
  | { kind: 'alias'; target: string; ttl: number; hops: number; authenticated: boolean }
  | { kind: 'failed'; cause: string };

/**
 * Reads one reply: follows the chain of CNAMEs in it; returns records, an absence, or the name to ask next.
 */
export function judge(reply: DnsReply, name: string, type: QuestionType): Verdict {
  if (reply.rcode !== 'NOERROR' && reply.rcode !== 'NXDOMAIN') return { kind: 'failed', cause: reply.rcode };
  if (reply.answers.length > MAX_RECORDS) return { kind: 'failed', cause: 'too many records' };
  const authenticated = reply.flag_ad;
  let owner = name.toLowerCase();
  let ttl = Number.POSITIVE_INFINITY;
  let hops = 0;
  const ours = reply.answers.filter((answer) => 'class' in answer && answer.class === 'IN');
  for (;;) {
    const here = ours.filter((answer) => plainName(answer.name) === owner);
    const records = here.filter((answer) => answer.type === type);
    if (records.length > 0) {
      const data = records.map((answer) => ('data' in answer ? (answer.data as unknown) : null));
      return { kind: 'found', data, ttl: Math.min(ttl, ...records.map(ttlOf)), authenticated };
    }
    const alias = here.find((answer) => answer.type === 'CNAME');
    if (alias === undefined) break;
    hops += 1;
    if (hops > MAX_HOPS) return { kind: 'failed', cause: 'CNAME loop' };
    ttl = Math.min(ttl, ttlOf(alias));
    owner = plainName((alias as { data: string }).data);
  }
  const soa = reply.authorities.find((record) => record.type === 'SOA');
  // RFC 2308 §5: the lesser of the SOA's own TTL and its minimum; without an SOA, the absence is not cached.
  const negativeTtl =
    soa === undefined ? 0 : Math.min(ttl, ttlOf(soa), (soa.data as { minimum?: number }).minimum ?? 0);
  if (reply.rcode === 'NXDOMAIN') return { kind: 'nxdomain', ttl: negativeTtl };
  if (hops > 0 && soa === undefined) return { kind: 'alias', target: owner, ttl, hops, authenticated };
  // RFC 2308 §2.2: NS records without a SOA are a referral, not an absence.
  if (soa === undefined && reply.authorities.some((record) => record.type === 'NS'))
    return { kind: 'failed', cause: 'referral' };
  return { kind: 'nodata', ttl: negativeTtl };
}

/** Seconds. RFC 2181 §8: a TTL with the top bit set counts as zero. */
function ttlOf(record: Answer): number {
  const ttl = ('ttl' in record ? record.ttl : 0) ?? 0;
  return ttl > 0x7fffffff ? 0 : ttl;
}
export function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
export function isQueryable(name: string): boolean {
  if (name.length === 0 || name.length > 253 || !/^[\x21-\x7e]+$/.test(name)) return false;
  return name.split('.').every((label) => label.length > 0 && label.length <= 63);
}
export function addressRecord(data: unknown): string | null {
  return typeof data === 'string' && isIP(data) !== 0 ? data : null;
}
export function hostName(data: unknown): string | null {
  return typeof data === 'string' ? plainName(data) : null;
}
export function mxRecord(data: unknown): MxRecord | null {
  const { preference, exchange } = (data ?? {}) as { preference?: unknown; exchange?: unknown };
  if (typeof exchange !== 'string') return null;
  return { preference: typeof preference === 'number' ? preference : 0, exchange: plainName(exchange) };
}
export function srvRecord(data: unknown): SrvRecord | null {
  const { priority = 0, weight = 0, port, target } = (data ?? {}) as Partial<Record<string, unknown>>;
  if (typeof target !== 'string' || typeof port !== 'number') return null;
  return { priority: Number(priority), weight: Number(weight), port, target: plainName(target) };
}
export function txtRecord(data: unknown): string | null {
  if (!Array.isArray(data)) return null;
  return Buffer.concat(
    data.map((part) => (Buffer.isBuffer(part) ? part : Buffer.from(String(part)))),
  ).toString('utf8');
}

/** RFC 1035 §3.5, RFC 3596 §2.5; an IPv4-mapped address is looked up as IPv4. */
export function reverseName(address: string): string | null {
  if (isIP(address) === 0) return null;
  const parsed = ipaddr.process(address.split('%', 1)[0]!);
  const bytes = parsed.toByteArray();
  if (parsed.kind() === 'ipv4') return `${bytes.reverse().join('.')}.in-addr.arpa`;
  const nibbles = [...Buffer.from(bytes).toString('hex')].reverse();
  return `${nibbles.join('.')}.ip6.arpa`;
}
