/** How long a delivery goes on, and what one attempt may take. docs/events.md shows this (scripts/events.ts). */
import { backoff } from '../runtime/backoff.ts';
import type { Random } from '../runtime/random.ts';

/** 5 s, doubled up to 4 h, with the jitter of backoff.ts: 34 attempts take more than three days. */
export const RETRY = { baseMs: 5_000, maxMs: 4 * 3_600_000 };
/** An attempt that fails at this age of the delivery is the last one. */
export const GIVE_UP_MS = 4 * 86_400_000;
/** A delivery gets at least this many attempts, however old it is: the service may have been down for a week. */
export const FEWEST_ATTEMPTS = 8;
/** Deliveries to one subscriber at a time: at first, while it fails, and while it answers quickly. */
export const AT_ONCE = { first: 4, least: 1, most: 64 };
/** Minimum time of a delivery, even if a project without any running delivery needs its place, ms. */
export const PATIENCE_MS = 3_000;
/** For one attempt. */
export const TIMEOUT_MS = 15_000;
/** Octets of the body of an answer that are read; after that, the connection is closed. */
export const MAX_ANSWER = 64 * 1024;

/** Milliseconds between a failed attempt and the next one. `attempt`: from 1. */
export function waitAfter(attempt: number, random: Pick<Random, 'fraction'>): number {
  return backoff({ attempt, ...RETRY, random });
}
/** Whether a delivery ends if this attempt fails. `ageMs`: of the delivery. */
export function isLast(attempt: number, ageMs: number): boolean {
  return ageMs >= GIVE_UP_MS && attempt >= FEWEST_ATTEMPTS;
}
