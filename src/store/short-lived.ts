/**
 * Short-lived records, without a setting for their time: keys of calls and of mail that might be repeated,
 * sign-in attempts, sessions, links and suspensions. Readers check their age. Retention removes expired ones
 * in its own steps, never in another commit.
 */
import { ATTEMPTS_KEPT_MS } from '../iam/attempts.ts';
import { IDLE_MS } from '../iam/sessions.ts';
import { ANSWERS_KEPT_MS } from '../ledger/idempotency.ts';
import { SENT_KEYS_KEPT_MS } from '../spool/messages.ts';

/** Rows that expire by their age alone. */
export interface Aged {
  readonly table: string;
  readonly column: string;
  /** The index by that column. */
  readonly index: string;
  readonly keptMs: number;
  /**
   * Rows further ahead than they are kept go, too: they were written while the clock was ahead, and would count
   * again when their time comes. Keys stay: nothing is done twice, whatever the clock said.
   */
  readonly goesAhead?: true;
}
/** A bound that rows are beyond, in wall ms. */
export interface Beyond extends Aged {
  readonly than: '<' | '>';
  readonly bound: (now: number) => number;
}
const AGED: readonly Aged[] = [
  { table: 'idempotency', column: 'created_at', index: 'idempotency_age', keptMs: ANSWERS_KEPT_MS },
  { table: 'sent_key', column: 'created_at', index: 'sent_key_age', keptMs: SENT_KEYS_KEPT_MS },
  {
    table: 'auth_failure',
    column: 'at',
    index: 'auth_failure_at',
    keptMs: ATTEMPTS_KEPT_MS,
    goesAhead: true,
  },
  {
    table: 'auth_success',
    column: 'at',
    index: 'auth_success_at',
    keptMs: ATTEMPTS_KEPT_MS,
    goesAhead: true,
  },
];
export const BEYOND: readonly Beyond[] = [
  ...AGED.map((aged) => ({ ...aged, than: '<' as const, bound: (now: number) => now - aged.keptMs })),
  ...AGED.filter(({ goesAhead }) => goesAhead === true).map((aged) => ({
    ...aged,
    than: '>' as const,
    bound: (now: number) => now + aged.keptMs,
  })),
];

/**
 * What people sign in with, and suspensions: few compared with the mail, so there is no index on their end.
 */
export interface Ending {
  readonly table: 'session' | 'sign_in_link' | 'suspension';
  readonly key: 'hash' | 'id';
  /** In wall ms; each is an upper bound of one of the columns. */
  readonly over: (now: number) => readonly (readonly [column: string, at: number])[];
}
export const ENDING: readonly Ending[] = [
  {
    table: 'session',
    key: 'hash',
    over: (now) => [
      ['expires_at', now],
      ['last_used_at', now - IDLE_MS],
    ],
  },
  { table: 'sign_in_link', key: 'hash', over: (now) => [['expires_at', now]] },
  { table: 'suspension', key: 'id', over: (now) => [['expires_at', now]] },
];
