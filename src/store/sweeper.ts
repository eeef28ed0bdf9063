/**
 * The rounds of retention: soon after the start and then every hour, in small steps with pauses. What a
 * request has removed is cleaned up within a minute or two. A long round logs its progress each minute. If
 * retention falls behind or fails, the log and the owner of the instance are told, once a day. If the store
 * fails, the next round asks it again; the next round also does what a round did not reach.
 */
import type { Clock, Timer } from '../runtime/clock.ts';
import type { MessageId } from '../runtime/ids.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { NOTHING_REMOVED, type Removed, type Retention } from './retention.ts';

/** One round, as far as this node makes it. Wall ms. */
export interface Round {
  readonly startedAt: number;
  /** null while it runs. */
  readonly endedAt: number | null;
  readonly failed: boolean;
  readonly removed: Removed;
}
export interface RetentionState {
  /** Expired messages that still exist, as far as they are counted. */
  readonly due: number;
  /** When the oldest of what is expired and still exists should have been removed, in wall ms. */
  readonly behindSince: number | null;
  /** Retention falls behind: more is left than the pauses between rounds explain. */
  readonly late: boolean;
  /** The last round that this node began; another node may make them. */
  readonly round: Round | null;
}
export interface Sweeper extends Service {
  /** Rejects if the store does. */
  state(): Promise<RetentionState>;
}
export interface SweeperDeps {
  readonly store: Retention;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: Pick<Metrics, 'retentionRemoved'>;
  /** Whether this node makes the rounds now: of the nodes that share a store, one does. */
  readonly mayRun?: () => Promise<boolean>;
  /** Tells the owner of the instance; its rejections are logged. */
  readonly tellOwner?: (state: RetentionState) => Promise<void>;
}
const FIRST_MS = 60_000;
const INTERVAL_MS = 3_600_000;
/** Time between two checks for leftovers of removed owners. */
const LOOK_MS = 60_000;
const TELL_MS = 60_000;
const DAY_MS = 24 * 3_600_000;
/**
 * If the rounds keep up, expired rows exist no longer than this: PostgreSQL removes whole days, and rounds
 * are an hour apart.
 */
const LATE_MS = DAY_MS + 2 * INTERVAL_MS;
/** The pause between two steps: mail that arrives in the meantime goes first. */
const PAUSE_MS = { least: 6, most: 50, ofStep: 2 };
/** The most messages that are remembered as told. */
const MOST_TOLD = 10_000;

export function createSweeper(deps: SweeperDeps): Sweeper {
  const { store, clock, logger, metrics, mayRun = async () => true, tellOwner = async () => {} } = deps;
  const told = new Set<MessageId>();
  let timer: Timer | null = null;
  let running: Promise<void> = Promise.resolve();
  let stopped = true;
  let wake: () => void = () => {};
  let nextRoundAt = Number.NEGATIVE_INFINITY;
  let nextWarningAt = Number.NEGATIVE_INFINITY;
  let round: Round | null = null;

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
    logger.warn({ messages: news }, 'expired messages are kept because some of their recipients still wait');
  }
  async function state(): Promise<RetentionState> {
    const now = clock.now();
    const { since, messages } = await store.overdue(now);
    return { due: messages, behindSince: since, late: since !== null && now - since > LATE_MS, round };
  }
  function factsOf({ due, behindSince }: RetentionState) {
    const behind = behindSince === null ? 0 : clock.now() - behindSince;
    return { removed: round?.removed, due, behind_seconds: Math.round(behind / 1000) };
  }
  /** Warns once a day that retention falls behind; returns whether it did. */
  async function warn(found: RetentionState, why: string): Promise<boolean> {
    if (!found.late || clock.monotonic() < nextWarningAt) return false;
    nextWarningAt = clock.monotonic() + DAY_MS;
    logger.warn(factsOf(found), `${why}: the store grows and keeps mail longer than the retention time`);
    await tellOwner(found).catch((error: unknown) =>
      logger.error({ err: error }, 'telling the owner that retention falls behind failed'),
    );
    return true;
  }
  async function tellProgress(isLong: boolean): Promise<void> {
    const found = await state();
    if (isLong && (await warn(found, 'messages expire faster than the service removes them'))) return;
    logger.info(factsOf(found), 'retention is removing expired data');
  }
  async function sweepAll(): Promise<void> {
    const now = clock.now();
    const began = clock.monotonic();
    let toldAt = began;
    round = { startedAt: now, endedAt: null, failed: false, removed: NOTHING_REMOVED };
    try {
      for (let more = true; more && !stopped; ) {
        const swept = await store.sweep(now);
        more = swept.more;
        for (const [kind, count] of Object.entries(swept.removed)) metrics?.retentionRemoved(kind, count);
        round = { ...round, removed: added(round.removed, swept.removed) };
        tell(swept.waiting);
        if (swept.heldBy)
          logger.warn(
            { by: swept.heldBy },
            'retention cannot remove some expired data yet: another session of the database locks it',
          );
        const at = clock.monotonic();
        if (at - toldAt >= TELL_MS) {
          toldAt = at;
          await tellProgress(at - began >= INTERVAL_MS);
        }
        if (more && !stopped) await pause(pauseAfter(swept.ms));
      }
    } catch (error) {
      round = { ...round, failed: true };
      logger.error({ err: error }, 'retention failed to remove expired data');
      await warn(await state(), 'retention cannot remove expired data');
    } finally {
      round = { ...round, endedAt: clock.now() };
    }
    const { removed } = round;
    if (Object.values(removed).some((count) => count > 0))
      logger.info({ removed }, 'retention removed expired data');
  }
  async function look(): Promise<void> {
    const hourly = clock.monotonic() >= nextRoundAt;
    if (hourly) nextRoundAt = clock.monotonic() + INTERVAL_MS;
    if (!(await mayRun())) return;
    if (hourly || (await store.hasLeftovers())) await sweepAll();
  }
  function schedule(ms: number): void {
    timer = clock.after(ms, () => {
      running = look()
        .catch((error: unknown) => logger.error({ err: error }, 'looking for expired data failed'))
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
    state,
    async start(signal) {
      if (signal.aborted) return;
      stopped = false;
      signal.addEventListener('abort', stop, { once: true });
      schedule(FIRST_MS);
    },
    async [Symbol.asyncDispose]() {
      stop();
      await running;
    },
  };
}
function added(before: Removed, more: Removed): Removed {
  const sum: Record<keyof Removed, number> = { ...before };
  for (const kind of Object.keys(sum) as (keyof Removed)[]) sum[kind] += more[kind];
  return sum;
}
function pauseAfter(ms: number | undefined): number {
  const { least, most, ofStep } = PAUSE_MS;
  return ms === undefined ? most : Math.min(most, Math.max(least, ms * ofStep));
}
