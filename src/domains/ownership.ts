/**
 * Proof that a customer controls a domain: a TXT record with a token only they were told, seen by every resolver asked.
 * Invariants: a failure of DNS is never an absence; an ownership ends only by clear absences over LOST_MS. Never throws.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Domain } from '../mail/domain.ts';
import type { OwnedDomainId, ProjectId } from '../runtime/ids.ts';
import type { DnsAnswer, Resolver } from '../runtime/resolver.ts';

/** An owned domain as far as this file reads it; `challenge` is the token, without the prefix. */
export interface Challenged {
  readonly name: Domain;
  readonly challenge: string;
}
/** As iam/projects.ts has it. */
export interface Proof {
  readonly seenAt: number;
  readonly checkedAt: number;
  readonly lostSince: number | null;
  readonly lostChecks: number;
  readonly ended: { readonly at: number; readonly reason: 'moved' | 'lost' } | null;
}
export interface Owned extends Challenged {
  readonly id: OwnedDomainId;
  readonly projectId: ProjectId;
  readonly verifiedAt: number | null;
  readonly proof: Proof | null;
}
export interface ChallengeRecord {
  readonly name: string;
  readonly type: 'TXT';
  readonly value: string;
}
export type OwnershipResult =
  | { readonly kind: 'proved' }
  /** DNS answered and the value is not there; `found` shows what is. */
  | { readonly kind: 'absent'; readonly found: readonly string[] }
  /** DNS did not answer clearly: try again. */
  | { readonly kind: 'failed'; readonly cause: string };

const DAY_MS = 86_400_000;
/** Clear absences in a row, one a day, after which the project is told. */
export const LOST_CHECKS_TOLD = 3;
/** So long must the absence last, and so often be seen, until the ownership ends. */
export const LOST_MS = 14 * DAY_MS;
export const LOST_CHECKS = 14;

export function challengeRecord({ name, challenge }: Challenged): ChallengeRecord {
  return { name: `_hikyaku-challenge.${name}`, type: 'TXT', value: `hikyaku-verification=${challenge}` };
}

export async function checkOwnership(resolver: Resolver, owned: Challenged): Promise<OwnershipResult> {
  return checkOwnershipEverywhere([resolver], owned);
}
/** Proved where every resolver that can tell shows the record; failed where none can tell; absent otherwise. */
export async function checkOwnershipEverywhere(
  resolvers: readonly Resolver[],
  owned: Challenged,
): Promise<OwnershipResult> {
  // An empty token would be proved by anyone who reads the documentation.
  if (owned.challenge === '') return { kind: 'failed', cause: 'no challenge' };
  const { name, value } = challengeRecord(owned);
  const answers = await Promise.all(
    resolvers.map(
      (resolver): Promise<DnsAnswer<string>> =>
        resolver.txt(name).catch((error: unknown) => ({ kind: 'failed', cause: String(error) })),
    ),
  );
  const records: (readonly string[])[] = [];
  let cause = 'no DNS servers';
  for (const answer of answers) {
    if (answer.kind === 'failed') cause = answer.cause;
    else records.push(answer.kind === 'found' ? answer.records : []);
  }
  if (records.length === 0) return { kind: 'failed', cause };
  const lacking = records.find((list) => !list.some((record) => same(record.trim(), value)));
  if (lacking === undefined) return { kind: 'proved' };
  return { kind: 'absent', found: lacking.slice(0, 10).map((record) => record.slice(0, 300)) };
}
/** Whether none of the resolvers shows the record: absence everywhere, not merely somewhere. */
export async function isGoneEverywhere(
  resolvers: readonly Resolver[],
  owned: Challenged,
): Promise<'gone' | 'there' | 'unclear'> {
  const results = await Promise.all(resolvers.map((resolver) => checkOwnership(resolver, owned)));
  if (results.some(({ kind }) => kind === 'proved')) return 'there';
  return results.every(({ kind }) => kind === 'absent') ? 'gone' : 'unclear';
}

/** Proof as it is when DNS has just shown the challenge. */
export function seenNow(now: number): Proof {
  return { seenAt: now, checkedAt: now, lostSince: null, lostChecks: 0, ended: null };
}
/** Proof after a daily look; null = nothing to write down: DNS was unclear, or has never shown it. */
export function afterLook(
  proof: Proof | null,
  state: 'gone' | 'there' | 'unclear',
  now: number,
): Proof | null {
  if (state === 'there') return seenNow(now);
  if (state === 'unclear' || proof === null) return null;
  return {
    ...proof,
    checkedAt: now,
    lostSince: proof.lostSince ?? now,
    lostChecks: proof.lostChecks + 1,
  };
}
export function isOver({ lostSince, lostChecks }: Proof, now: number): boolean {
  return lostSince !== null && lostChecks >= LOST_CHECKS && now - lostSince >= LOST_MS;
}
function same(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
