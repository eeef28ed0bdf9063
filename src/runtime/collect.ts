/**
 * A hint to the garbage collector behind large messages. Their octets live outside its heap, where it weighs them too
 * lightly: without the hint a burst of 10 MiB messages leaves some hundred MiB of dead buffers behind for a while.
 * A young collection takes about a millisecond; it is asked for once per turn of the loop at most. Buffers that took
 * long to arrive are old by then: where more is left than is ever in use, a full one follows (some 50 ms).
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Collector {
  /** Octets of the buffers just let go. */
  released(octets: number): void;
}
type Collect = (options: { type: 'minor' | 'major'; execution: 'sync' }) => void;
const MIB = 1024 * 1024;
const WORTH = 8 * MIB;
/** Of all buffers: the budget of bodies that are received, and one copy on its way to the store and one to a peer. */
const IN_USE = 48 * MIB;
/** What a full collection left is in use: it has to grow by this much before the next one. */
const GROWTH = 16 * MIB;

export function createCollector(): Collector {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  const state = { octets: 0, scheduled: false, most: IN_USE };
  const buffers = () => process.memoryUsage().arrayBuffers;
  return {
    released(octets) {
      state.octets += octets;
      if (state.scheduled || state.octets < WORTH || typeof collect !== 'function') return;
      state.scheduled = true;
      setImmediate(() => {
        state.scheduled = false;
        state.octets = 0;
        (collect as Collect)({ type: 'minor', execution: 'sync' });
        if (buffers() <= state.most) return;
        (collect as Collect)({ type: 'major', execution: 'sync' });
        state.most = Math.max(IN_USE, buffers() + GROWTH);
      });
    },
  };
}
