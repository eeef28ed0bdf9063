/**
 * DNS as a literal zone, for tests. A name that is not in the zone is NXDOMAIN; a name without records of the asked
 * type is NODATA; `fail` makes every question (or those of the listed types) 'failed'. The zone object is read at each
 * question, so a test may change it on the way. CNAMEs are followed, at most 8, as the real resolver does.
 */
import type { DnsAnswer, MxRecord, Resolver, SharedResolver, SrvRecord } from '../runtime/resolver.ts';

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
export interface ZoneResolver extends SharedResolver {
  /** Every question asked so far, as `type name`. */
  readonly queries: string[];
}

export function createZoneResolver(zone: Zone): ZoneResolver {
  const queries: string[] = [];

  function lookUp(name: string): ZoneEntry | undefined {
    const wanted = name.toLowerCase().replace(/\.$/, '');
    if (Object.hasOwn(zone, wanted)) return zone[wanted];
    const key = Object.keys(zone).find((candidate) => candidate.toLowerCase().replace(/\.$/, '') === wanted);
    return key === undefined ? undefined : zone[key];
  }
  async function ask<T>(
    type: ZoneType,
    name: string,
    read: (entry: ZoneEntry) => readonly T[],
  ): Promise<DnsAnswer<T>> {
    queries.push(`${type} ${name.toLowerCase()}`);
    let owner = name;
    for (let hops = 0; hops <= 8; hops += 1) {
      const entry = lookUp(owner);
      if (entry === undefined) return { kind: 'nxdomain', ttl: 300 };
      const { fail, ttl = 300 } = entry;
      if (fail === true) return { kind: 'failed', cause: 'SERVFAIL' };
      if (typeof fail === 'string') return { kind: 'failed', cause: fail };
      if (Array.isArray(fail) && fail.includes(type)) return { kind: 'failed', cause: 'SERVFAIL' };
      if (entry.cname !== undefined && type !== 'cname') {
        owner = entry.cname;
        continue;
      }
      const records = read(entry);
      if (records.length === 0) return { kind: 'nodata', ttl };
      return { kind: 'found', records, ttl, authenticated: entry.authenticated ?? false };
    }
    return { kind: 'failed', cause: 'CNAME loop' };
  }
  const resolver: Resolver = {
    mx: (name) => ask('mx', name, (entry) => (entry.mx ?? []).map(mxRecord)),
    a: (name) => ask('a', name, (entry) => entry.a ?? []),
    aaaa: (name) => ask('aaaa', name, (entry) => entry.aaaa ?? []),
    txt: (name) => ask('txt', name, (entry) => entry.txt ?? []),
    ptr: (address) => ask('ptr', address, (entry) => entry.ptr ?? []),
    srv: (name) => ask('srv', name, (entry) => entry.srv ?? []),
    cname: (name) => ask('cname', name, (entry) => (entry.cname === undefined ? [] : [entry.cname])),
  };
  return { ...resolver, queries, for: () => resolver };
}

function mxRecord(record: MxRecord | readonly [number, string] | string): MxRecord {
  if (typeof record === 'string') return { preference: 10, exchange: record };
  if ('exchange' in record) return record;
  return { preference: record[0], exchange: record[1] };
}
