/**
 * Verifies the ownership of a domain, even if another project holds it. DNS decides. If the newcomer's TXT record
 * is there and every resolver shows that the holder's is gone, the domain moves in one commit: the holder's
 * ownership ends, its MTA domain stops, and its project gets an event. If both records are there, nothing moves,
 * and the answer says which record must be removed. Invariants: no answer names the holder; a DNS failure moves
 * nothing. Rejects if the store does.
 */
import type { PrepareProjectEvents } from '../rules/project-events.ts';
import type { Clock } from '../runtime/clock.ts';
import type { OwnedDomainId, ProjectId } from '../runtime/ids.ts';
import type { CheckingResolver, Provenance } from '../runtime/resolver.ts';
import type { Transactor } from '../runtime/transactor.ts';
import { announce } from './announce.ts';
import type { DomainReader, DomainTx } from './mta-domains.ts';
import {
  challengeRecord,
  checkOwnershipEverywhere,
  isGoneEverywhere,
  type Owned,
  type Proof,
  seenNow,
} from './ownership.ts';
import { watched } from './provenance.ts';
import { type CancelQueued, REMOVED_CAUSES, recordRemoval } from './removal.ts';

export interface OwnershipTx {
  verifyOwnedDomain(project: ProjectId, id: OwnedDomainId, at: number, proof?: Proof): void;
  noteProof(project: ProjectId, id: OwnedDomainId, proof: Proof): void;
  releaseOwnedDomain(project: ProjectId, id: OwnedDomainId, proof: Proof): void;
}
export interface ClaimDeps<Tx extends DomainTx & OwnershipTx> {
  readonly transactor: Transactor<Tx>;
  readonly reader: Pick<DomainReader, 'findDomain'> & {
    verifiedOwner(name: Owned['name']): Promise<Owned | null>;
  };
  /** They are asked past every cache: somebody has just set a record, and waits. */
  readonly resolvers: readonly CheckingResolver[];
  readonly clock: Clock;
  readonly projectEvents: PrepareProjectEvents<Tx>;
  readonly cancelQueued: CancelQueued;
}
export type ClaimResult =
  | { readonly kind: 'verified'; readonly at: number; readonly proof: Proof | null }
  | ({ readonly kind: 'absent'; readonly found: readonly string[] } & Required<Provenance>)
  | { readonly kind: 'failed'; readonly cause: string }
  /** Another project holds the domain, and its record is still there. */
  | { readonly kind: 'held'; readonly record: { readonly name: string; readonly value: string } };

export function createClaims<Tx extends DomainTx & OwnershipTx>(
  deps: ClaimDeps<Tx>,
): (owned: Owned) => Promise<ClaimResult> {
  const { transactor, reader, clock, projectEvents } = deps;

  async function verified(owned: Owned, holder: Owned | null): Promise<ClaimResult> {
    const now = clock.now();
    const proof = seenNow(now);
    const told = await projectEvents(owned.projectId);
    const former = holder === null ? null : await projectEvents(holder.projectId);
    const found = holder === null ? null : await reader.findDomain(owned.name);
    const setUp = found?.projectId === holder?.projectId ? found : null;
    await transactor.transact(owned.projectId, (tx) => {
      if (holder !== null && former !== null) {
        if (setUp !== null) recordRemoval(tx, setUp, 'moved', now);
        tx.releaseOwnedDomain(holder.projectId, holder.id, {
          ...(holder.proof ?? { ...proof, seenAt: holder.verifiedAt ?? now }),
          checkedAt: now,
          ended: { at: now, reason: 'moved' },
        });
        announce(former, tx, 'domain.dns_error', movedAway(holder, now), setUp?.defaultTopicId ?? null);
      }
      tx.verifyOwnedDomain(owned.projectId, owned.id, now, proof);
      announce(
        told,
        tx,
        'domain.verified',
        { domain: owned.name, checked_at: new Date(now).toISOString() },
        null,
      );
    });
    if (setUp !== null) deps.cancelQueued(setUp.projectId, setUp.id, REMOVED_CAUSES.moved);
    return { kind: 'verified', at: now, proof };
  }

  return async function verify(owned) {
    if (owned.verifiedAt !== null) return { kind: 'verified', at: owned.verifiedAt, proof: owned.proof };
    const views = deps.resolvers.map((resolver) => watched(resolver.fresh(owned.projectId)));
    const resolvers = views.map(({ resolver }) => resolver);
    const result = await checkOwnershipEverywhere(resolvers, owned);
    if (result.kind === 'absent') {
      const seen = views.map(({ provenance }) => provenance(clock.now()));
      return {
        ...result,
        observedAt: Math.min(...seen.map(({ observedAt }) => observedAt)),
        authoritative: seen.every(({ authoritative }) => authoritative),
      };
    }
    if (result.kind !== 'proved') return result;
    const holder = await reader.verifiedOwner(owned.name);
    if (holder === null || holder.projectId === owned.projectId) return verified(owned, null);
    const theirs = await isGoneEverywhere(resolvers, holder);
    if (theirs === 'unclear')
      return { kind: 'failed', cause: 'it is unclear whether the record of the present holder is gone' };
    if (theirs === 'there') return { kind: 'held', record: challengeRecord(holder) };
    return verified(owned, holder);
  };
}

function movedAway(holder: Owned, now: number) {
  const { name, value } = challengeRecord(holder);
  return {
    domain: holder.name,
    problems: [{ item: 'ownership' as const, status: 'moved', expected: [`${name} ${value}`], found: [] }],
    checked_at: new Date(now).toISOString(),
    message: `Another project verified its ownership of ${holder.name} while your record ${name} was gone. This project no longer sends or receives mail for the domain.`,
    message_ja: `レコード ${name} がない間に、${holder.name} の所有権が別のプロジェクトで確認されました。このプロジェクトでの、このドメインの送受信は停止しました。`,
  };
}
