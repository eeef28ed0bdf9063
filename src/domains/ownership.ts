/**
 * Proof that a customer controls a domain: a TXT record with a token that only this customer knows, seen by the
 * resolvers. Invariants: a DNS failure never counts as absence; an ownership ends only after clear absences over
 * LOST_MS. Never throws.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Domain } from '../mail/domain.ts';
import type { OwnedDomainId, ProjectId } from '../runtime/ids.ts';
import type { DnsAnswer, Resolver } from '../runtime/resolver.ts';

/** The fields of an owned domain that this module reads; `challenge` is the token, without the prefix. */
export interface Challenged {
  readonly name: Domain;
  readonly challenge: string;
}
/** As in iam/projects.ts. */
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
  /** DNS answered, and the value is not there; `found` has the values that are. */
  | { readonly kind: 'absent'; readonly found: readonly string[] }
  /** DNS did not answer clearly: try again. */
  | { readonly kind: 'failed'; readonly cause: string };

const DAY_MS = 86_400_000;
/** After this many clear absences in a row, one a day, the project gets an event. */
export const LOST_CHECKS_TOLD = 3;
/** How long the absence must last, and how often it must be seen, before the ownership ends. */
export const LOST_MS = 14 * DAY_MS;
export const LOST_CHECKS = 14;

export function challengeRecord({ name, challenge }: Challenged): ChallengeRecord {
  return { name: `_hikyaku-challenge.${name}`, type: 'TXT', value: `hikyaku-verification=${challenge}` };
}

export async function checkOwnership(resolver: Resolver, owned: Challenged): Promise<OwnershipResult> {
  return checkOwnershipEverywhere([resolver], owned);
}
/**
 * Verified if every resolver that answers clearly shows the record; failed if none answers clearly; absent
 * otherwise.
 */
export async function checkOwnershipEverywhere(
  resolvers: readonly Resolver[],
  owned: Challenged,
): Promise<OwnershipResult> {
  // Anyone who reads the documentation could publish an empty token.
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
/** Whether no resolver shows the record: it must be absent everywhere, not only at one resolver. */
export async function isGoneEverywhere(
  resolvers: readonly Resolver[],
  owned: Challenged,
): Promise<'gone' | 'there' | 'unclear'> {
  const results = await Promise.all(resolvers.map((resolver) => checkOwnership(resolver, owned)));
  if (results.some(({ kind }) => kind === 'proved')) return 'there';
  return results.every(({ kind }) => kind === 'absent') ? 'gone' : 'unclear';
}

/** The state of the proof when DNS has just shown the record. */
export function seenNow(now: number): Proof {
  return { seenAt: now, checkedAt: now, lostSince: null, lostChecks: 0, ended: null };
}
/**
 * The state of the proof after a daily check; null = nothing to store: DNS was unclear, or has never shown the
 * record.
 */
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
