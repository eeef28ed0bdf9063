/**
 * What is over goes: soon after the start and then every hour, in small steps with pauses, so that no mail waits for
 * it; what somebody has removed goes within a minute or two; a long round tells each minute how far it is, and warns where it cannot keep up. Invariants: nothing goes before
 * its time, no message while a recipient of it still waits. A store that fails is logged and asked again in the next
 * round; what a round did not reach stays for the next.
 */
import { MAX_RETENTION_DAYS } from '../limits/types.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { MessageId } from '../runtime/ids.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';

/** Counts by what was removed; an engine that drops whole partitions may count them roughly. */
export interface Removed {
  /** With their octets. */
  readonly messages: number;
  readonly recipients: number;
  readonly attempts: number;
  readonly events: number;
  /** To hooks, of events. */
  readonly deliveries: number;
  readonly tasks: number;
  /** Audit records of what was done to the queue by hand. */
  readonly operations: number;
  /** What was kept for a while: keys of calls and of mail, attempts to sign in, sessions and links. */
  readonly records: number;
  /** Counts and what was told and decided about limits, plans and changes of DNS. */
  readonly usage: number;
  /** Events of the audit. */
  readonly audit: number;
  /** Closed ones, with all they had. */
  readonly projects: number;
}
export const NOTHING_REMOVED: Removed = {
  messages: 0,
  recipients: 0,
  attempts: 0,
  events: 0,
  deliveries: 0,
  tasks: 0,
  operations: 0,
  records: 0,
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
  /** How long whoever accepts mail may have waited for this step, ms: the pause behind it is as long as befits it. */
  readonly ms?: number;
}
/** What should have gone already. */
export interface Overdue {
  /** Wall ms at which the oldest of it should have gone; null where nothing is over. */
  readonly since: number | null;
  /** Messages, as far as they are counted: up to a few thousand. */
  readonly messages: number;
}
export interface Retention {
  /**
   * One bounded step: removes some of the rows whose time was over at `now` (wall ms), or gives room back to the
   * system. Rejects with StoreError; then nothing of this step was done.
   */
  sweep(now: number): Promise<Swept>;
  /** What is over at `now` and still there; a few ms at most. */
  overdue(now: number): Promise<Overdue>;
  /** Whether owners that are gone have left rows; one look-up. */
  hasLeftovers(): Promise<boolean>;
}

export interface SweeperDeps {
  readonly store: Retention;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: Pick<Metrics, 'retentionRemoved'>;
  /** Whether this node makes the rounds now: one of those that share a store does. */
  readonly mayRun?: () => Promise<boolean>;
}
/** Removed domains are shown for as long as any of their messages may be, with the mail that waited. */
export const FORMER_DOMAIN_DAYS = MAX_RETENTION_DAYS + 21;
const FIRST_MS = 60_000;
const INTERVAL_MS = 3_600_000;
/** Whether somebody has removed what left much is looked at so often. */
const LOOK_MS = 60_000;
const TELL_MS = 60_000;
/** Behind by more than this, an hour after a round began: whoever runs the service should know. */
const LATE_MS = 24 * 3_600_000;
/** Between two steps: what arrives meanwhile goes first. */
const PAUSE_MS = { least: 10, most: 50, ofStep: 1.5 };
/** Messages remembered as told of. */
const MOST_TOLD = 10_000;

export function createSweeper(deps: SweeperDeps): Service {
  const { store, clock, logger, metrics, mayRun = async () => true } = deps;
  const told = new Set<MessageId>();
  let timer: Timer | null = null;
  let round: Promise<void> = Promise.resolve();
  let stopped = true;
  let roundAt = Number.NEGATIVE_INFINITY;
  let wake: () => void = () => {};

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve;
      timer = clock.after(ms, resolve);
    });
  }
  function tell(waiting: readonly MessageId[]): void {
    const news = waiting.filter((id) => !told.has(id));
    if (news.length === 0) return;
    if (told.size > MOST_TOLD) told.clear();
    for (const id of news) told.add(id);
    logger.warn({ messages: news }, 'messages are kept beyond their time: recipients of them still wait');
  }
  /** Says how far the round is; returns whether it warned. */
  async function tellProgress(removed: Removed, late: boolean): Promise<boolean> {
    const now = clock.now();
    const { since, messages: due } = await store.overdue(now);
    const behind = since === null ? 0 : now - since;
    const facts = { removed, due, behind_seconds: Math.round(behind / 1000) };
    if (!late || behind <= LATE_MS) {
      logger.info(facts, 'what is over is being removed');
      return false;
    }
    logger.warn(
      facts,
      'what is over is removed more slowly than it comes: the store grows, and keeps mail longer than told',
    );
    return true;
  }
  async function sweepAll(): Promise<void> {
    const total: Record<keyof Removed, number> = { ...NOTHING_REMOVED };
    const now = clock.now();
    const began = clock.monotonic();
    let toldAt = began;
    let lateFrom = began + INTERVAL_MS;
    for (let more = true; more && !stopped; ) {
      const swept = await store.sweep(now);
      more = swept.more;
      for (const kind of Object.keys(total) as (keyof Removed)[]) {
        total[kind] += swept.removed[kind];
        metrics?.retentionRemoved(kind, swept.removed[kind]);
      }
      tell(swept.waiting);
      const at = clock.monotonic();
      if (at - toldAt >= TELL_MS) {
        toldAt = at;
        if (await tellProgress({ ...total }, at >= lateFrom)) lateFrom = at + LATE_MS;
      }
      if (more && !stopped) await pause(pauseAfter(swept.ms));
    }
    if (Object.values(total).some((count) => count > 0))
      logger.info({ removed: total }, 'what is over was removed');
  }
  async function look(): Promise<void> {
    const hourly = clock.monotonic() >= roundAt;
    if (hourly) roundAt = clock.monotonic() + INTERVAL_MS;
    if (!(await mayRun())) return;
    if (!hourly && !(await store.hasLeftovers())) return;
    await sweepAll();
  }
  function schedule(ms: number): void {
    timer = clock.after(ms, () => {
      round = look()
        .catch((error: unknown) => logger.error({ err: error }, 'what is over could not be removed'))
        .then(() => {
          if (!stopped) schedule(LOOK_MS);
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
function pauseAfter(ms: number | undefined): number {
  const { least, most, ofStep } = PAUSE_MS;
  return ms === undefined ? most : Math.min(most, Math.max(least, ms * ofStep));
}
