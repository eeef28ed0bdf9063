/**
 * How DKIM keys come and go. Pure. A successor is pending until every resolver asked has seen it for SETTLE_MS (or its
 * TTL) without a clear absence in between; then it signs, and what signed before retires: it stays published for
 * RETIRE_MS, signs nothing, and loses its private half at the end. Invariants: an active key leaves only in the step in
 * which another of its algorithm takes over, so signing never pauses; where nothing signs, there is nothing to wait for; every signature finds its record everywhere, before
 * (propagation) and after (mail under way). What DNS fails to tell changes nothing.
 */
import type { DkimKey } from './mta-domains.ts';

const DAY_MS = 86_400_000;
export const DEFAULT_ROTATION_DAYS = 180;
/** A period must have room for settling and retiring. */
export const LEAST_ROTATION_DAYS = 20;
export const MOST_ROTATION_DAYS = 1000;
/** The longest a change of DNS takes to be seen everywhere. */
export const SETTLE_MS = 5 * DAY_MS;
/** The longest mail may wait on its way once it is signed, and the time records take to be seen everywhere. */
export const RETIRE_MS = 7 * DAY_MS + SETTLE_MS;

/** What all resolvers together say of a key's record; ttl in seconds. */
export type Sighting =
  | { readonly kind: 'seen'; readonly ttl: number }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unclear' };
export interface KeyMove {
  /** As it is afterwards. */
  readonly key: DkimKey;
  readonly from: DkimKey['state'];
}

/** The moves due at `now` (ms). `sightings` by key id; of pending keys only. */
export function stepKeys(
  keys: readonly DkimKey[],
  sightings: ReadonlyMap<string, Sighting>,
  now: number,
): KeyMove[] {
  const moves: KeyMove[] = [];
  const taken = new Set<DkimKey['algorithm']>();
  const silent = !keys.some(({ state }) => state === 'active');
  for (const key of keys) {
    if (key.state === 'retiring' && now - key.changedAt >= RETIRE_MS)
      moves.push({
        key: { ...key, state: 'retired', changedAt: now, sealedPrivateKey: Buffer.alloc(0) },
        from: 'retiring',
      });
    if (key.state !== 'pending') continue;
    const sighting = sightings.get(key.id) ?? { kind: 'unclear' };
    if (sighting.kind === 'absent' && key.seenSince !== null)
      moves.push({ key: { ...key, seenSince: null }, from: 'pending' });
    if (sighting.kind !== 'seen') continue;
    const settle = silent ? 0 : Math.max(SETTLE_MS, sighting.ttl * 1000);
    // A first sighting from the future is a clock that was set back.
    const since = key.seenSince === null || key.seenSince > now ? now : key.seenSince;
    if (now - since >= settle && !taken.has(key.algorithm)) {
      taken.add(key.algorithm);
      moves.push({ key: { ...key, state: 'active', seenSince: since, changedAt: now }, from: 'pending' });
    } else if (since !== key.seenSince) moves.push({ key: { ...key, seenSince: since }, from: 'pending' });
  }
  for (const key of keys)
    if (key.state === 'active' && taken.has(key.algorithm))
      moves.push({ key: { ...key, state: 'retiring', changedAt: now }, from: 'active' });
  return moves;
}

/** Active keys that should get a successor now: old enough, and none of their algorithm is under way. */
export function dueForRotation(keys: readonly DkimKey[], days: number | null, now: number): DkimKey[] {
  if (days === null) return [];
  return keys.filter(
    (key) =>
      key.state === 'active' &&
      now - key.changedAt >= days * DAY_MS &&
      !keys.some((other) => other.state === 'pending' && other.algorithm === key.algorithm),
  );
}

/** Wall ms from which the record of a retiring key may go; null in other states. */
export function recordMayGoAt(key: DkimKey): number | null {
  return key.state === 'retiring' ? key.changedAt + RETIRE_MS : null;
}
