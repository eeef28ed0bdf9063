/** Exponential backoff with jitter. */
import type { Random } from './random.ts';

/**
 * Milliseconds before the next attempt: `baseMs` after the first (attempt 1), then doubling, at most `maxMs`,
 * ±20 %.
 */
export function backoff(options: {
  attempt: number;
  baseMs: number;
  maxMs: number;
  random: Pick<Random, 'fraction'>;
}): number {
  const { attempt, baseMs, maxMs, random } = options;
  const plain = Math.min(maxMs, baseMs * 2 ** Math.min(Math.max(attempt - 1, 0), 40));
  return Math.round(plain * (0.8 + 0.4 * random.fraction()));
}
