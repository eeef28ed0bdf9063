/** How long a delivery goes on, and what one attempt may take. docs/events.md shows this (scripts/events.ts). */
import type { Random } from '../runtime/random.ts';

const [SECOND, MINUTE, HOUR] = [1_000, 60_000, 3_600_000];
/** Between the first attempts, ms: most hooks are back soon. */
const SOON = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR];
/** Between the others: anywhere from the least to the most, so that a hook that comes back is not called by all at once. */
const LATER = { leastMs: 2 * HOUR, mostMs: 4 * HOUR };
/** Of the waits in SOON. */
const JITTER = 0.2;
/** The longest wait, also where an answer asks for more. */
export const LONGEST_WAIT_MS = LATER.mostMs;
/** An attempt that fails at this age of the delivery is the last one. */
export const GIVE_UP_MS = 4 * 86_400_000;
/** A delivery gets at least this many attempts, however old it is: the service may have been down for a week. */
export const FEWEST_ATTEMPTS = 8;
/** A subscriber that took nothing for so long counts as down, ms. */
export const DOWN_MS = 10 * MINUTE;
/** One delivery to a subscriber that is down is tried after so long, whatever its own time is, ms. */
export const PROBE_MS = 5 * MINUTE;
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
  const soon = SOON[attempt - 1];
  const { leastMs, mostMs } = LATER;
  if (soon === undefined) return Math.round(leastMs + (mostMs - leastMs) * random.fraction());
  return Math.round(soon * (1 - JITTER + 2 * JITTER * random.fraction()));
}
/** Whether a delivery ends if this attempt fails. `ageMs`: of the delivery, or since its subscriber was resumed. */
export function isLast(attempt: number, ageMs: number): boolean {
  return ageMs >= GIVE_UP_MS && attempt >= FEWEST_ATTEMPTS;
}
