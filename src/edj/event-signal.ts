/** Lets readers of a topic wait for its next event. It is only a hint: a woken reader looks into the store. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../runtime/clock.ts';
import type { TopicId } from '../runtime/ids.ts';

export interface EventSignal {
  notify(topics: Iterable<TopicId>): void;
  /** Resolves true when the topic was notified, false after `ms` or when the signal aborts. */
  wait(topic: TopicId, ms: number, clock: Clock, signal?: AbortSignal): Promise<boolean>;
}

/** Readers woken in one turn of the event loop: each looks into the store at once. */
const OF_A_TURN = 8;

export function createEventSignal(): EventSignal {
  const waiting = new Map<TopicId, Set<(notified: boolean) => void>>();
  return {
    notify(topics) {
      void wakeAll([...topics].flatMap((topic) => [...(waiting.get(topic) ?? [])]));
    },
    wait(topic, ms, clock, signal) {
      return new Promise((resolve) => {
        const set = waiting.get(topic) ?? new Set();
        waiting.set(topic, set);
        const finish = (notified: boolean) => {
          set.delete(finish);
          if (set.size === 0 && waiting.get(topic) === set) waiting.delete(topic);
          timer.cancel();
          signal?.removeEventListener('abort', abort);
          resolve(notified);
        };
        const abort = () => finish(false);
        const timer = clock.after(ms, () => finish(false));
        set.add(finish);
        if (signal?.aborted) abort();
        else signal?.addEventListener('abort', abort, { once: true });
      });
    },
  };
}
async function wakeAll(waiting: readonly ((notified: boolean) => void)[]): Promise<void> {
  for (const [i, wake] of waiting.entries()) {
    if (i > 0 && i % OF_A_TURN === 0) await turn();
    wake(true);
  }
}
