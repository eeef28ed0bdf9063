/**
 * What is over goes: soon after the start and then every hour, in small steps with pauses, so that no mail waits for
 * it. Invariants: nothing goes before its time, no message while a recipient of it still waits. A store that fails
 * is logged and asked again in the next round; what a round did not reach stays for the next.
 */
import { MAX_RETENTION_DAYS } from '../limits/types.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { MessageId } from '../runtime/ids.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';

/** Counts by what was removed; an engine that drops whole partitions may count them roughly. */
export interface Removed {
  /** With their octets, recipients and attempts. */
  readonly messages: number;
  /** With their deliveries. */
  readonly events: number;
  readonly tasks: number;
  /** Audit records of what was done to the queue by hand. */
  readonly operations: number;
  /** Counts and what was told and decided about limits, plans and changes of DNS. */
  readonly usage: number;
  /** Events of the audit. */
  readonly audit: number;
  /** Closed ones, with all they had. */
  readonly projects: number;
}
export const NOTHING_REMOVED: Removed = {
  messages: 0,
  events: 0,
  tasks: 0,
  operations: 0,
  usage: 0,
  audit: 0,
  projects: 0,
};
export interface Swept {
  readonly removed: Removed;
  /** Messages whose time is over and that stay, since recipients of them still wait. */
  readonly waiting: readonly MessageId[];
  /** There may be more to do: call again, after a pause. */
  readonly more: boolean;
}
export interface Retention {
  /**
   * One bounded step: removes a few hundred of the rows whose time was over at `now` (wall ms), or gives room back to
   * the system. Rejects with StoreError; then nothing of this step was done.
   */
  sweep(now: number): Promise<Swept>;
}

export interface SweeperDeps {
  readonly store: Retention;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether this node makes the rounds now: one of those that share a store does. */
  readonly mayRun?: () => Promise<boolean>;
}
/** Removed domains are shown for as long as any of their messages may be, with the mail that waited. */
export const FORMER_DOMAIN_DAYS = MAX_RETENTION_DAYS + 21;
const FIRST_MS = 60_000;
const INTERVAL_MS = 3_600_000;
/** Between two steps: what arrives meanwhile goes first. */
const PAUSE_MS = 50;
/** Messages remembered as told of. */
const MOST_TOLD = 10_000;

export function createSweeper({ store, clock, logger, mayRun = async () => true }: SweeperDeps): Service {
  const told = new Set<MessageId>();
  let timer: Timer | null = null;
  let round: Promise<void> = Promise.resolve();
  let stopped = true;
  let wake: () => void = () => {};

  function pause(): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve;
      timer = clock.after(PAUSE_MS, resolve);
    });
  }
  function tell(waiting: readonly MessageId[]): void {
    const news = waiting.filter((id) => !told.has(id));
    if (news.length === 0) return;
    if (told.size > MOST_TOLD) told.clear();
    for (const id of news) told.add(id);
    logger.warn({ messages: news }, 'messages are kept beyond their time: recipients of them still wait');
  }
  async function sweepAll(): Promise<void> {
    const total: Record<keyof Removed, number> = { ...NOTHING_REMOVED };
    const now = clock.now();
    for (let more = true; more && !stopped; ) {
      const swept = await store.sweep(now);
      more = swept.more;
      for (const kind of Object.keys(total) as (keyof Removed)[]) total[kind] += swept.removed[kind];
      tell(swept.waiting);
      if (more && !stopped) await pause();
    }
    if (Object.values(total).some((count) => count > 0))
      logger.info({ removed: total }, 'what is over was removed');
  }
  function schedule(ms: number): void {
    timer = clock.after(ms, () => {
      round = mayRun()
        .then((mine) => (mine ? sweepAll() : undefined))
        .catch((error: unknown) => logger.error({ err: error }, 'what is over could not be removed'))
        .then(() => {
          if (!stopped) schedule(INTERVAL_MS);
        });
    });
  }
  function stop(): void {
    stopped = true;
    timer?.cancel();
    wake();
  }
  return {
    async start(signal) {
      if (signal.aborted) return;
      stopped = false;
      signal.addEventListener('abort', stop, { once: true });
      schedule(FIRST_MS);
    },
    async [Symbol.asyncDispose]() {
      stop();
      await round;
    },
  };
}
