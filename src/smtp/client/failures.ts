/**
 * Servers that could not be reached lately. Where a target has more servers than one transaction tries, those that
 * failed come behind the others, the one that failed first before the one that failed last: over the attempts at a
 * message each has its turn. Bounded: the oldest failures are forgotten.
 */
import type { Clock } from '../../runtime/clock.ts';
import type { Candidate } from './peer.ts';

export interface Failures {
  /** The candidates in the order to be tried; as they are where all of them are tried anyway. */
  inTurn(candidates: readonly Candidate[], tries: number): readonly Candidate[];
  learn(candidate: Candidate, reached: boolean): void;
}
/** Longer than the longest wait between two attempts. */
const REMEMBERED_MS = 2 * 3_600_000;
const MOST = 10_000;

export function createFailures(clock: Clock): Failures {
  /** Monotonic ms of the last failure. */
  const failed = new Map<string, number>();
  const nameOf = ({ address, port }: Candidate) => `${address} ${port}`;
  function failedAt(candidate: Candidate): number {
    const at = failed.get(nameOf(candidate));
    return at === undefined || at + REMEMBERED_MS < clock.monotonic() ? Number.NEGATIVE_INFINITY : at;
  }
  return {
    inTurn(candidates, tries) {
      if (candidates.length <= tries || failed.size === 0) return candidates;
      const times = candidates.map((candidate) => ({ candidate, at: failedAt(candidate) }));
      // The sort is stable: by preference, where none has failed.
      return times.sort((a, b) => (a.at === b.at ? 0 : a.at - b.at)).map(({ candidate }) => candidate);
    },
    learn(candidate, reached) {
      const name = nameOf(candidate);
      if (!failed.delete(name) && reached) return;
      if (reached) return;
      if (failed.size >= MOST) failed.delete(failed.keys().next().value!);
      failed.set(name, clock.monotonic());
    },
  };
}
