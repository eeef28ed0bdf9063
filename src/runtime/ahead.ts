/**
 * Stored times that lie ahead of the clock. They were written while the clock was ahead, or by a node whose
 * clock differs a little. Small differences are normal; everything further ahead is a mistake, and a count must
 * not depend on it.
 */

/** ms by which the clocks of two nodes may differ, and by which a clock is set back without a notice. */
export const LEAD_MS = 5_000;

/** Whether the time lies in the last `ms` before `now`, or so little ahead that clocks differ by as much. */
export function isWithin(at: number, ms: number, now: number): boolean {
  return at > now - ms && at <= now + LEAD_MS;
}
