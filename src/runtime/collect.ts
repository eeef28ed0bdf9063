/**
 * A hint to the garbage collector behind large messages. Their octets live outside its heap, where it weighs them too
 * lightly: without the hint a burst of 10 MiB messages leaves some hundred MiB of dead buffers behind for a while.
 * A young collection takes about a millisecond; it is asked for once per turn of the loop at most.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Collector {
  /** Octets of the buffers just let go. */
  released(octets: number): void;
}
type Collect = (options: { type: 'minor' | 'major'; execution: 'sync' }) => void;
const WORTH = 8 * 1024 * 1024;

export function createCollector(): Collector {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  const state = { octets: 0, scheduled: false };
  return {
    released(octets) {
      state.octets += octets;
      if (state.scheduled || state.octets < WORTH || typeof collect !== 'function') return;
      state.scheduled = true;
      setImmediate(() => {
        state.scheduled = false;
        state.octets = 0;
        (collect as Collect)({ type: 'minor', execution: 'sync' });
      });
    },
  };
}
