/**
 * DKIM by CNAME: a customer points two names for each algorithm here once, this service publishes the keys under them in
 * a zone of its own (runtime/dns-server.ts), and no rotation needs the customer again. Pure. Invariants: the names are
 * the same in every domain; of the two, one signs or retires while the other is free or waits, so that no name changes
 * its key before the old one has gone for good (rotation.ts).
 */
import type { Domain } from '../mail/domain.ts';
import type { DkimKey } from './mta-domains.ts';

type Algorithm = DkimKey['algorithm'];
const SELECTORS: Readonly<Record<Algorithm, readonly string[]>> = {
  'rsa-sha256': ['hk1r', 'hk2r'],
  'ed25519-sha256': ['hk1e', 'hk2e'],
};
const MOST_NAME = 253;

/** Where a key's record stands in the customer's zone (RFC 6376 §3.6.2.1). */
export function dkimName({ selector }: Pick<DkimKey, 'selector'>, domain: Domain): string {
  return `${selector}._domainkey.${domain}`;
}
/** Where it leads in `zone`; null where the key is not delegated: no zone, a selector of one's own, or too long a name. */
export function delegationTarget(
  { selector, algorithm }: Pick<DkimKey, 'selector' | 'algorithm'>,
  domain: Domain,
  zone: string | null,
): string | null {
  if (zone === null || !SELECTORS[algorithm].includes(selector)) return null;
  const target = `${selector}.${domain}.${zone}`;
  return target.length > MOST_NAME ? null : target;
}
/** Which key a name in the zone, without the zone's, is asked for. */
export function delegatedKey(relative: string): { selector: string; domain: string } | null {
  const dot = relative.indexOf('.');
  const [selector, domain] = [relative.slice(0, dot), relative.slice(dot + 1)];
  const known = Object.values(SELECTORS).some((selectors) => selectors.includes(selector));
  return dot > 0 && known ? { selector, domain } : null;
}
/** Whether keys of a domain with so long a name can be delegated at all. */
export function canDelegate(domain: Domain, zone: string | null): boolean {
  return delegationTarget({ selector: 'hk1r', algorithm: 'rsa-sha256' }, domain, zone) !== null;
}

/** What a customer publishes for a key: one of them, the first by preference. */
export interface KeyRecord {
  readonly type: 'CNAME' | 'TXT';
  readonly name: string;
  readonly value: string;
}
export function keyRecord(key: DkimKey, domain: Domain, zone: string | null): KeyRecord {
  const target = delegationTarget(key, domain, zone);
  const name = dkimName(key, domain);
  return target === null
    ? { type: 'TXT', name, value: key.publicRecord }
    : { type: 'CNAME', name, value: target };
}

/** The selector for a new key, one that no key uses which is not retired; null: both are in use. */
export function freeSelector(keys: readonly DkimKey[], algorithm: Algorithm): string | null {
  const inUse = new Set(keys.filter(({ state }) => state !== 'retired').map(({ selector }) => selector));
  const free = SELECTORS[algorithm].filter((selector) => !inUse.has(selector));
  // The one that rested longer: its old key is the least likely to be remembered anywhere.
  const lastUse = (selector: string) =>
    Math.max(0, ...keys.filter((key) => key.selector === selector).map(({ changedAt }) => changedAt));
  return free.toSorted((a, b) => lastUse(a) - lastUse(b))[0] ?? null;
}
/** Names that are to lead here for the next key already, of algorithms that have a delegated one. */
export function waitingNames(
  keys: readonly DkimKey[],
  domain: Domain,
  zone: string | null,
): (KeyRecord & { readonly type: 'CNAME' })[] {
  const used = keys.filter(({ state }) => state !== 'retired');
  return (['rsa-sha256', 'ed25519-sha256'] as const)
    .filter((algorithm) =>
      used.some((key) => key.algorithm === algorithm && delegationTarget(key, domain, zone) !== null),
    )
    .flatMap((algorithm) => SELECTORS[algorithm].map((selector) => ({ selector, algorithm })))
    .filter(({ selector }) => !used.some((key) => key.selector === selector))
    .map((place) => ({
      type: 'CNAME',
      name: dkimName(place, domain),
      value: delegationTarget(place, domain, zone)!,
    }));
}
