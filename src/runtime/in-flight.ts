/**
 * Limits how many requests of a project run at the same time. The limit is generous for callers who wait for
 * their answers. A request over the limit is refused, with a delay. After an immediate refusal, a client
 * would try again at once, and hundreds of clients would do so together again and again. So the refusals of a
 * project are sent at some distance from each other.
 */
import type { Clock } from './clock.ts';

/** The protocol of the request. */
export type Way = 'http' | 'smtp';
export interface InFlight {
  /**
   * Counts one more request until its place is disposed (disposing again is harmless). null, after a delay:
   * the request is refused.
   */
  enter(share: string, way: Way): Disposable | Promise<null>;
}

/** A hundred running requests and a hundred that wait for events leave room for some more. */
export const MOST_IN_FLIGHT = 250;
const REFUSED_MS = 1_000;
const APART_MS = 10;

/** `refused` is called for each refused request. */
export function createInFlight(clock: Clock, refused: (way: Way) => void): InFlight {
  const entries = new Map<string, { count: number; refusedAt: number }>();
  return {
    enter(share, way) {
      const entry = entries.get(share) ?? { count: 0, refusedAt: 0 };
      if (entry.count >= MOST_IN_FLIGHT) {
        refused(way);
        const now = clock.monotonic();
        entry.refusedAt = Math.max(now + REFUSED_MS, entry.refusedAt + APART_MS);
        return new Promise((resolve) => clock.after(entry.refusedAt - now, () => resolve(null)));
      }
      entries.set(share, entry);
      entry.count += 1;
      let held = true;
      return {
        [Symbol.dispose]() {
          if (!held) return;
          held = false;
          entry.count -= 1;
          if (entry.count === 0) entries.delete(share);
        },
      };
    },
  };
}
