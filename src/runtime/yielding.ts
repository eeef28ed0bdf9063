/**
 * Lets the event loop turn during long work: only when the work has held it for some milliseconds, not at
 * each item. While mail is delivered, a turn takes 10 ms, and 500 turns would make a list of small items wait
 * for seconds.
 */
import { setImmediate } from 'node:timers/promises';

/** ms that one piece of work may hold the loop */
const HOLD_MS = 4;

/** Await it between two items; it is undefined if the loop was not held for long. */
export function createYielding(holdMs = HOLD_MS): () => Promise<void> | undefined {
  let since = performance.now();
  return () => (performance.now() - since < holdMs ? undefined : turn());
  async function turn(): Promise<void> {
    await setImmediate();
    since = performance.now();
  }
}
