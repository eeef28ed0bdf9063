/**
 * How many transactions servers take over one connection, where they take fewer than we would send: learned from a
 * refusal that a fresh connection did not repeat. Bounded: the oldest are forgotten.
 */
import type { Clock } from '../../runtime/clock.ts';

export interface UseLimits {
  /** Of the target with this key. */
  of(key: string): number;
  learn(key: string, uses: number): void;
}
/** A server may have been changed since. */
const REMEMBERED_MS = 6 * 3_600_000;
const MOST = 1000;

export function createUseLimits(clock: Clock, maxUses: number): UseLimits {
  const learned = new Map<string, { readonly uses: number; readonly until: number }>();
  return {
    of(key) {
      const limit = learned.get(key);
      if (limit === undefined) return maxUses;
      if (limit.until > clock.monotonic()) return limit.uses;
      learned.delete(key);
      return maxUses;
    },
    learn(key, uses) {
      learned.delete(key);
      if (learned.size >= MOST) learned.delete(learned.keys().next().value!);
      learned.set(key, { uses: Math.max(1, uses), until: clock.monotonic() + REMEMBERED_MS });
    },
  };
}
