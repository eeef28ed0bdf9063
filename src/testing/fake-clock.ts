/** A clock advanced by hand: timers fire in order while `advance` walks over them; no real time passes. */
import type { Clock, Timer } from '../runtime/clock.ts';

export interface FakeClock extends Clock {
  /** Moves wall and monotonic time on by `ms`, firing due timers in order and letting promises settle between them. */
  advance(ms: number): Promise<void>;
  /** Steps wall time alone, as an operator or NTP would. */
  jump(ms: number): void;
  /** Timers waiting. */
  readonly pending: number;
}

export function createFakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  const timers = new Set<{ at: number; callback: () => void }>();
  let mono = 0;
  let offset = start;
  return {
    now: () => Math.floor(mono + offset),
    monotonic: () => mono,
    after(ms, callback): Timer {
      const timer = { at: mono + Math.max(ms, 0), callback };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    async advance(ms) {
      const end = mono + ms;
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        const next = [...timers].filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        timers.delete(next);
        mono = Math.max(mono, next.at);
        next.callback();
      }
      mono = end;
    },
    jump(ms) {
      offset += ms;
    },
    get pending() {
      return timers.size;
    },
  };
}
