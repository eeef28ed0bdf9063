/**
 * How many requests of a project are in flight: generous for anyone who waits for his answers. Who has his most is refused,
 * and late, for who is refused at once comes again at once, and hundreds who did so together would do so again and again:
 * so each refusal of a project is told at some distance from the one before.
 */
import type { Clock } from './clock.ts';

/** What it comes in by. */
export type Way = 'http' | 'smtp';
export interface InFlight {
  /** One more, until its place is disposed of, once or more often. null, late: it is refused. */
  enter(share: string, way: Way): Disposable | Promise<null>;
}

/** A hundred at once and a hundred that wait for events leave room for some more. */
export const MOST_IN_FLIGHT = 250;
const REFUSED_MS = 1_000;
const APART_MS = 10;

/** `refused` is told of each that is. */
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
