/**
 * Applies changes, checks them and undoes them. Invariants: nothing is changed unless DNS holds what the change expects;
 * the result is learnt by reading DNS, never from the provider's answer; undoing restores each set, or leaves a set alone
 * if somebody has changed it since. Fails: never throws DnsProviderError; other errors are ours and are passed on.
 */

import {
  type ApplyOutcome,
  type DnsProvider,
  DnsProviderError,
  type RecordSet,
  type SetChange,
  type SetKey,
  type Zone,
} from './provider.ts';
import { sameValues } from './record-values.ts';

export type ChangeOutcome =
  | { readonly kind: 'applied'; readonly revert: string | null; readonly propagated: boolean }
  /** Nothing was done: these sets are not what the change expects. */
  | { readonly kind: 'changed'; readonly sets: readonly SetKey[] }
  /** The sets in `done` were changed, the others were not. */
  | { readonly kind: 'partial'; readonly done: readonly SetKey[]; readonly cause: string }
  /** Nothing was done. */
  | { readonly kind: 'failed'; readonly error: DnsProviderError }
  /** The change was begun, and then DNS could not be read. */
  | { readonly kind: 'unknown'; readonly cause: string };

export async function applyChanges(
  provider: DnsProvider,
  zone: Zone,
  changes: readonly SetChange[],
): Promise<ChangeOutcome> {
  return run(provider, zone, changes, () => provider.apply(zone, changes));
}

/** Undoes those of `changes` that were done. `revert` comes from the outcome of applying them. */
export async function undoChanges(
  provider: DnsProvider,
  zone: Zone,
  changes: readonly SetChange[],
  revert: string | null,
): Promise<ChangeOutcome & { readonly changes: readonly SetChange[] }> {
  const undone = changes.map(reversed);
  try {
    const sets = await provider.read(zone, changes);
    const foreign = changes.filter((change) => !isAs(sets, change, 'after') && !isAs(sets, change, 'before'));
    if (foreign.length > 0) return { kind: 'changed', sets: keysOf(foreign), changes: undone };
    const left = undone.filter((change) => !isAs(sets, change, 'after'));
    if (left.length === 0) return { kind: 'applied', revert: null, propagated: true, changes: [] };
    const outcome = await run(provider, zone, left, async () => {
      const whole = left.length === undone.length && revert !== null;
      const own = whole ? await provider.revert?.(zone, changes, revert) : null;
      return own ?? (await provider.apply(zone, left));
    });
    return { ...outcome, changes: left };
  } catch (error) {
    if (!(error instanceof DnsProviderError)) throw error;
    return { kind: 'failed', error, changes: undone };
  }
}
export function reversed(change: SetChange): SetChange {
  return {
    name: change.name,
    type: change.type,
    before: change.after,
    after: change.before,
    ttl: { before: change.ttl.after, after: change.ttl.before },
    ...(change.extras === undefined ? {} : { extras: change.extras }),
  };
}

async function run(
  provider: DnsProvider,
  zone: Zone,
  changes: readonly SetChange[],
  act: () => Promise<ApplyOutcome>,
): Promise<ChangeOutcome> {
  let outcome: ApplyOutcome | null = null;
  let cause: DnsProviderError | null = null;
  try {
    const sets = await provider.read(zone, changes);
    const other = changes.filter((change) => !isAs(sets, change, 'before'));
    if (other.length > 0) return { kind: 'changed', sets: keysOf(other) };
  } catch (error) {
    if (!(error instanceof DnsProviderError)) throw error;
    return { kind: 'failed', error };
  }
  try {
    outcome = await act();
  } catch (error) {
    if (!(error instanceof DnsProviderError)) throw error;
    cause = error;
  }
  let sets: readonly RecordSet[];
  try {
    sets = await provider.read(zone, changes);
  } catch (error) {
    if (!(error instanceof DnsProviderError)) throw error;
    return { kind: 'unknown', cause: (cause ?? error).message };
  }
  const done = changes.filter((change) => isAs(sets, change, 'after'));
  if (outcome?.kind === 'changed') {
    const other = changes.filter((change) => !isAs(sets, change, 'before'));
    return { kind: 'changed', sets: keysOf(other.length > 0 ? other : changes) };
  }
  if (done.length === changes.length)
    return { kind: 'applied', revert: outcome?.revert ?? null, propagated: outcome?.propagated ?? false };
  const untouched = changes.every((change) => isAs(sets, change, 'before'));
  const error =
    cause ?? new DnsProviderError('refused', 'the provider said that it was done, but shows other records');
  return untouched
    ? { kind: 'failed', error }
    : {
        kind: 'partial',
        done: keysOf(changes.filter((change) => !isAs(sets, change, 'before'))),
        cause: error.message,
      };
}
function isAs(sets: readonly RecordSet[], change: SetChange, side: 'before' | 'after'): boolean {
  const set = sets.find(({ name, type }) => name === change.name && type === change.type);
  return sameValues(change.type, set?.values ?? [], change[side]);
}
function keysOf(changes: readonly SetKey[]): SetKey[] {
  return changes.map(({ name, type }) => ({ name, type }));
}
