/**
 * A stub resolver. It sends questions to recursive servers over UDP and TCP, checks the answers, follows
 * CNAMEs and keeps answers for their TTL. Invariants: it never throws; it reports absence (NXDOMAIN, NODATA)
 * only if a server clearly says so; everything else (SERVFAIL, REFUSED, referral, time-out, malformed, loops,
 * too large) is 'failed', so mail waits and does not bounce; identical questions of one project that run at
 * the same time share one answer; cache, records and sockets are bounded, and projects share the sockets. A
 * failure because no socket was free affects only its own question and is not cached. `authenticated` is the
 * server's AD bit; it is only as trustworthy as the path to that server.
 */
import { getServers } from 'node:dns';
import { isIP } from 'node:net';
import type { Answer } from 'dns-packet';
import ipaddr from 'ipaddr.js';
import type { Clock } from './clock.ts';
import { createDnsCache } from './dns-cache.ts';
import { type DnsReply, type DnsServer, exchange, type QuestionType } from './dns-exchange.ts';
import type { DnsAnswer, MxRecord, Resolver, SharedResolver, SrvRecord } from './resolver.ts';
import { createShares, createTurns } from './shares.ts';

export interface ResolverOptions {
  /**
   * `ip`, `ip:port` or `[ipv6]:port`; empty means the system's servers. Throws RangeError on anything else.
   */
  readonly servers: readonly string[];
  readonly clock: Clock;
  /**
   * For one question with all its attempts and CNAMEs, in ms; a wait for a socket may take the same time
   * again. The default is 5,000.
   */
  readonly timeoutMs?: number;
  /** Rounds over the servers. The default is 2. */
  readonly tries?: number;
}
const MAX_HOPS = 8;
const MAX_RECORDS = 1000;
/** One project, or the service itself, may use half of them. */
const MAX_SOCKETS = 512;
/** The share of questions that belong to no project. */
const SERVICE = '';
const CROWDED = 'too many questions at once';

type Verdict =
  | { kind: 'found'; data: unknown[]; ttl: number; authenticated: boolean }
  | { kind: 'nodata'; ttl: number }
  | { kind: 'nxdomain'; ttl: number }
  | { kind: 'alias'; target: string; ttl: number; hops: number; authenticated: boolean }
  | { kind: 'failed'; cause: string };

/** The remaining time of a question, in ms. */
interface Time {
  asking: number;
  waiting: number;
}

/** Makes the resolver. Disposing it ends running questions as 'failed'. */
export function createResolver(options: ResolverOptions): SharedResolver & AsyncDisposable {
  const { clock, timeoutMs = 5000, tries = 2 } = options;
  const servers = (options.servers.length > 0 ? options.servers : getServers()).map(parseServer);
  const cache = createDnsCache(clock);
  const underWay = new Map<string, Promise<DnsAnswer<unknown>>>();
  const stop = new AbortController();
  const sockets = createShares(MAX_SOCKETS);
  const waiting = createTurns<() => void>(sockets);

  async function enter(share: string, time: Time): Promise<void> {
    if (sockets.hasRoom(share)) return sockets.enter(share);
    const since = clock.monotonic();
    await new Promise<void>((resolve) =>
      waiting.push(share, () => {
        sockets.enter(share);
        resolve();
      }),
    );
    time.waiting -= clock.monotonic() - since;
  }
  function leave(share: string): void {
    sockets.leave(share);
    for (let next = waiting.next(); next !== undefined; next = waiting.next()) next();
  }

  /**
   * One name, without following CNAMEs by new questions: asks the servers in turn until one gives a usable
   * answer or the time is over.
   */
  async function askServers(name: string, type: QuestionType, share: string, time: Time): Promise<Verdict> {
    let cause = 'no DNS servers';
    const attempts = tries * servers.length;
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const server = servers[attempt % servers.length]!;
      await enter(share, time);
      const since = clock.monotonic();
      try {
        if (stop.signal.aborted) return { kind: 'failed', cause: 'closed' };
        if (time.waiting <= 0) return { kind: 'failed', cause: CROWDED };
        if (time.asking <= 0) return { kind: 'failed', cause: 'timed out' };
        const timeoutMs = Math.max(1, time.asking / (attempts - attempt));
        const result = await exchange({ server, name, type, clock, timeoutMs, signal: stop.signal });
        const verdict = result.kind === 'failed' ? result : judge(result.reply, name, type);
        if (verdict.kind !== 'failed') return verdict;
        cause = verdict.cause;
      } finally {
        time.asking -= clock.monotonic() - since;
        leave(share);
      }
    }
    return { kind: 'failed', cause };
  }

  async function follow<T>(
    name: string,
    type: QuestionType,
    map: (data: unknown) => T | null,
    share: string,
  ): Promise<DnsAnswer<T>> {
    const time: Time = { asking: timeoutMs, waiting: timeoutMs };
    let owner = name;
    let hops = 0;
    let ttl = Number.POSITIVE_INFINITY;
    let authenticated = true;
    for (;;) {
      const verdict = await askServers(owner, type, share, time);
      if (verdict.kind === 'failed') return verdict;
      ttl = Math.min(ttl, verdict.ttl);
      if (verdict.kind === 'nodata' || verdict.kind === 'nxdomain') return { kind: verdict.kind, ttl };
      authenticated &&= verdict.authenticated;
      if (verdict.kind === 'found') {
        const records = verdict.data.map(map);
        if (records.includes(null)) return { kind: 'failed', cause: 'malformed record' };
        return { kind: 'found', records: records as T[], ttl, authenticated };
      }
      hops += verdict.hops;
      if (hops > MAX_HOPS) return { kind: 'failed', cause: 'CNAME loop' };
      if (!isQueryable(verdict.target)) return { kind: 'failed', cause: 'CNAME to a malformed name' };
      owner = verdict.target;
    }
  }

  function ask<T>(
    rawName: string,
    type: QuestionType,
    map: (data: unknown) => T | null,
    share: string,
  ): Promise<DnsAnswer<T>> {
    const name = rawName.toLowerCase().replace(/\.$/, '');
    if (!isQueryable(name)) return Promise.resolve({ kind: 'failed', cause: 'malformed name' });
    if (stop.signal.aborted) return Promise.resolve({ kind: 'failed', cause: 'closed' });
    const key = `${type} ${name}`;
    const kept = cache.get(key);
    if (kept !== null) return Promise.resolve(kept as DnsAnswer<T>);
    const asked = `${share} ${key}`;
    const same = underWay.get(asked);
    if (same !== undefined) return same as Promise<DnsAnswer<T>>;
    const answer = follow(name, type, map, share)
      .catch((error: unknown): DnsAnswer<T> => ({ kind: 'failed', cause: String(error) }))
      .then((settled) => {
        underWay.delete(asked);
        const ofOthers = settled.kind === 'failed' && settled.cause === CROWDED;
        if (!stop.signal.aborted && !ofOthers) cache.set(key, settled);
        return settled;
      });
    underWay.set(asked, answer);
    return answer;
  }

  const resolverFor = (share: string): Resolver => ({
    mx: (name) => ask(name, 'MX', mxRecord, share),
    a: (name) => ask(name, 'A', text, share),
    aaaa: (name) => ask(name, 'AAAA', text, share),
    txt: (name) => ask(name, 'TXT', txtRecord, share),
    cname: (name) => ask(name, 'CNAME', hostName, share),
    srv: (name) => ask(name, 'SRV', srvRecord, share),
    async ptr(address) {
      const name = reverseName(address);
      return name === null
        ? { kind: 'failed', cause: 'not an address' }
        : await ask(name, 'PTR', hostName, share);
    },
  });
  return {
    ...resolverFor(SERVICE),
    for: resolverFor,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(underWay.values());
    },
  };
}

/**
 * Reads one reply: follows the chain of CNAMEs in it; returns records, an absence, or the name to ask next.
 */
function judge(reply: DnsReply, name: string, type: QuestionType): Verdict {
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
function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
function isQueryable(name: string): boolean {
  if (name.length === 0 || name.length > 253 || !/^[\x21-\x7e]+$/.test(name)) return false;
  return name.split('.').every((label) => label.length > 0 && label.length <= 63);
}
function text(data: unknown): string | null {
  return typeof data === 'string' && isIP(data) !== 0 ? data : null;
}
function hostName(data: unknown): string | null {
  return typeof data === 'string' ? plainName(data) : null;
}
function mxRecord(data: unknown): MxRecord | null {
  const { preference, exchange } = (data ?? {}) as { preference?: unknown; exchange?: unknown };
  if (typeof exchange !== 'string') return null;
  return { preference: typeof preference === 'number' ? preference : 0, exchange: plainName(exchange) };
}
function srvRecord(data: unknown): SrvRecord | null {
  const { priority = 0, weight = 0, port, target } = (data ?? {}) as Partial<Record<string, unknown>>;
  if (typeof target !== 'string' || typeof port !== 'number') return null;
  return { priority: Number(priority), weight: Number(weight), port, target: plainName(target) };
}
function txtRecord(data: unknown): string | null {
  if (!Array.isArray(data)) return null;
  return Buffer.concat(
    data.map((part) => (Buffer.isBuffer(part) ? part : Buffer.from(String(part)))),
  ).toString('utf8');
}

/** RFC 1035 §3.5, RFC 3596 §2.5; an IPv4-mapped address is looked up as IPv4. */
function reverseName(address: string): string | null {
  if (isIP(address) === 0) return null;
  const parsed = ipaddr.process(address.split('%', 1)[0]!);
  const bytes = parsed.toByteArray();
  if (parsed.kind() === 'ipv4') return `${bytes.reverse().join('.')}.in-addr.arpa`;
  const nibbles = [...Buffer.from(bytes).toString('hex')].reverse();
  return `${nibbles.join('.')}.ip6.arpa`;
}

function parseServer(server: string): DnsServer {
  if (isIP(server) !== 0) return { address: server, port: 53 };
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(server);
  const address = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  if (isIP(address) === 0 || !(port > 0 && port < 65536)) throw new RangeError(`not a DNS server: ${server}`);
  return { address, port };
}
