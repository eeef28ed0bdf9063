/**
 * Our Resolver in the shape the verification library asks for, with a budget and a deadline: beyond either, every
 * question fails as a time-out would, so that the verdict becomes temperror and not a wrong absence. Absence keeps its
 * codes (ENOTFOUND, ENODATA), failure is never given one of them.
 */
import type { DnsAnswer, Resolver } from '../runtime/resolver.ts';

export type Lookup = (name: string, type: string) => Promise<unknown[]>;
export interface Deadline {
  readonly passed: boolean;
  /** Resolves when the time is over. */
  readonly over: Promise<'over'>;
}

export function createLookup(resolver: Resolver, budget: number, deadline: Deadline): Lookup {
  let left = budget;
  return async (name, type) => {
    if (deadline.passed) throw lookupError('ETIMEOUT', 'time limit reached');
    if (left <= 0) throw lookupError('ELIMIT', 'look-up limit reached');
    left -= 1;
    const answer = await Promise.race([ask(resolver, name, type), deadline.over]);
    if (answer === 'over') throw lookupError('ETIMEOUT', 'time limit reached');
    switch (answer.kind) {
      case 'found':
        return [...answer.records];
      case 'nodata':
        throw lookupError('ENODATA', 'no data');
      case 'nxdomain':
        throw lookupError('ENOTFOUND', 'no such name');
      case 'failed':
        throw lookupError('ESERVFAIL', 'DNS failure');
    }
  };
}

async function ask(resolver: Resolver, name: string, type: string): Promise<DnsAnswer<unknown>> {
  switch (type) {
    case 'A':
      return await resolver.a(name);
    case 'AAAA':
      return await resolver.aaaa(name);
    case 'CNAME':
      return await resolver.cname(name);
    case 'TXT':
      return mapped(await resolver.txt(name), (record) => [record]);
    case 'MX':
      return mapped(await resolver.mx(name), ({ preference, exchange }) => ({
        priority: preference,
        exchange,
      }));
    case 'PTR':
      return await resolver.ptr(addressOf(name));
    default:
      return { kind: 'failed', cause: `no ${type} look-ups` };
  }
}
function mapped<T, U>(answer: DnsAnswer<T>, map: (record: T) => U): DnsAnswer<U> {
  return answer.kind === 'found' ? { ...answer, records: answer.records.map(map) } : answer;
}
/** The address in a name under in-addr.arpa or ip6.arpa; anything else as it is. */
function addressOf(name: string): string {
  const labels = name.toLowerCase().replace(/\.$/, '').split('.').reverse();
  if (labels[0] !== 'arpa') return name;
  if (labels[1] === 'in-addr') return labels.slice(2).join('.');
  if (labels[1] !== 'ip6') return name;
  return (
    labels
      .slice(2)
      .join('')
      .match(/.{1,4}/g) ?? []
  ).join(':');
}
function lookupError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
