/**
 * Proving a domain, also against a project that holds it: DNS decides. Where the newcomer's challenge is there and the
 * holder's is gone from every resolver, the domain moves in one commit: the holder's ownership ends, its MTA domain stops,
 * its project is told. Where both are there nothing moves, and it is said which record must go. Invariants: no answer
 * names the holder; what DNS fails to tell moves nothing. Rejects with what the store rejects with.
 */
import type { PrepareProjectEvents } from '../rules/project-events.ts';
import type { Clock } from '../runtime/clock.ts';
import type { OwnedDomainId, ProjectId } from '../runtime/ids.ts';
import type { Resolver } from '../runtime/resolver.ts';
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
  readonly resolvers: readonly Resolver[];
  readonly clock: Clock;
  readonly projectEvents: PrepareProjectEvents<Tx>;
  readonly cancelQueued: CancelQueued;
}
export type ClaimResult =
  | { readonly kind: 'verified'; readonly at: number; readonly proof: Proof | null }
  | { readonly kind: 'absent'; readonly found: readonly string[] }
  | { readonly kind: 'failed'; readonly cause: string }
  /** Another project holds it, and its record is still there. */
  | { readonly kind: 'held'; readonly record: { readonly name: string; readonly value: string } };

export function createClaims<Tx extends DomainTx & OwnershipTx>(
  deps: ClaimDeps<Tx>,
): (owned: Owned) => Promise<ClaimResult> {
  const { transactor, reader, resolvers, clock, projectEvents } = deps;

  async function verified(owned: Owned, holder: Owned | null): Promise<ClaimResult> {
    const now = clock.now();
    const proof = seenNow(now);
    const told = await projectEvents(owned.projectId);
    const former = holder === null ? null : await projectEvents(holder.projectId);
    const found = holder === null ? null : await reader.findDomain(owned.name);
    const setUp = found?.projectId === holder?.projectId ? found : null;
    await transactor.transact(owned.projectId, (tx) => {
      if (holder !== null && former !== null) {
        tx.releaseOwnedDomain(holder.projectId, holder.id, {
          ...(holder.proof ?? { ...proof, seenAt: holder.verifiedAt ?? now }),
          checkedAt: now,
          ended: { at: now, reason: 'moved' },
        });
        if (setUp !== null) recordRemoval(tx, setUp, 'moved', now);
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
    const result = await checkOwnershipEverywhere(resolvers, owned);
    if (result.kind !== 'proved') return result;
    const holder = await reader.verifiedOwner(owned.name);
    if (holder === null || holder.projectId === owned.projectId) return verified(owned, null);
    const theirs = await isGoneEverywhere(resolvers, holder);
    if (theirs === 'unclear')
      return { kind: 'failed', cause: 'whether the record of the holder is gone is unclear' };
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
