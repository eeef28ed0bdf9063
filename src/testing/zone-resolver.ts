/**
 * DNS as a literal zone, for tests. A name that is not in the zone is NXDOMAIN; a name without records of the asked
 * type is NODATA; `fail` makes every question (or those of the listed types) 'failed'. The zone object is read at each
 * question, so a test may change it on the way. CNAMEs are followed, at most 8, as the real resolver does. With a clock,
 * answers are kept for their TTL, and absences for `negativeTtl`, as the real resolver keeps them; `fresh` asks the zone.
 */
import type { Clock } from '../runtime/clock.ts';
import { createDnsCache } from '../runtime/dns-cache.ts';
import { createHostNames, type HostNames } from '../runtime/host-names.ts';
import type { CheckingResolver, DnsAnswer, MxRecord, Resolver, SrvRecord } from '../runtime/resolver.ts';

export type ZoneType = 'mx' | 'a' | 'aaaa' | 'txt' | 'ptr' | 'cname' | 'srv';
export interface ZoneEntry {
  /** `'mx1.example.net'` counts as preference 10; `''` is the null MX. */
  mx?: readonly (MxRecord | readonly [preference: number, exchange: string] | string)[];
  a?: readonly string[];
  aaaa?: readonly string[];
  txt?: readonly string[];
  /** The entry's name is then the address itself: `'192.0.2.1': {ptr: ['host.example']}`. */
  ptr?: readonly string[];
  cname?: string;
  srv?: readonly SrvRecord[];
  /** true or a cause: every question fails; a list: questions of these types fail. */
  fail?: boolean | string | readonly ZoneType[];
  /** Seconds; 300 where absent. */
  ttl?: number;
  authenticated?: boolean;
}
export type Zone = Record<string, ZoneEntry>;
export interface ZoneResolver extends CheckingResolver {
  /** Every question that reached the zone so far, as `type name`, or `fresh type name`. */
  readonly queries: string[];
}

export function createZoneResolver(
  zone: Zone,
  { clock = null, negativeTtl = 300 }: { readonly clock?: Clock | null; readonly negativeTtl?: number } = {},
): ZoneResolver {
  const cache = clock === null ? null : createDnsCache(clock);
  const queries: string[] = [];

  function lookUp(name: string): ZoneEntry | undefined {
    const wanted = name.toLowerCase().replace(/\.$/, '');
    if (Object.hasOwn(zone, wanted)) return zone[wanted];
    const key = Object.keys(zone).find((candidate) => candidate.toLowerCase().replace(/\.$/, '') === wanted);
    return key === undefined ? undefined : zone[key];
  }
  async function ask<T>(
    fresh: boolean,
    type: ZoneType,
    name: string,
    read: (entry: ZoneEntry) => readonly T[],
  ): Promise<DnsAnswer<T>> {
    const key = `${type} ${name.toLowerCase()}`;
    const kept = fresh ? null : (cache?.get(key) ?? null);
    if (kept !== null) return kept as DnsAnswer<T>;
    queries.push(fresh ? `fresh ${key}` : key);
    const answer = await answerOf(type, name, read);
    if (answer.kind === 'failed' || clock === null) return answer;
    const seen = { ...answer, observedAt: clock.now(), authoritative: fresh };
    cache?.set(key, seen);
    return seen;
  }
  async function answerOf<T>(
    type: ZoneType,
    name: string,
    read: (entry: ZoneEntry) => readonly T[],
  ): Promise<DnsAnswer<T>> {
    let owner = name;
    for (let hops = 0; hops <= 8; hops += 1) {
      const entry = lookUp(owner);
      if (entry === undefined) return { kind: 'nxdomain', ttl: negativeTtl };
      const { fail, ttl = 300 } = entry;
      if (fail === true) return { kind: 'failed', cause: 'SERVFAIL' };
      if (typeof fail === 'string') return { kind: 'failed', cause: fail };
      if (Array.isArray(fail) && fail.includes(type)) return { kind: 'failed', cause: 'SERVFAIL' };
      if (entry.cname !== undefined && type !== 'cname') {
        owner = entry.cname;
        continue;
      }
      const records = read(entry);
      if (records.length === 0) return { kind: 'nodata', ttl: negativeTtl };
      return { kind: 'found', records, ttl, authenticated: entry.authenticated ?? false };
    }
    return { kind: 'failed', cause: 'CNAME loop' };
  }
  const resolverOf = (fresh: boolean): Resolver => ({
    mx: (name) => ask(fresh, 'mx', name, (entry) => (entry.mx ?? []).map(mxRecord)),
    a: (name) => ask(fresh, 'a', name, (entry) => entry.a ?? []),
    aaaa: (name) => ask(fresh, 'aaaa', name, (entry) => entry.aaaa ?? []),
    txt: (name) => ask(fresh, 'txt', name, (entry) => entry.txt ?? []),
    ptr: (address) => ask(fresh, 'ptr', address, (entry) => entry.ptr ?? []),
    srv: (name) => ask(fresh, 'srv', name, (entry) => entry.srv ?? []),
    cname: (name) => ask(fresh, 'cname', name, (entry) => (entry.cname === undefined ? [] : [entry.cname])),
  });
  const resolver = resolverOf(false);
  return { ...resolver, queries, for: () => resolver, fresh: () => resolverOf(true) };
}

function mxRecord(record: MxRecord | readonly [number, string] | string): MxRecord {
  if (typeof record === 'string') return { preference: 10, exchange: record };
  if ('exchange' in record) return record;
  return { preference: record[0], exchange: record[1] };
}

/** Host names by the zone, without the hosts file and the system. */
export function namesOf(zone: Zone = {}): HostNames {
  return createHostNames({
    resolver: createZoneResolver(zone),
    local: false,
    system: false,
    hostsFile: '/nowhere',
  });
}
