/** Whether the event loop is pressed: of the last 200 ms it was busy for more than half. Asking costs next to nothing. */
import { performance } from 'node:perf_hooks';
import type { Clock } from './clock.ts';

const LOOK_MS = 200;
const PRESSED = 0.5;

export function createPressure(clock: Clock): () => boolean {
  const last = { at: clock.monotonic(), used: performance.eventLoopUtilization(), pressed: false };
  return () => {
    const at = clock.monotonic();
    if (at - last.at >= LOOK_MS) {
      const used = performance.eventLoopUtilization();
      const pressed = performance.eventLoopUtilization(used, last.used).utilization > PRESSED;
      Object.assign(last, { at, used, pressed });
    }
    return last.pressed;
  };
}
