/** A rolling window as people see it: how full it is, and when it has room again. Pure. */
import { type Counts, countedFor, counting, retryAfter, type WindowShape } from './windows.ts';

export interface WindowState {
  /** Recipients in the window. */
  readonly used: number;
  /** 0 = no limit. */
  readonly limit: number;
  /** null without a limit. */
  readonly remaining: number | null;
  /** Wall ms at which one more recipient fits; null: now. */
  readonly roomAt: number | null;
  /** Wall ms at which the first recipient leaves the window; null if the window is empty. */
  readonly firstLeavesAt: number | null;
  /** Wall ms at which the window is empty if nothing more is sent; null if it is empty now. */
  readonly emptyAt: number | null;
}
/** `now` in wall ms. */
export function windowState(shape: WindowShape, counts: Counts, now: number, limit: number): WindowState {
  const seconds = now / 1000;
  const buckets = counting(shape, counts, seconds);
  const held = buckets.reduce((sum, [, count]) => sum + count, 0);
  const starts = buckets.map(([start]) => start);
  const leavesAt = (start: number) => (start + countedFor(shape)) * 1000;
  const full = limit > 0 && held >= limit;
  return {
    used: held,
    limit,
    remaining: limit === 0 ? null : Math.max(0, limit - held),
    roomAt: full ? now + retryAfter(shape, counts, seconds, limit, 1) * 1000 : null,
    firstLeavesAt: starts.length === 0 ? null : leavesAt(starts.reduce((a, b) => Math.min(a, b))),
    emptyAt: starts.length === 0 ? null : leavesAt(starts.reduce((a, b) => Math.max(a, b))),
  };
}
