/**
 * A hint to the garbage collector after large messages. Message octets are outside the collector's heap, so
 * it underestimates them: without the hint, a burst of 10 MiB messages leaves some hundred MiB of dead
 * buffers for a while. A young collection takes about a millisecond and is requested at most once per turn of
 * the event loop. Buffers of messages that arrived slowly are in the old generation by then: if more remains
 * than can ever be in use, a full collection follows (about 50 ms).
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Collector {
  /** Octets of the buffers that were just released. */
  released(octets: number): void;
}
type Collect = (options: { type: 'minor' | 'major'; execution: 'sync' }) => void;
const MIB = 1024 * 1024;
const WORTH = 8 * MIB;
/**
 * The most octets of all buffers in use: the budget for received bodies, one copy on its way to the store and
 * one to a peer.
 */
const IN_USE = 48 * MIB;
/** What a full collection leaves is in use; the next full collection runs only after this much growth. */
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
