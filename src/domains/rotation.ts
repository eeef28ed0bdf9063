/**
 * Rotation of DKIM keys. Pure. A successor is pending until every resolver has seen it for SETTLE_MS (or its TTL)
 * without a clear absence in between. Then it signs, and the key that signed before retires: it stays published for
 * RETIRE_MS, signs nothing, and loses its private key at the end. Invariants: an active key stops signing only when
 * another key of its algorithm starts, so signing never pauses; if no key of its algorithm signs, a pending key need not wait; the
 * record of every signature can be found everywhere, from the first signature (propagation) until the last signed
 * mail has arrived. A DNS failure changes nothing.
 */
import type { DkimKey } from './mta-domains.ts';

const DAY_MS = 86_400_000;
export const DEFAULT_ROTATION_DAYS = 180;
/** The longest time until a DNS change is visible everywhere. */
export const SETTLE_MS = 5 * DAY_MS;
/** The longest time that signed mail may be on its way, and the time until a DNS change is visible everywhere. */
export const RETIRE_MS = 7 * DAY_MS + SETTLE_MS;

/** The combined answer of all resolvers about a key's record; ttl in seconds. */
export type Sighting =
  | { readonly kind: 'seen'; readonly ttl: number }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unclear' };
export interface KeyMove {
  /** The key after the move. */
  readonly key: DkimKey;
  readonly from: DkimKey['state'];
}

/** The moves that are due at `now` (ms). `sightings`: by key id, for pending keys only. */
export function stepKeys(
  keys: readonly DkimKey[],
  sightings: ReadonlyMap<string, Sighting>,
  now: number,
): KeyMove[] {
  const moves: KeyMove[] = [];
  const taken = new Set<DkimKey['algorithm']>();
  const isSilent = ({ algorithm }: DkimKey) =>
    !keys.some((key) => key.state === 'active' && key.algorithm === algorithm);
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
    const settle = isSilent(key) ? 0 : Math.max(SETTLE_MS, sighting.ttl * 1000);
    // If the first sighting is in the future, the clock was set back.
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

/** Active keys that should get a successor now: they are old enough, and their algorithm has no pending key. */
export function dueForRotation(keys: readonly DkimKey[], days: number | null, now: number): DkimKey[] {
  if (days === null) return [];
  return keys.filter(
    (key) =>
      key.state === 'active' &&
      now - key.changedAt >= days * DAY_MS &&
      !keys.some((other) => other.state === 'pending' && other.algorithm === key.algorithm),
  );
}

/** Wall ms from which the record of a retiring key may be removed; null in other states. */
export function recordMayGoAt(key: DkimKey): number | null {
  return key.state === 'retiring' ? key.changedAt + RETIRE_MS : null;
}
