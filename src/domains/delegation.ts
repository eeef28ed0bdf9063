/**
 * DKIM by CNAME (delegation). For each algorithm, a customer once sets two CNAME records that point to this
 * service. The service publishes the keys under them in a zone of its own (runtime/dns-server.ts), so a rotation
 * needs no change by the customer. Pure. Invariants: the selectors are the same in every domain; while the key of
 * one selector signs or retires, the other selector is free or has a pending key, so a name gets a new key only
 * after the old key has retired (rotation.ts).
 */
import type { Domain } from '../mail/domain.ts';
import type { DkimKey } from './mta-domains.ts';

type Algorithm = DkimKey['algorithm'];
const SELECTORS: Readonly<Record<Algorithm, readonly string[]>> = {
  'rsa-sha256': ['hk1r', 'hk2r'],
  'ed25519-sha256': ['hk1e', 'hk2e'],
};
const MOST_NAME = 253;

/** The name of a key's record in the customer's zone (RFC 6376 §3.6.2.1). */
export function dkimName({ selector }: Pick<DkimKey, 'selector'>, domain: Domain): string {
  return `${selector}._domainkey.${domain}`;
}
/** The CNAME target in `zone`; null if the key is not delegated: no zone, another selector, or too long a name. */
export function delegationTarget(
  { selector, algorithm }: Pick<DkimKey, 'selector' | 'algorithm'>,
  domain: Domain,
  zone: string | null,
): string | null {
  if (zone === null || !SELECTORS[algorithm].includes(selector)) return null;
  const target = `${selector}.${domain}.${zone}`;
  return target.length > MOST_NAME ? null : target;
}
/** The key that a name in the zone stands for. The name is given without the name of the zone. */
export function delegatedKey(relative: string): { selector: string; domain: string } | null {
  const dot = relative.indexOf('.');
  const [selector, domain] = [relative.slice(0, dot), relative.slice(dot + 1)];
  const known = Object.values(SELECTORS).some((selectors) => selectors.includes(selector));
  return dot > 0 && known ? { selector, domain } : null;
}
/** Whether the name of the domain is short enough for delegated keys. */
export function canDelegate(domain: Domain, zone: string | null): boolean {
  return delegationTarget({ selector: 'hk1r', algorithm: 'rsa-sha256' }, domain, zone) !== null;
}

/** The records of which a customer publishes one for a key; the first is preferred. */
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

/** The selector for a new key: one that only retired keys have used. null: both are in use. */
export function freeSelector(keys: readonly DkimKey[], algorithm: Algorithm): string | null {
  const inUse = new Set(keys.filter(({ state }) => state !== 'retired').map(({ selector }) => selector));
  const free = SELECTORS[algorithm].filter((selector) => !inUse.has(selector));
  // Of two free selectors, the one that is free for longer: caches are least likely to hold its old key.
  const lastUse = (selector: string) =>
    Math.max(0, ...keys.filter((key) => key.selector === selector).map(({ changedAt }) => changedAt));
  return free.toSorted((a, b) => lastUse(a) - lastUse(b))[0] ?? null;
}
/** Names that must already point here for the next key, for algorithms with a delegated key. */
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
