/** Lets readers of a topic wait for its next event. A hint only: whoever is woken looks into the store. */
import type { Clock } from '../runtime/clock.ts';
import type { TopicId } from '../runtime/ids.ts';

export interface EventSignal {
  notify(topics: Iterable<TopicId>): void;
  /** Resolves true when the topic was notified, false after `ms` or when the signal aborts. */
  wait(topic: TopicId, ms: number, clock: Clock, signal?: AbortSignal): Promise<boolean>;
}

export function createEventSignal(): EventSignal {
  const waiting = new Map<TopicId, Set<(notified: boolean) => void>>();
  return {
    notify(topics) {
      for (const topic of topics) for (const wake of [...(waiting.get(topic) ?? [])]) wake(true);
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
