/** Proof that a customer controls a domain: a TXT record with a token only they were told. Never throws. */
import { timingSafeEqual } from 'node:crypto';
import type { Domain } from '../mail/domain.ts';
import type { Resolver } from '../runtime/resolver.ts';

/** An owned domain as far as this file reads it; `challenge` is the token, without the prefix. */
export interface Challenged {
  readonly name: Domain;
  readonly challenge: string;
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

export function challengeRecord({ name, challenge }: Challenged): ChallengeRecord {
  return { name: `_hikyaku-challenge.${name}`, type: 'TXT', value: `hikyaku-verification=${challenge}` };
}

export async function checkOwnership(resolver: Resolver, owned: Challenged): Promise<OwnershipResult> {
  // An empty token would be proved by anyone who reads the documentation.
  if (owned.challenge === '') return { kind: 'failed', cause: 'no challenge' };
  const { name, value } = challengeRecord(owned);
  try {
    const answer = await resolver.txt(name);
    if (answer.kind === 'failed') return { kind: 'failed', cause: answer.cause };
    if (answer.kind !== 'found') return { kind: 'absent', found: [] };
    if (answer.records.some((record) => same(record.trim(), value))) return { kind: 'proved' };
    return { kind: 'absent', found: answer.records.slice(0, 10).map((record) => record.slice(0, 300)) };
  } catch (error) {
    return { kind: 'failed', cause: String(error) };
  }
}
function same(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
