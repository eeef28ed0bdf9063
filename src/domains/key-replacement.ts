/**
 * Replaces a DKIM key that strangers may have. Prepared outside the transaction and recorded in it (key-steps.ts).
 * Invariants: from the commit on, the key signs nothing and its private half is gone; its record is from then on the
 * revoked one (an empty `p=`, RFC 6376 §3.6.1), which the service publishes itself if the key is delegated; a successor is
 * pending, and signs when its record is seen; it waits no five days, because no key of its algorithm signs. `most`: the
 * most keys of a domain, with the retired ones.
 */
import { delegationTarget, freeSelector } from './delegation.ts';
import { isRevoked, kindOf, makeDkimKey, revokedRecord } from './dkim-keys.ts';
import { type KeyStepDeps, type KeySteps, replacedBy, tellPending, tellRetired } from './key-steps.ts';
import { countsAsSeen, type DkimKey, type MtaDomain } from './mta-domains.ts';

export interface Replacement {
  readonly steps: KeySteps;
  readonly successor: DkimKey;
}

export async function prepareReplacement(
  deps: Omit<KeyStepDeps, 'resolvers'>,
  domain: MtaDomain,
  keys: readonly DkimKey[],
  old: DkimKey,
  most: number,
): Promise<Replacement> {
  const { clock, dkimZone } = deps;
  const revoked: DkimKey = {
    ...old,
    state: 'retired',
    publicRecord: revokedRecord(old),
    sealedPrivateKey: Buffer.alloc(0),
    seenSince: null,
    changedAt: clock.now(),
  };
  const after = keys.map((key) => (key.id === old.id ? revoked : key));
  const there = after.find(
    ({ state, algorithm }) => algorithm === old.algorithm && (state === 'pending' || state === 'active'),
  );
  const fresh: DkimKey[] = [];
  if (there === undefined) {
    const selector =
      delegationTarget(old, domain.name, dkimZone) === null ? null : freeSelector(after, old.algorithm);
    // Of a key that is revoked already, only the algorithm is known.
    const kind = isRevoked(old) && old.algorithm === 'rsa-sha256' ? 'rsa-2048' : kindOf(old);
    // Nobody looks for the records of such a domain, so its keys sign at once, like its first ones.
    const state = countsAsSeen(domain) ? 'active' : 'pending';
    const place = { projectId: old.projectId, domainId: old.domainId };
    fresh.push(await makeDkimKey(deps, place, kind, { ...(selector === null ? {} : { selector }), state }));
  }
  const taken = replacedBy(fresh, after);
  // The number of keys must not keep anybody from revoking one: the oldest retired keys make room.
  const surplus = after
    .filter((key) => key.state === 'retired' && key.id !== old.id && !taken.includes(key))
    .toSorted((a, b) => a.changedAt - b.changedAt)
    .slice(0, Math.max(0, after.length - taken.length + fresh.length - most));
  const moves = isRevoked(old) ? [] : [{ key: revoked, from: old.state }];
  return {
    successor: there ?? fresh[0]!,
    steps: {
      moves,
      gone: [...taken, ...surplus],
      fresh,
      events: [
        ...moves.map(({ key }) => tellRetired(domain, key, dkimZone)),
        ...fresh
          .filter(({ state }) => state === 'pending')
          .map((key) => tellPending(domain, key, after, dkimZone)),
      ],
    },
  };
}
