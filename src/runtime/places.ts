/**
 * A fixed number of places that projects share. A free place goes to the waiting project that holds the
 * fewest, so a second project gets the next place however many calls of the first one wait. Within a project,
 * calls are served in order of arrival. A project that is alone may use all places. If a project has a
 * maximum, it never holds more than that, nor more than are still free, so places remain for others however
 * long it keeps its own. A call that waits too long is rejected and has taken nothing.
 */
import type { Clock } from './clock.ts';

/** No place became free in time. */
export class NoPlace extends Error {
  override name = 'NoPlace';
}
export interface Places {
  /** Rejects with NoPlace after `waitMs`, or with the signal's reason. Disposing the place gives it back. */
  take(
    share: string,
    options?: { readonly waitMs?: number; readonly signal?: AbortSignal },
  ): Promise<Disposable>;
}
type Waiting = () => void;

export function createPlaces(
  count: number,
  clock: Clock,
  ofOne: {
    /** The most places of one project. */
    readonly places?: number;
    /** The most calls of one project that wait; further calls get NoPlace at once. */
    readonly waiting?: number;
  } = {},
): Places {
  const { places: most = null, waiting: mostWaiting = Number.POSITIVE_INFINITY } = ofOne;
  const held = new Map<string, number>();
  /** In the order of their turns. */
  const queues = new Map<string, Set<Waiting>>();
  const free = { places: count };
  const heldBy = (share: string) => held.get(share) ?? 0;
  const mayHave = () => (most === null ? count : Math.min(most, free.places));

  function occupy(share: string): Disposable {
    free.places--;
    held.set(share, heldBy(share) + 1);
    let taken = true;
    return {
      [Symbol.dispose]() {
        if (!taken) return;
        taken = false;
        free.places++;
        if (heldBy(share) === 1) held.delete(share);
        else held.set(share, heldBy(share) - 1);
        const queue = queues.get(share);
        if (queue !== undefined) requeue(share, queue);
        serve();
      },
    };
  }
  function serve(): void {
    while (free.places > 0) {
      let next: string | null = null;
      for (const share of queues.keys())
        if (heldBy(share) < (next === null ? mayHave() : heldBy(next))) next = share;
      if (next === null) return;
      const [first] = queues.get(next)!;
      first!();
    }
  }
  function leave(share: string, one: Waiting): void {
    const queue = queues.get(share)!;
    queue.delete(one);
    if (queue.size === 0) queues.delete(share);
  }
  /** A project that got a place has its next turn after the others. */
  function requeue(share: string, queue: Set<Waiting>): void {
    queues.delete(share);
    queues.set(share, queue);
  }
  return {
    take(share, { waitMs = Number.POSITIVE_INFINITY, signal } = {}) {
      if (signal?.aborted) return Promise.reject(signal.reason);
      if (free.places > 0 && heldBy(share) < mayHave()) return Promise.resolve(occupy(share));
      if ((queues.get(share)?.size ?? 0) >= mostWaiting)
        return Promise.reject(new NoPlace('too many wait for a place already'));
      return new Promise((resolve, reject) => {
        const end = (settle: () => void) => {
          leave(share, take);
          timer?.cancel();
          signal?.removeEventListener('abort', abort);
          settle();
        };
        const take = () => end(() => resolve(occupy(share)));
        const abort = () => end(() => reject(signal!.reason));
        const timer =
          waitMs === Number.POSITIVE_INFINITY
            ? null
            : clock.after(waitMs, () => end(() => reject(new NoPlace('no place came free in time'))));
        signal?.addEventListener('abort', abort, { once: true });
        const queue = queues.get(share) ?? new Set();
        queues.set(share, queue.add(take));
      });
    },
  };
}
