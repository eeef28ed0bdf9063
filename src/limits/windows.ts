/**
 * Rolling windows made of whole buckets: 60 s in buckets of a second, 24 h in buckets of a minute. A bucket
 * counts as long as any moment of it lies in the window, so no window of that length ever contains more than
 * the limit.
 */
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
/** The content of the window. Drops buckets that no window reaches any more. */
export function used(shape: WindowShape, counts: Counts, seconds: number): number {
  const start = windowStart(shape, seconds);
  let sum = 0;
  for (const [bucket, count] of counts) {
    if (bucket < start) counts.delete(bucket);
    else sum += count;
  }
  return sum;
}
/** Whole seconds until `n` more fit; the whole length of the window if they never fit. */
export function retryAfter(
  shape: WindowShape,
  counts: Counts,
  seconds: number,
  limit: number,
  n: number,
): number {
  const length = (shape.buckets + 1) * shape.width;
  let over = used(shape, counts, seconds) + n - limit;
  for (const [bucket, count] of [...counts].sort(([a], [b]) => a - b)) {
    over -= count;
    if (over <= 0) return Math.max(1, bucket + length - Math.floor(seconds));
  }
  return length;
}
