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
import { isPrivateAddress } from './addresses.ts';
import type { Clock } from './clock.ts';
import { type AskZone, createAuthority } from './dns-authority.ts';
import { createDnsCache } from './dns-cache.ts';
import { type DnsServer, exchange, type QuestionType } from './dns-exchange.ts';
import {
  addressRecord,
  hostName,
  isQueryable,
  judge,
  MAX_HOPS,
  mxRecord,
  reverseName,
  srvRecord,
  txtRecord,
  type Verdict,
} from './dns-replies.ts';
import { createQuestionTime } from './question-time.ts';
import { createTally } from './rates.ts';
import type { CheckingResolver, DnsAnswer, Resolver } from './resolver.ts';
import { createShares, createTurns } from './shares.ts';

export interface ResolverOptions {
  /**
   * `ip`, `ip:port` or `[ipv6]:port`; empty means the system's servers. Throws RangeError on anything else.
   */
  readonly servers: readonly string[];
  readonly clock: Clock;
  /**
   * For one question with all its attempts and CNAMEs, in ms; past the cache, also with all look-ups of the servers of
   * its zone. A wait for a socket may take the same time again. The default is 5,000.
   */
  readonly timeoutMs?: number;
  /** Rounds over the servers. The default is 2. */
  readonly tries?: number;
  /** Permits `fresh` to ask servers of zones at private addresses. Configured servers are always permitted. */
  readonly allowPrivate?: boolean;
  /** Where the name server with an address is. The default is port 53 of the address. */
  readonly zoneServer?: (address: string) => DnsServer;
}
/** Questions past the cache for one project in a minute: about ten checks of a domain. */
const MOST_FRESH = 600;
const MINUTE_MS = 60_000;
/** For one question to one server of a zone. */
const ZONE_SERVER_MS = 1500;
/** One project, or the service itself, may use half of them. */
const MAX_SOCKETS = 512;
/** The share of questions that belong to no project. */
const SERVICE = '';
const CROWDED = 'too many questions at once';

/** The time of one question with all that it needs. */
interface Time {
  /** Monotonic ms; a wait for a socket moves it. */
  until: number;
  /** ms that are left to wait for sockets. */
  waiting: number;
}

/** Makes the resolver. Disposing it ends running questions as 'failed'. */
export function createResolver(options: ResolverOptions): CheckingResolver & AsyncDisposable {
  const {
    clock,
    timeoutMs = 5000,
    tries = 2,
    allowPrivate = false,
    zoneServer = (address) => ({ address, port: 53 }),
  } = options;
  const servers = (options.servers.length > 0 ? options.servers : getServers()).map(parseServer);
  const cache = createDnsCache(clock);
  const underWay = new Map<string, Promise<DnsAnswer<unknown>>>();
  const stop = new AbortController();
  const sockets = createShares(MAX_SOCKETS);
  const waiting = createTurns<() => void>(sockets);
  const pressed = createTally(clock, MINUTE_MS);

  /** Takes a socket. False: none became free in time. */
  async function enter(share: string, time: Time): Promise<boolean> {
    if (sockets.hasRoom(share)) {
      sockets.enter(share);
      return true;
    }
    const since = clock.monotonic();
    const entered = await new Promise<boolean>((resolve) => {
      let gone = false;
      const timer = clock.after(time.waiting, () => {
        gone = true;
        resolve(false);
      });
      waiting.push(share, () => {
        if (gone) return;
        timer.cancel();
        sockets.enter(share);
        resolve(true);
      });
    });
    const waited = clock.monotonic() - since;
    time.waiting -= waited;
    time.until += waited;
    return entered;
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
      if (!(await enter(share, time))) return { kind: 'failed', cause: CROWDED };
      try {
        if (stop.signal.aborted) return { kind: 'failed', cause: 'closed' };
        if (time.waiting <= 0) return { kind: 'failed', cause: CROWDED };
        const left = time.until - clock.monotonic();
        if (left <= 0) return { kind: 'failed', cause: 'timed out' };
        const most = Math.max(1, left / (attempts - attempt));
        const result = await exchange({ server, name, type, clock, timeoutMs: most, signal: stop.signal });
        const verdict = result.kind === 'failed' ? result : judge(result.reply, name, type);
        if (verdict.kind !== 'failed') return verdict;
        cause = verdict.cause;
      } finally {
        leave(share);
      }
    }
    return { kind: 'failed', cause };
  }

  /** What is left for the servers of zones: the usual servers keep half of the question's time. */
  const zoneLeft = (time: Time) => time.until - timeoutMs / 2 - clock.monotonic();
  /** The answer, or a failure after `ms`. The question goes on until its own end. */
  async function within<T>(ms: number, ask: () => Promise<DnsAnswer<T>>): Promise<DnsAnswer<T>> {
    if (ms <= 0) return { kind: 'failed', cause: 'timed out' };
    using time = createQuestionTime(clock, ms, stop.signal);
    return await time.of(ask);
  }

  /** The servers of zones, for one question; each packet takes its turn and its time from the question. */
  function authorityFor(share: string, time: Time): AskZone {
    return createAuthority({
      ns: (name) => within(zoneLeft(time), () => ask(name, 'NS', hostName, share)),
      async addresses(host) {
        // A host that cannot be found leaves time to ask the others.
        const most = zoneLeft(time) / 2;
        const answers = await Promise.all([
          within(most, () => ask(host, 'A', addressRecord, share)),
          within(most, () => ask(host, 'AAAA', addressRecord, share)),
        ]);
        return answers.flatMap((answer) => (answer.kind === 'found' ? answer.records : []));
      },
      mayAsk: (address) => allowPrivate || !isPrivateAddress(address) || configuredAt(address) !== undefined,
      serverAt: (address) => configuredAt(address) ?? zoneServer(address),
      async exchange(server, name, type) {
        if (zoneLeft(time) <= 0) return { kind: 'failed', cause: 'timed out' };
        if (!(await enter(share, time))) return { kind: 'failed', cause: CROWDED };
        try {
          if (stop.signal.aborted || time.waiting <= 0) return { kind: 'failed', cause: CROWDED };
          const most = Math.max(1, Math.min(ZONE_SERVER_MS, zoneLeft(time)));
          return await exchange({
            server,
            name,
            type,
            clock,
            timeoutMs: most,
            signal: stop.signal,
            recursive: false,
          });
        } finally {
          leave(share);
        }
      },
    });
  }
  function configuredAt(address: string): DnsServer | undefined {
    return servers.find((server) => server.address === address);
  }

  async function follow<T>(
    name: string,
    type: QuestionType,
    map: (data: unknown) => T | null,
    share: string,
    past: boolean,
  ): Promise<DnsAnswer<T>> {
    const time: Time = { until: clock.monotonic() + timeoutMs, waiting: timeoutMs };
    let owner = name;
    let hops = 0;
    let ttl = Number.POSITIVE_INFINITY;
    let authenticated = true;
    let authoritative = past;
    const askZone = authorityFor(share, time);
    for (;;) {
      const own = past && zoneLeft(time) > 0 ? await askZone(owner, type) : null;
      const verdict = own ?? (await askServers(owner, type, share, time));
      authoritative &&= own !== null;
      const provenance = { observedAt: clock.now(), ...(authoritative ? { authoritative } : {}) };
      if (verdict.kind === 'failed') return verdict;
      ttl = Math.min(ttl, verdict.ttl);
      if (verdict.kind === 'nodata' || verdict.kind === 'nxdomain')
        return { kind: verdict.kind, ttl, ...provenance };
      authenticated &&= verdict.authenticated;
      if (verdict.kind === 'found') {
        const records = verdict.data.map(map);
        if (records.includes(null)) return { kind: 'failed', cause: 'malformed record' };
        return { kind: 'found', records: records as T[], ttl, authenticated, ...provenance };
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
    fresh = false,
  ): Promise<DnsAnswer<T>> {
    const name = rawName.toLowerCase().replace(/\.$/, '');
    if (!isQueryable(name)) return Promise.resolve({ kind: 'failed', cause: 'malformed name' });
    if (stop.signal.aborted) return Promise.resolve({ kind: 'failed', cause: 'closed' });
    const key = `${type} ${name}`;
    const past = fresh && pressed.count(share) < MOST_FRESH;
    if (past) pressed.add(share);
    const kept = past ? null : cache.get(key);
    if (kept !== null) return Promise.resolve(kept as DnsAnswer<T>);
    const asked = `${share} ${past} ${key}`;
    const same = underWay.get(asked);
    if (same !== undefined) return same as Promise<DnsAnswer<T>>;
    const answer = follow(name, type, map, share, past)
      .catch((error: unknown): DnsAnswer<T> => ({ kind: 'failed', cause: String(error) }))
      .then((settled) => {
        underWay.delete(asked);
        const ofOthers = settled.kind === 'failed' && settled.cause === CROWDED;
        // A failure past the cache does not replace an answer that is there.
        const worse = past && settled.kind === 'failed';
        if (!stop.signal.aborted && !ofOthers && !worse) cache.set(key, settled);
        return settled;
      });
    underWay.set(asked, answer);
    return answer;
  }

  const resolverFor = (share: string, fresh = false): Resolver => ({
    mx: (name) => ask(name, 'MX', mxRecord, share, fresh),
    a: (name) => ask(name, 'A', addressRecord, share, fresh),
    aaaa: (name) => ask(name, 'AAAA', addressRecord, share, fresh),
    txt: (name) => ask(name, 'TXT', txtRecord, share, fresh),
    cname: (name) => ask(name, 'CNAME', hostName, share, fresh),
    srv: (name) => ask(name, 'SRV', srvRecord, share, fresh),
    async ptr(address) {
      const name = reverseName(address);
      return name === null
        ? { kind: 'failed', cause: 'not an address' }
        : await ask(name, 'PTR', hostName, share, fresh);
    },
  });
  return {
    ...resolverFor(SERVICE),
    for: (share) => resolverFor(share),
    fresh: (share) => resolverFor(share, true),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(underWay.values());
    },
  };
}

function parseServer(server: string): DnsServer {
  if (isIP(server) !== 0) return { address: server, port: 53 };
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(server);
  const address = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  if (isIP(address) === 0 || !(port > 0 && port < 65536)) throw new RangeError(`not a DNS server: ${server}`);
  return { address, port };
}
