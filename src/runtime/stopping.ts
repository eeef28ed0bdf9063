/**
 * The end of the service, in one time. All waits of a stop count from the same moment: the signal, or the
 * first disposal if there was none. Parts of a group stop side by side. What has not ended when the group's
 * time is over is named in the log and left: the process ends without it, as it does when it is killed, and
 * nothing that was answered depends on it.
 */
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

/** ms from the signal until the parts have ended that take, send and look. */
export const PARTS_MS = 20_500;
/** ms from the signal until the store is closed. It comes last. */
export const STORE_MS = 27_000;

export interface StopGroup extends AsyncDisposable {
  /** Returns the part. */
  add<T extends AsyncDisposable>(name: string, part: T): T;
}
export interface Stopping {
  /** A group that has ended so many ms after the stop began. */
  group(endsAfterMs: number): StopGroup;
}

export function createStopping(deps: { clock: Clock; logger: Logger; signal: AbortSignal }): Stopping {
  const { clock, logger, signal } = deps;
  const state = { begun: null as number | null };
  const begun = () => (state.begun ??= clock.monotonic());
  if (signal.aborted) begun();
  else signal.addEventListener('abort', begun, { once: true });
  return {
    group(endsAfterMs) {
      const parts: { readonly name: string; readonly part: AsyncDisposable }[] = [];
      return {
        add(name, part) {
          parts.push({ name, part });
          return part;
        },
        async [Symbol.asyncDispose]() {
          const left = new Set(parts);
          const failures: unknown[] = [];
          const { promise: over, resolve } = Promise.withResolvers<void>();
          const limit = clock.after(begun() + endsAfterMs - clock.monotonic(), resolve);
          const ends = parts.map(async (one) => {
            try {
              await one.part[Symbol.asyncDispose]();
            } catch (error) {
              failures.push(error);
            }
            left.delete(one);
          });
          await Promise.race([Promise.all(ends), over]);
          limit.cancel();
          const late = [...left].map(({ name }) => name);
          if (late.length > 0)
            logger.warn({ parts: late }, 'the stop does not wait any longer for these parts');
          if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures);
        },
      };
    },
  };
}
