/**
 * Lets the event loop turn during long work: once the work has held it for some milliseconds, not at each item. While
 * mail is delivered a turn takes 10 ms, and 500 of them would make a list of small items wait for seconds.
 */
import { setImmediate } from 'node:timers/promises';

/** ms that one piece of work may hold the loop */
const HOLD_MS = 4;

/** To be awaited between two items: undefined while the loop was not held for long. */
export function createYielding(holdMs = HOLD_MS): () => Promise<void> | undefined {
  let since = performance.now();
  return () => (performance.now() - since < holdMs ? undefined : turn());
  async function turn(): Promise<void> {
    await setImmediate();
    since = performance.now();
  }
}
