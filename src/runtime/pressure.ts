/** How busy the event loop is. The calls cost nearly nothing. */
import { performance } from 'node:perf_hooks';
import type { Clock } from './clock.ts';

export interface Pressure {
  /** True if the loop was busy for more than half of the last 200 ms. */
  pressed(): boolean;
  /**
   * True if, since `went`, the loop has rested for as long as it was busy, or 50 ms have passed (it may never
   * rest).
   */
  rested(): boolean;
  went(): void;
}

const LOOK_MS = 200;
const HALF = 0.5;
const LONGEST_MS = 50;

export function createPressure(clock: Clock): Pressure {
  const look = () => ({ at: clock.monotonic(), used: performance.eventLoopUtilization() });
  let last = look();
  let pressed = false;
  let began = look();
  return {
    pressed() {
      if (clock.monotonic() - last.at < LOOK_MS) return pressed;
      const now = look();
      pressed = performance.eventLoopUtilization(now.used, last.used).utilization > HALF;
      last = now;
      return pressed;
    },
    rested: () =>
      performance.eventLoopUtilization(began.used).utilization <= HALF ||
      clock.monotonic() - began.at > LONGEST_MS,
    went() {
      began = look();
    },
  };
}
