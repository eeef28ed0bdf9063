/**
 * The queue's motor: holds a bounded window of due recipients, hands them out over fair lanes, settles outcomes.
 * Invariants: a recipient is leased in memory from being taken until its outcome is committed, and is never tried
 * twice at once; the store is the truth, memory is a hint: what does not fit waits there. Freshly accepted mail comes
 * with its bytes and is not read back. A store that cannot be read is asked again after a second.
 */
import type { DomainReader } from '../domains/types.ts';
import type { EdjTx } from '../edj/types.ts';
import type { RuleReader } from '../rules/types.ts';
import type { Timer } from '../runtime/clock.ts';
import type { RecipientId } from '../runtime/ids.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Network } from '../runtime/network.ts';
import type { Transactor } from '../runtime/transactor.ts';
import { createPool, type PoolOptions } from '../smtp/client/pool.ts';
import type { DueRecipient, RecipientRow, SpoolReader, SpoolTx, StoredMessage } from '../spool/types.ts';
import { bytesOf, createAttempt } from './attempt.ts';
import { type CommitDeps, commitOutcomes, type Item } from './commit.ts';
import { createLanes, fifo } from './lanes.ts';
import { deferredHere } from './outcome.ts';
import { createPlanner, type Job, type PlanDeps, type Work } from './plan.ts';
import { DEFAULT_RETRY, prepareSettle, type Settled, type SettleRecorder } from './settle.ts';

/**
 * Accepts the message for recipients whose domain is hosted here and settles them in the same commit, by calling
 * `settle` for each row inside its transactions. Where it throws, or leaves a row out, that row is deferred.
 */
export type HostedDelivery = (
  message: StoredMessage,
  rows: readonly RecipientRow[],
  settle: SettleRecorder,
) => Promise<void>;

export interface SchedulerDeps extends PlanDeps {
  readonly transactor: Transactor<SpoolTx & EdjTx>;
  readonly read: SpoolReader & RuleReader & DomainReader;
  readonly network: Network;
  readonly logger: Logger;
  readonly metrics: { recipientSettled(result: Settled['result']): void };
  /** DKIM-Signature fields, each CRLF-ended; '' for none. */
  readonly sign: (message: StoredMessage) => Promise<string>;
  readonly hosted: HostedDelivery;
  /** Events were committed: the dispatcher may look. */
  readonly nudgeEvents: () => void;
  /** ms; first wait and longest wait between attempts: 300,000 and 4,000,000 */
  readonly retry?: { readonly baseMs: number; readonly maxMs: number };
  readonly client?: Partial<Pick<PoolOptions, 'timeouts' | 'perSite' | 'idleMs' | 'maxUses' | 'extraCa'>>;
  /** Recipients held in memory; 20,000. */
  readonly window?: number;
  /** Octets of messages held in memory; 64 MiB. */
  readonly memory?: number;
}
export interface Scheduler extends Service {
  /** Takes freshly committed recipients; those that do not fit are found in the store later. */
  enqueue(message: StoredMessage, rows: readonly RecipientRow[]): void;
  /** Something in the store may have become due. */
  wake(): void;
  /** Recipients held in memory. */
  readonly held: number;
}

const CLAIM = 1000;
const POLL_MS = 60_000;
const PLANNING = 128;
const STOP_MS = 20_000;
/** Rows so young are still on their way from the accepting commit to `enqueue`. */
const FRESH_MS = 2000;

export function createScheduler(deps: SchedulerDeps): Scheduler {
  const { clock, logger, read } = deps;
  const retry = deps.retry ?? DEFAULT_RETRY;
  const window = deps.window ?? 20_000;
  const memory = deps.memory ?? 64 * 1024 * 1024;
  const perSite = deps.client?.perSite ?? 20;
  const pool = createPool({ network: deps.network, clock, hostname: deps.hostname, ...deps.client });
  const plan = createPlanner(deps);
  const restMs = Math.min(retry.baseMs / 5, 60_000);
  const attempt = createAttempt({ pool, read, clock, logger, sign: deps.sign, restMs });
  const abandon = new AbortController();
  const settleDeps = { read, clock, random: deps.random, retry };
  const prepare: CommitDeps['prepare'] = (message) => prepareSettle(message, settleDeps);
  const commitDeps: CommitDeps = {
    transactor: deps.transactor,
    clock,
    logger,
    prepare,
    abandoned: abandon.signal,
  };

  const lanes = createLanes<Job>({ perSite, perLane: perSite, total: 400 });
  const unplanned = fifo<Work>();
  const leased = new Set<RecipientId>();
  const releasedMeanwhile = new Set<RecipientId>();
  const running = new Set<Promise<void>>();
  const open = new Map<Work, number>();
  let bytes = 0;
  let planning = 0;
  let state: 'new' | 'running' | 'stopped' = 'new';
  let startedAt = 0;
  let claiming = false;
  let claimAgain = false;
  let starved = false;
  let timer: Timer | null = null;
  let timerAt = Number.POSITIVE_INFINITY;

  function track(task: Promise<void>): void {
    const watched = task
      .catch((error: unknown) => logger.error({ error }, 'delivery task failed'))
      .finally(() => running.delete(watched));
    running.add(watched);
  }
  function lease(work: Work): void {
    for (const row of work.rows) leased.add(row.id);
    open.set(work, work.rows.length);
    if (work.message !== null) bytes += work.message.raw.length;
    unplanned.push(work);
    pump();
  }
  function release(work: Work, rows: readonly RecipientRow[]): void {
    for (const row of rows) {
      leased.delete(row.id);
      if (claiming) releasedMeanwhile.add(row.id);
    }
    const left = (open.get(work) ?? 0) - rows.length;
    if (left > 0) open.set(work, left);
    else if (open.delete(work) && work.message !== null) bytes -= work.message.raw.length;
    if (starved && leased.size < window / 4) void claim();
  }

  function pump(): void {
    if (state !== 'running') return;
    while (planning < PLANNING && unplanned.length > 0) {
      planning += 1;
      track(planOne(unplanned.shift()!));
    }
    for (;;) {
      const taken = lanes.take();
      if (taken === null) return;
      track(run(taken.job, taken.done));
    }
  }
  async function planOne(work: Work): Promise<void> {
    try {
      const { jobs, settled } = await plan(work);
      for (const job of jobs)
        lanes.push(job.kind === 'remote' ? job.target.site : 'hosted', work.head.projectId, job);
      if (settled.length > 0) track(settle(work, settled, null));
    } catch (error) {
      // Without an outcome nothing is written: the rows are let go and found again by the next claim.
      logger.error({ error, message: work.head.id }, 'planning failed');
      release(work, work.rows);
      arm(clock.now() + FRESH_MS);
    } finally {
      planning -= 1;
      pump();
    }
  }
  async function run(job: Job, done: () => void): Promise<void> {
    if (job.kind === 'hosted') {
      try {
        await runHosted(job);
      } finally {
        done();
        pump();
      }
      return;
    }
    const prepared = prepare(job.work.head);
    prepared.catch(() => {}); // looked at when settling
    const outcomes = await attempt(job);
    // The connection's place is free before the outcome is on disk; the rows stay leased until it is.
    done();
    pump();
    await settle(
      job.work,
      job.rows.map((row, i) => ({ row, outcome: outcomes[i]! })),
      prepared,
    );
  }
  async function runHosted({ work, rows }: Job): Promise<void> {
    let missing: readonly RecipientRow[] = rows;
    let cause = 'left out by the receive rules';
    try {
      const message = await bytesOf(work, read);
      if (message === null) throw new Error('the message is not in the store');
      const settlement = await prepare(work.head);
      await deps.hosted(message, rows, settlement.record);
      const taken = rows.filter((row) => settlement.recorded.has(row.id));
      missing = rows.filter((row) => !settlement.recorded.has(row.id));
      after(work, taken, settlement.recorded);
    } catch (error) {
      logger.warn({ error, message: work.head.id }, 'hosted delivery failed');
      cause = 'could not be taken here';
    }
    const items = missing.map((row) => ({ row, outcome: deferredHere('4.3.0', cause) }));
    if (items.length > 0) await settle(work, items, null);
  }
  async function settle(
    work: Work,
    items: readonly Item[],
    prepared: Parameters<typeof commitOutcomes>[2],
  ): Promise<void> {
    const done = await commitOutcomes(work.head, items, prepared, commitDeps);
    after(
      work,
      items.map((item) => item.row),
      done,
    );
  }
  /** Behind a commit: leases end, figures and wake-ups. */
  function after(work: Work, rows: readonly RecipientRow[], done: ReadonlyMap<string, Settled>): void {
    let events = 0;
    for (const row of rows) {
      const settled = done.get(row.id);
      if (settled === undefined) continue;
      events += settled.events;
      deps.metrics.recipientSettled(settled.result);
      if (settled.nextAttemptAt !== null) arm(settled.nextAttemptAt);
    }
    release(work, rows);
    if (events > 0) deps.nudgeEvents();
  }

  /** Looks into the store at wall time `at`, or earlier where that was arranged already. */
  function arm(at: number): void {
    if (state !== 'running' || at >= timerAt) return;
    timer?.cancel();
    timerAt = at;
    timer = clock.after(Math.max(0, at - clock.now()), () => {
      timer = null;
      timerAt = Number.POSITIVE_INFINITY;
      void claim();
    });
  }
  async function claim(): Promise<void> {
    claimAgain = true;
    if (claiming || state !== 'running') return;
    claiming = true;
    try {
      let young = false;
      while (claimAgain && state === 'running') {
        claimAgain = false;
        // Half of the window is kept for new mail.
        const limit = Math.min(CLAIM, Math.floor(window / 2) - leased.size);
        starved = limit <= 0;
        if (starved) break;
        releasedMeanwhile.clear();
        const now = clock.now();
        const due = await read.due(now, limit, leased);
        const free = due.filter(({ row }) => !leased.has(row.id) && !releasedMeanwhile.has(row.id));
        const ripe = free.filter(({ row }) => !isYoung(row, now));
        young ||= ripe.length < free.length;
        for (const work of worksOf(ripe)) lease(work);
        if (due.length >= limit && ripe.length > 0) claimAgain = true;
      }
      const now = clock.now();
      const next = await read.nextDueAfter(now);
      arm(Math.min(next ?? Number.POSITIVE_INFINITY, now + (young ? FRESH_MS : POLL_MS)));
    } catch (error) {
      logger.error({ error }, 'claiming failed');
      arm(clock.now() + 1000);
    } finally {
      claiming = false;
      releasedMeanwhile.clear();
    }
    if (claimAgain && !starved) void claim();
  }
  function isYoung(row: RecipientRow, now: number): boolean {
    return (
      row.attempts === 0 &&
      row.state === 'queued' &&
      row.createdAt >= startedAt &&
      Math.abs(now - row.createdAt) < FRESH_MS
    );
  }

  return {
    enqueue(message, rows) {
      const wanted = rows.filter(
        (row) => !leased.has(row.id) && row.nextAttemptAt !== null && row.nextAttemptAt <= clock.now(),
      );
      if (state === 'stopped' || wanted.length === 0) return;
      if (leased.size + wanted.length > window) {
        starved = true;
        return;
      }
      const fits = bytes + message.raw.length <= memory;
      const { raw: _raw, prefix: _prefix, ...head } = message;
      lease({ head, message: fits ? message : null, rows: wanted });
    },
    wake: () => void claim(),
    get held() {
      return leased.size;
    },
    async start(signal) {
      if (signal.aborted || state !== 'new') return;
      state = 'running';
      startedAt = clock.now();
      signal.addEventListener('abort', stop, { once: true });
      pump();
      void claim();
    },
    async [Symbol.asyncDispose]() {
      stop();
      // A task may start another (an outcome to settle): until none is left, or time is up.
      const limit = new Promise<void>((resolve) => {
        const wait = clock.after(STOP_MS, resolve);
        abandon.signal.addEventListener('abort', () => wait.cancel(), { once: true });
      });
      let late = false;
      void limit.then(() => {
        late = true;
      });
      while (running.size > 0 && !late) await Promise.race([Promise.allSettled([...running]), limit]);
      abandon.abort();
      await pool[Symbol.asyncDispose]();
      leased.clear();
      open.clear();
    },
  };

  function stop(): void {
    state = 'stopped';
    timer?.cancel();
    timer = null;
  }
}

/** Claimed rows by message, in the order they came. */
function worksOf(due: readonly DueRecipient[]): Work[] {
  return [...Map.groupBy(due, ({ row }) => row.messageId).values()].map((group) => ({
    head: group[0]!.message,
    message: null,
    rows: group.map(({ row }) => row),
  }));
}
