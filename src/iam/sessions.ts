/**
 * Sessions of members. The token (256 bits) is only in the cookie; the store has its hash. Invariants: each
 * change of state makes a new session with a new token, in the transaction that ends the old session. A
 * session ends after 12 h without use, and after 30 days in any case (10 minutes while it waits for the
 * second factor, 12 h while something is being set up). The CSRF token is derived from the session token, so
 * nobody can know the CSRF token without the session token.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isWithin } from '../runtime/ahead.ts';
import type { MemberId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { PeopleTx, Session, SessionState } from './people-records.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const IDLE_MS = 12 * HOUR;
const LONGEST_MS: Readonly<Record<SessionState, number>> = {
  second_factor: 10 * MINUTE,
  set_up: 12 * HOUR,
  signed_in: 30 * 24 * HOUR,
};
/** The last use is stored at most once in this time. */
const TOUCH_EVERY_MS = 5 * MINUTE;
const MOST_AGENT = 300;

/** The origin of a request. */
export interface Origin {
  readonly address: string;
  readonly agent: string;
}
/** A new session with its token. This is the only moment at which the token can be put into a cookie. */
export interface Begun {
  readonly session: Session;
  readonly token: string;
}

/** A new token: 256 bits, base64url. */
export function newToken(random: Random): string {
  return random.bytes(32).toString('base64url');
}
/** The stored form of a token. The token is random enough that a plain hash is safe. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
export function csrfToken(sealer: Sealer, token: string): string {
  return sealer.mac(token, 'csrf').toString('base64url');
}
export function isCsrfToken(sealer: Sealer, token: string, given: string): boolean {
  const expected = Buffer.from(csrfToken(sealer, token));
  const got = Buffer.from(given);
  return got.length === expected.length && timingSafeEqual(got, expected);
}

export function newSession(
  deps: { readonly random: Random; readonly now: number },
  memberId: MemberId,
  state: SessionState,
  { address, agent }: Origin,
): Begun {
  const { random, now } = deps;
  const token = newToken(random);
  return {
    token,
    session: {
      id: random.id(),
      hash: hashToken(token),
      memberId,
      state,
      createdAt: now,
      lastUsedAt: now,
      expiresAt: now + LONGEST_MS[state],
      address,
      // People see it later: no control characters.
      agent: agent.replace(/[^\x20-\x7e]/g, '').slice(0, MOST_AGENT),
      challenge: null,
      sealedTotp: null,
    },
  };
}
/** How long a proof of who the member is permits changing the ways to sign in. */
const CONFIRMED_MS = 10 * MINUTE;
/** A session that is signed in begins with a proof; one that sets up an account is itself the way to sign in. */
export function confirmedUntil({ createdAt, expiresAt, state }: Session): number {
  return state === 'signed_in' ? createdAt + CONFIRMED_MS : expiresAt;
}
export function isConfirmed(session: Session, now: number): boolean {
  // A proof in the future: the clock was set back, or the clock of another node is ahead.
  return now < confirmedUntil(session) && now > session.createdAt - CONFIRMED_MS;
}
export function isOver(session: Session, now: number): boolean {
  return now >= session.expiresAt || now - session.lastUsedAt >= IDLE_MS;
}
export function wantsTouch(session: Session, now: number): boolean {
  // A use ahead of the clock is put right at once: otherwise the session would not count as idle until then.
  return !isWithin(session.lastUsedAt, TOUCH_EVERY_MS, now);
}
/** Replaces the old session with the next one. */
export function recordReplace(tx: PeopleTx, old: Session | null, next: Session): void {
  if (old !== null) tx.endSession(old.hash);
  tx.insertSession(next);
}
