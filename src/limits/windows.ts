/**
 * Rolling windows made of whole buckets: 60 s in buckets of a second, 24 h in buckets of a minute. A bucket
 * counts as long as any moment of it lies in the window, so no window of that length ever contains more than
 * the limit. A bucket that begins ahead of the clock was counted while the clock was ahead; it does not count.
 */
import { LEAD_MS } from '../runtime/ahead.ts';

export const MINUTE_WINDOW = { width: 1, buckets: 60 } as const;
export const DAY_WINDOW = { width: 60, buckets: 24 * 60 } as const;
export type WindowShape = typeof MINUTE_WINDOW | typeof DAY_WINDOW;

/** Counts by bucket start (whole seconds). */
export type Counts = Map<number, number>;

export function bucketOf(shape: WindowShape, seconds: number): number {
  return Math.floor(seconds / shape.width) * shape.width;
}
/** The first bucket that still counts at `seconds`. */
export function windowStart(shape: WindowShape, seconds: number): number {
  return bucketOf(shape, seconds) - shape.buckets * shape.width;
}
export function add(shape: WindowShape, counts: Counts, seconds: number, n: number): void {
  const bucket = bucketOf(shape, seconds);
  const value = (counts.get(bucket) ?? 0) + n;
  if (value > 0) counts.set(bucket, value);
  else counts.delete(bucket);
}
/** Seconds after its start for which a bucket counts: the window, and the bucket itself. */
export function countedFor(shape: WindowShape): number {
  return (shape.buckets + 1) * shape.width;
}
/**
 * Calls with each bucket of the window, in no order. `drop`: buckets that no window reaches any more are removed,
 * and those further ahead than a window: their time would come when their mail is long forgotten.
 */
function look(
  shape: WindowShape,
  counts: Counts,
  seconds: number,
  drop: boolean,
  each: (bucket: number, count: number) => void,
): void {
  const start = windowStart(shape, seconds);
  const end = seconds + LEAD_MS / 1000;
  const last = seconds + countedFor(shape);
  for (const [bucket, count] of counts) {
    if (bucket < start || bucket > last) {
      if (drop) counts.delete(bucket);
    } else if (bucket <= end) each(bucket, count);
  }
}
/** The buckets of the window, in no order. */
export function counting(shape: WindowShape, counts: Counts, seconds: number): [number, number][] {
  const found: [number, number][] = [];
  look(shape, counts, seconds, false, (bucket, count) => found.push([bucket, count]));
  return found;
}
/** The content of the window. `drop`: see `look`. */
export function used(shape: WindowShape, counts: Counts, seconds: number, drop = false): number {
  let sum = 0;
  look(shape, counts, seconds, drop, (_, count) => {
    sum += count;
  });
  return sum;
}
/** Whole seconds until `n` more fit, never more than a bucket counts; exactly that if they never fit. */
export function retryAfter(
  shape: WindowShape,
  counts: Counts,
  seconds: number,
  limit: number,
  n: number,
): number {
  const length = countedFor(shape);
  const buckets = counting(shape, counts, seconds);
  let over = buckets.reduce((sum, [, count]) => sum + count, 0) + n - limit;
  for (const [bucket, count] of buckets.sort(([a], [b]) => a - b)) {
    over -= count;
    if (over <= 0) return Math.min(length, Math.max(1, bucket + length - Math.floor(seconds)));
  }
  return length;
}
