/**
 * The queue's motor: holds a bounded window of due recipients, hands them out over fair lanes, settles outcomes.
 * Invariants: a recipient is leased in memory from being taken until its outcome is committed, and is never tried
 * twice at once; the store is the truth, memory is a hint: what does not fit waits there and is found by its lane.
 * Freshly accepted mail comes with its bytes and is not read back. A store that cannot be read is asked again.
 */
import type { DomainReader } from '../domains/mta-domains.ts';
import type { Limiter } from '../limits/limiter.ts';
import type { LimitReader, LimitTx } from '../limits/usage.ts';
import type { RuleReader } from '../rules/rules.ts';
import type { Timer } from '../runtime/clock.ts';
import type { ProjectId, RecipientId, SuspensionId } from '../runtime/ids.ts';
import { type Jumps, watchJumps } from '../runtime/jumps.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Network } from '../runtime/network.ts';
import type { ConnectionPermits } from '../runtime/permits.ts';
import { createShares, createTurns } from '../runtime/shares.ts';
import type { Transactor } from '../runtime/transactor.ts';
import { createPool, type PoolOptions } from '../smtp/client/pool.ts';
import { APART, TOO_MANY } from '../smtp/client/verdicts.ts';
import {
  type DueRecipient,
  HELD_LANES,
  type LaneDue,
  type LaneKey,
  type LanePage,
  type Queue,
  type RecipientRow,
  type SpoolReader,
  type StoredLane,
  type StoredMessage,
  type Suspension,
} from '../spool/messages.ts';
import { bytesOf, createAttempts, type DeadSite, isLarge, LARGE } from './attempt.ts';
import { type BacklogLane, createBacklog, isWaiting } from './backlog.ts';
import { bringBack } from './bring.ts';
import { type CommitDeps, commitOutcomes, type Item, type Notice, type OutcomeTx } from './commit.ts';
import type { ConvertDeps } from './convert.ts';
import { firstNames } from './first-names.ts';
import { flowHeld, LONGEST_HOLD_MS } from './held.ts';
import { createLanes, type Feedback, type JobClass, type SiteState } from './lanes.ts';
import { createLargePlaces } from './large.ts';
import { deferredHere, type Outcome } from './outcome.ts';
import { createPlanner, type Job, type PlanDeps, type RemoteJob, type Work } from './plan.ts';
import { DEFAULT_RETRY, prepareSettle, type Settled, type SettleRecorder } from './settle.ts';
import { createSuspensions } from './suspensions.ts';
import { createWindow } from './window.ts';

/**
 * Accepts the message for recipients whose domain is hosted here and settles them in the same commit, by calling
 * `settle` for each inside its transaction, with the notices those items are owed. Gives back the items that nobody
 * takes, to be settled like any other. Where it throws, or leaves a row out, that row is deferred.
 */
export type HostedDelivery = (
  message: StoredMessage,
  rows: readonly RecipientRow[],
  settle: SettleRecorder,
  notices: (taken: readonly Item[]) => Promise<readonly Notice[]>,
) => Promise<readonly Item[]>;

export interface SchedulerDeps extends PlanDeps {
  readonly transactor: Transactor<OutcomeTx & LimitTx>;
  readonly read: SpoolReader & RuleReader & DomainReader & LimitReader;
  readonly limiter: Pick<Limiter, 'reserve'>;
  readonly network: Network;
  readonly logger: Logger;
  readonly metrics: {
    recipientSettled(result: Settled['result']): void;
    /** The link broke after the final dot: the mail may arrive twice. */
    ambiguousEnd(): void;
  };
  /** DKIM-Signature fields, each CRLF-ended; '' for none. */
  readonly sign: (message: StoredMessage) => Promise<string>;
  readonly convert: ConvertDeps['convert'];
  readonly signsAs: ConvertDeps['signsAs'];
  readonly hosted: HostedDelivery;
  readonly notices: CommitDeps['notices'];
  readonly accept: CommitDeps['accept'];
  /** The octets of a large message were let go. */
  readonly released?: (octets: number) => void;
  /** Events were committed: the dispatcher may look. */
  readonly nudgeEvents: () => void;
  /** ms; first wait and longest wait between attempts: 300,000 and 4,000,000 */
  readonly retry?: { readonly baseMs: number; readonly maxMs: number };
  /** Transactions and connections at once, per site; 20 for each. */
  readonly perSite?: (site: string) => number;
  /** Where connections to a site are shared with other nodes. */
  readonly permits?: ConnectionPermits | null;
  /** Shared with what else goes by the wall clock; started and stopped here. */
  readonly jumps?: Jumps;
  readonly client?: Partial<Pick<PoolOptions, 'timeouts' | 'idleMs' | 'maxUses' | 'extraCa'>>;
  /** Jobs under way; 2,000, half of them of one project at most. */
  readonly places?: number;
  /** Recipients held in memory; 40,000, half of them of one project at most. */
  readonly window?: number;
  /** Octets of messages held in memory; 64 MiB, shared alike. Larger ones than 1 MiB are read back when their turn comes. */
  readonly memory?: number;
}
/** A lane as the queue list shows it. */
export interface LaneView {
  readonly project: BacklogLane['project'];
  readonly lane: string;
  readonly queued: number;
  readonly deferred: number;
  readonly held: number;
  /** Rows of it in memory: being tried, or about to be. */
  readonly active: number;
  /** Wall ms; null: only what is in memory. */
  readonly nextDue: number | null;
}
function viewOf({ project, lane, counts, fresh, readBack, nextDue }: BacklogLane): LaneView {
  const due = nextDue === Number.POSITIVE_INFINITY ? null : nextDue;
  return { project, lane, ...counts, active: fresh + readBack, nextDue: due };
}
export interface Scheduler extends Service {
  /** Takes freshly committed recipients; those that do not fit are found in the store later. */
  enqueue(message: StoredMessage, rows: readonly RecipientRow[]): void;
  /** Recipients held in memory. */
  readonly held: number;
  readonly depth: Readonly<Record<'queued' | 'deferred' | 'held', number>>;
  lanes(): Iterable<LaneView>;
  /** A page of the project's lanes by name, and its depth. */
  page(project: ProjectId, page: LanePage): Queue<LaneView>;
  /** Rows of the lane in memory. */
  active(lane: LaneKey): number;
  sites(): Iterable<SiteState>;
  dead(): readonly DeadSite[];
  isSending(id: RecipientId): boolean;
  /** Keeps the rows from being tried until `letGo`; gives back those that are not being tried right now. */
  seize(rows: readonly RecipientRow[]): readonly RecipientRow[];
  /** Ends the seizure; `after`: the row as committed, or the row itself where nothing was changed. */
  letGo(before: RecipientRow, after: RecipientRow): void;
  /** Rows that were another node's are served here from now on. */
  adopt(lanes: readonly StoredLane[]): Promise<void>;
  /** Rows may wait in the store that nobody here knows of (a commit whose end was not seen): they are looked for. */
  resync(): Promise<void>;
  /** What other nodes have suspended or resumed is known here, too. */
  refresh(): Promise<void>;
  /** Breaks off what is under way and tries nothing more, until `proceed`: another node may take it for its own. */
  pause(): void;
  proceed(): void;
  /** The project may send more than it could: what is held over its limits is looked at now, not when that was due. */
  limitsRaised(project: BacklogLane['project']): void;
  suspend(suspension: Suspension): void;
  /** The suspension is lifted: what it held flows out. */
  resume(id: SuspensionId): void;
}

/** Rows read back at once: the event loop is free between two reads. */
const CLAIM = 32;
/** Lanes looked at in one question. */
const LANES = 32;
/** Deferred mail is looked for at most every so many ms: many lanes are read, and their outcomes written, together. */
const LOOK_MS = 100;
const POLL_MS = 60_000;
/** Messages whose servers are being looked up; half of them of one project at most. */
const PLANNING = 256;
/** From the signal to stop: time for what is under way, and then for the outcomes of what was cut off. */
const STOP_MS = 16_000;
const CUT_OFF_MS = 4000;
/** Lanes taken over in one turn of the event loop. */
const ADOPTED_AT_ONCE = 1000;
/** Jobs begun in one turn of the event loop. */
const MOST_A_TURN = 256;
const PLACES = 2000;
const PER_SITE = 20;
/** Rows so young are still on their way from the accepting commit to `enqueue`. */
const FRESH_MS = 2000;

export function createScheduler(deps: SchedulerDeps): Scheduler {
  const { clock, logger, read } = deps;
  const retry = deps.retry ?? DEFAULT_RETRY;
  const rows = deps.window ?? 40_000;
  const perLane = Math.max(1, Math.floor(rows / 20));
  const window = createWindow({ rows, octets: deps.memory ?? 64 * 1024 * 1024 });
  const perSite = deps.perSite ?? (() => PER_SITE);
  const pool = createPool({
    network: deps.network,
    clock,
    hostname: deps.hostname,
    perSite,
    permits: deps.permits ?? null,
    ...deps.client,
  });
  const plan = createPlanner(deps);
  const restMs = Math.min(retry.baseMs / 5, 60_000);
  const attempts = createAttempts({
    pool,
    read,
    clock,
    logger,
    sign: deps.sign,
    convert: deps.convert,
    signsAs: deps.signsAs,
    takeLarge: (project, octets) => large.take(project, octets),
    restMs,
  });
  const suspensions = createSuspensions();
  const jumps = deps.jumps ?? watchJumps(clock, retry.maxMs);
  jumps.onJump(() => void bring(() => read.lanes()));
  const abandon = new AbortController();
  const settleDeps = { read, clock, random: deps.random, retry, timeIsTrusted: jumps.trusted };
  const prepare: CommitDeps['prepare'] = (message) => prepareSettle(message, settleDeps);
  const commitDeps: CommitDeps = {
    transactor: deps.transactor,
    clock,
    logger,
    prepare,
    notices: deps.notices,
    accept: deps.accept,
    stuck(by) {
      stuck += by;
      if (stuck === 0) pump();
    },
    abandoned: abandon.signal,
  };

  const backlog = createBacklog();
  const lanes = createLanes<Job>({ perSite, total: deps.places ?? PLACES });
  const large = createLargePlaces<RemoteJob>(clock, (jobs) => {
    for (const job of jobs) push(job);
  });
  const planning = createShares(PLANNING);
  const unplanned = createTurns<Work>(planning);
  const sending = new Set<RecipientId>();
  const seized = new Set<RecipientId>();
  /** Held lanes of projects whose limits have become higher. */
  const raised = new Set<BacklogLane>();
  const releasedMeanwhile = new Set<RecipientId>();
  const running = new Set<Promise<void>>();
  /** Those of them in which mail is sent. */
  const trying = new Set<Promise<void>>();
  const open = new Map<Work, number>();
  let state: 'new' | 'running' | 'stopped' = 'new';
  const begun = { inTurn: 0 };
  let startedAt = 0;
  /** Monotonic ms. */
  let stoppedAt: number | null = null;
  let claiming = false;
  let claimAgain = false;
  /** Outcomes that cannot be written now. Trying more mail meanwhile would only make more that is delivered and not known to be. */
  let stuck = 0;
  let paused = false;
  let timer: Timer | null = null;
  /** Monotonic ms at which lanes were last looked at. */
  let lookedAt = Number.NEGATIVE_INFINITY;
  let timerAt = Number.POSITIVE_INFINITY;

  function track(task: Promise<void>): Promise<void> {
    const watched = task
      .catch((error: unknown) => logger.error({ err: error }, 'delivery task failed'))
      .finally(() => {
        running.delete(watched);
        trying.delete(watched);
      });
    running.add(watched);
    return watched;
  }
  const laneOf = (row: RecipientRow) => backlog.lane(row.projectId, row.lane);
  function lease(work: Work): void {
    for (const row of work.rows) {
      window.hold(row);
      backlog.enter(laneOf(row), work.fresh);
    }
    open.set(work, work.rows.length);
    unplanned.push(work.head.projectId, work);
    pump();
  }
  /** The rows leave memory; those that still wait in the store are looked for again at `again`. */
  function release(work: Work, rows: readonly RecipientRow[], again: number | null): void {
    for (const row of rows) {
      if (!window.release(row)) continue;
      if (claiming) releasedMeanwhile.add(row.id);
      const lane = laneOf(row);
      if (again !== null) backlog.schedule(lane, again);
      backlog.leave(lane, work.fresh);
      if (lane.blocked && lane.readBack <= perLane / 2) {
        backlog.unblock(lane);
        arm(lane.nextDue);
      }
    }
    const left = (open.get(work) ?? 0) - rows.length;
    if (left > 0) open.set(work, left);
    else if (open.delete(work) && work.message !== null) window.letGo(work.message);
    if (again !== null) arm(again);
    // What has left may be room for any of them.
    if (backlog.starved.size > 0) arm(clock.now() + 1);
  }

  function pump(): void {
    if (state !== 'running') return;
    for (let work = unplanned.next(); work !== undefined; work = unplanned.next()) {
      planning.enter(work.head.projectId);
      track(planOne(work));
    }
    while (stuck === 0 && !paused) {
      if (begun.inTurn >= MOST_A_TURN) return;
      const taken = lanes.take();
      if (taken === null) return;
      // What ends without waiting for anything begins the next: thousands in a row, and nobody else would have a turn.
      if (begun.inTurn++ === 0)
        setImmediate(() => {
          const full = begun.inTurn >= MOST_A_TURN;
          begun.inTurn = 0;
          if (full) pump();
        });
      trying.add(track(run(taken.job, taken.done)));
    }
  }
  function classOf({ head, rows }: Work): JobClass {
    if (head.facts.priority === true) return 'priority';
    return rows.some(({ attempts: made }) => made > 0) ? 'deferred' : 'new';
  }
  function push(job: Job): void {
    lanes.push(
      job.kind === 'remote' ? job.target.site : 'hosted',
      job.work.head.projectId,
      job,
      classOf(job.work),
    );
  }
  async function planOne(work: Work): Promise<void> {
    try {
      const { jobs, settled } = await plan(work);
      for (const job of jobs) push(job);
      if (settled.length > 0) track(settle(work, settled, null));
    } catch (error) {
      // Without an outcome nothing is written: the rows are let go and found again by the next claim.
      logger.error({ err: error, message: work.head.id }, 'planning failed');
      release(work, work.rows, clock.now() + FRESH_MS);
    } finally {
      planning.leave(work.head.projectId);
      pump();
    }
  }
  /** The rows of the job that are to be tried now: not taken away meanwhile, not suspended. */
  async function admit(job: Job): Promise<Job | null> {
    const gone = job.rows.filter((row) => seized.has(row.id));
    if (gone.length > 0) release(job.work, gone, null);
    let rows = gone.length === 0 ? job.rows : job.rows.filter((row) => !seized.has(row.id));
    if (!suspensions.none) {
      const now = clock.now();
      // No suspension ends by a clock that has just jumped.
      const ended = jumps.trusted() ? now : Number.NEGATIVE_INFINITY;
      const message = { ...job.work.head, size: job.work.size };
      const held: Item[] = [];
      for (const row of rows) {
        const lane = job.kind === 'remote' ? job.target.site : row.lane;
        const stop =
          suspensions.match({ row: { ...row, lane }, message }, ended) ??
          suspensions.match({ row, message }, ended);
        if (stop === null) continue;
        const until = Math.min(stop.expiresAt, now + LONGEST_HOLD_MS);
        held.push({
          row,
          outcome: { kind: 'held', until, lane: HELD_LANES.suspended, cause: `suspended: ${stop.reason}` },
        });
      }
      if (held.length > 0) {
        const stopped = new Set(held.map(({ row }) => row.id));
        rows = rows.filter((row) => !stopped.has(row.id));
        await settle(job.work, held, null);
      }
    }
    return rows.length === 0 ? null : { ...job, rows };
  }
  async function run(job: Job, done: (feedback: Feedback) => void): Promise<void> {
    const admitted = suspensions.none && seized.size === 0 ? job : await admit(job);
    if (admitted === null) {
      done('neutral');
      pump();
      return;
    }
    const isBig = admitted.kind === 'remote' && isLarge(admitted.work);
    if (isBig && !large.begin(admitted.work.head.projectId, admitted)) {
      done('neutral');
      await null; // thousands may be refused in a row
      pump();
      return;
    }
    for (const row of admitted.rows) sending.add(row.id);
    try {
      if (admitted.kind === 'hosted') {
        try {
          await runHosted(admitted);
        } finally {
          done('good');
          pump();
        }
      } else await runRemote(admitted, done);
    } finally {
      for (const row of admitted.rows) sending.delete(row.id);
    }
  }
  async function runRemote(job: RemoteJob, done: (feedback: Feedback) => void): Promise<void> {
    const { work, target } = job;
    const { projectId } = work.head;
    const prepared = prepare(work.head);
    prepared.catch(() => {}); // looked at when settling
    const attempted = await attempts.attempt(job);
    if (isLarge(work)) {
      large.ended(attempted.kind === 'postponed' ? { project: projectId, job } : undefined);
      deps.released?.(work.size);
    }
    if (attempted.kind === 'postponed') {
      done('neutral');
      pump();
      return;
    }
    const { outcomes, feedback } = attempted;
    const items: Item[] = [];
    const rest: RecipientRow[] = [];
    const apart: RecipientRow[] = [];
    let taken = 0;
    for (const outcome of outcomes) if (outcome.kind === 'delivered') taken += 1;
    job.rows.forEach((row, i) => {
      const outcome = outcomes[i]!;
      // Nobody was asked about it: it waits in the store as if it had never been taken up.
      if (outcome.kind === 'deferred' && outcome.stopped === true && outcome.remote === null) return;
      if (outcome.kind === 'deferred' && outcome.ambiguous) deps.metrics.ambiguousEnd();
      // RFC 5321 §4.5.3.1.10: too many recipients for one transaction; the rest goes in the next ones, now.
      if (taken > 0 && isTooMany(outcome)) rest.push(row);
      // Without company: then each host is asked whether it offers what only these need.
      else if (isApart(outcome)) apart.push(row);
      else items.push({ row, outcome, site: target.site });
    });
    for (let at = 0; at < rest.length; at += taken) {
      for (const row of rest.slice(at, at + taken)) sending.delete(row.id);
      push({ ...job, rows: rest.slice(at, at + taken) });
    }
    if (apart.length > 0) {
      for (const row of apart) sending.delete(row.id);
      push({ ...job, rows: apart });
    }
    // The connection's place is free before the outcome is on disk; the rows stay leased until it is.
    done(feedback);
    pump();
    if (items.length > 0) await settle(work, items, prepared);
  }
  async function runHosted({ work, rows }: Job): Promise<void> {
    let left: readonly Item[] = [];
    let missing: readonly RecipientRow[] = rows;
    let cause = 'left out by the receive rules';
    try {
      const message = await bytesOf(work, read);
      if (message === null) throw new Error('the message is not in the store');
      const settlement = await prepare(work.head);
      left = await deps.hosted(message, rows, settlement.record, (taken) =>
        deps.notices(work.head, taken, settlement),
      );
      const taken = rows.filter((row) => settlement.recorded.has(row.id));
      const known = new Set([...taken, ...left.map(({ row }) => row)].map(({ id }) => id));
      missing = rows.filter((row) => !known.has(row.id));
      after(work, taken, settlement.recorded);
    } catch (error) {
      logger.warn({ err: error, message: work.head.id }, 'hosted delivery failed');
      cause = 'could not be taken here';
    }
    const items = [...left, ...missing.map((row) => ({ row, outcome: deferredHere('4.3.0', cause) }))];
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
  /** Behind a commit: leases end, the backlog is kept, figures and wake-ups. */
  function after(work: Work, rows: readonly RecipientRow[], done: ReadonlyMap<string, Settled>): void {
    let events = 0;
    for (const row of rows) {
      const settled = done.get(row.id);
      if (settled === undefined) continue; // whoever settled it meanwhile has counted it
      if (isWaiting(row.state)) backlog.count(laneOf(row), row.state, -1);
      events += settled.events;
      deps.metrics.recipientSettled(settled.result);
      if (settled.nextAttemptAt !== null && isWaiting(settled.to)) {
        const lane = backlog.lane(row.projectId, settled.lane);
        backlog.count(lane, settled.to, 1);
        backlog.schedule(lane, settled.nextAttemptAt);
        arm(settled.nextAttemptAt);
      }
    }
    release(work, rows, null);
    if (events > 0) deps.nudgeEvents();
  }

  /** Looks for due lanes at wall time `at`, or earlier where that was arranged already. */
  function arm(at: number): void {
    if (state !== 'running' || at >= timerAt) return;
    timer?.cancel();
    timerAt = at;
    const wait = at - clock.now();
    const soonest = wait > 0 ? lookedAt + LOOK_MS - clock.monotonic() : 0;
    timer = clock.after(Math.min(POLL_MS, Math.max(0, wait, soonest)), () => {
      timer = null;
      timerAt = Number.POSITIVE_INFINITY;
      void claim();
    });
  }
  async function claim(): Promise<void> {
    claimAgain = true;
    if (claiming || state !== 'running') return;
    claiming = true;
    lookedAt = clock.monotonic();
    try {
      while (claimAgain && state === 'running') {
        claimAgain = false;
        for (const project of backlog.starved) if (window.isLow(project)) backlog.feed(project);
        releasedMeanwhile.clear();
        const due = backlog.due(clock.now(), LANES, window.toRead);
        if (due.length === 0) break;
        claimAgain = true;
        await claimLanes(due.filter(hasRoom));
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    } finally {
      claiming = false;
      releasedMeanwhile.clear();
    }
    arm(backlog.nextDue ?? Number.POSITIVE_INFINITY);
  }
  /** Else the lane is blocked, until enough of its rows have left memory. */
  function hasRoom(lane: BacklogLane): boolean {
    if (isHeldLane(lane) || lane.readBack < perLane) return true;
    lane.blocked = true;
    backlog.schedule(lane, clock.now());
    return false;
  }
  /** Rows to be read of each lane, so that none of their projects gets more than it has room for. */
  function rowsOfEach(lanes: readonly BacklogLane[]): number {
    let most = Math.floor(CLAIM / lanes.length);
    for (const [project, own] of Map.groupBy(lanes, ({ project }) => project))
      most = Math.min(most, Math.floor(window.toRead(project) / own.length));
    return Math.max(1, most);
  }
  async function claimLanes(due: readonly BacklogLane[]): Promise<void> {
    const now = clock.now();
    const lanes: BacklogLane[] = [];
    for (const lane of due) {
      if (isHeldLane(lane)) await guarded(lane, now, () => flowLane(lane));
      else lanes.push(lane);
    }
    if (lanes.length === 0) return;
    const limit = rowsOfEach(lanes);
    let found: readonly LaneDue[] = [];
    try {
      found = await read.due(lanes, now, limit, window.rows);
    } catch (error) {
      logger.error({ err: error, lanes: lanes.length }, 'claiming failed');
      for (const lane of lanes) backlog.schedule(lane, now + 1000);
      return;
    }
    for (const [i, lane] of lanes.entries())
      await guarded(lane, now, () => take(lane, found[i]!, limit, now));
  }
  function take(lane: BacklogLane, { rows, next }: LaneDue, limit: number, now: number): void {
    const free = rows.filter(
      ({ row }) => !window.rows.has(row.id) && !releasedMeanwhile.has(row.id) && !seized.has(row.id),
    );
    const ripe = free.filter(({ row }) => !isYoung(row, now));
    for (const work of worksOf(ripe)) lease(work);
    if (rows.length >= limit && ripe.length > 0) backlog.schedule(lane, now);
    else if (ripe.length < rows.length) backlog.schedule(lane, now + FRESH_MS);
    else if (next !== null) backlog.schedule(lane, next);
  }
  async function guarded(lane: BacklogLane, now: number, work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      logger.error({ err: error, lane: lane.lane, project: lane.project }, 'claiming failed');
      backlog.schedule(lane, now + 1000);
    }
  }
  async function flowLane(lane: BacklogLane): Promise<void> {
    const now = clock.now();
    const early = raised.delete(lane);
    const { transactor, limiter } = deps;
    const held = { read, transactor, limiter, suspensions, clock, timeIsTrusted: jumps.trusted };
    const { released, overheld, again } = await flowHeld(lane, held, early);
    // as long as there is room, what is not due yet goes, too
    if (early && again !== null && again <= now) raised.add(lane);
    for (const { row, message, from } of released) {
      backlog.count(backlog.lane(row.projectId, from), 'held', -1);
      backlog.count(laneOf(row), 'queued', 1);
      lease({ head: message, message: null, fresh: false, size: message.size, rows: [row] });
    }
    for (const { row, message } of overheld) {
      const work: Work = { head: message, message: null, fresh: false, size: message.size, rows: [row] };
      window.hold(row);
      backlog.enter(laneOf(row), false);
      open.set(work, 1);
      track(
        settle(work, [{ row, outcome: { kind: 'overheld', cause: 'held for longer than 7 days' } }], null),
      );
    }
    if (again !== null) backlog.schedule(lane, again);
  }
  /** What waits for a moment further ahead than anything may wait is due now: the clock was ahead. */
  async function bring(find: () => Promise<readonly StoredLane[]>): Promise<void> {
    if (state !== 'running') return;
    const work = find()
      .then((found) =>
        bringBack(
          found,
          { read, transactor: deps.transactor, now: clock.now, longestMs: retry.maxMs },
          ({ project, lane }) => {
            backlog.schedule(backlog.lane(project, lane), clock.now());
            arm(clock.now());
          },
        ),
      )
      .then((count) => {
        if (count > 0)
          logger.warn(
            { recipients: count },
            'mail waited for a time that a wrong clock had set: it is due now',
          );
      });
    track(work);
  }
  function isYoung(row: RecipientRow, now: number): boolean {
    return (
      row.attempts === 0 &&
      row.state === 'queued' &&
      row.heldMs === 0 &&
      row.createdAt >= startedAt &&
      Math.abs(now - row.createdAt) < FRESH_MS
    );
  }
  function stop(): void {
    stoppedAt ??= clock.monotonic();
    state = 'stopped';
    timer?.cancel();
    timer = null;
  }

  /** A task may start another (an outcome to settle): until none is left, or time is up. */
  async function idleWithin(ms: number, tasks: ReadonlySet<Promise<void>>): Promise<void> {
    const { promise: limit, resolve } = Promise.withResolvers<void>();
    let late = false;
    const wait = clock.after(ms, () => {
      late = true;
      resolve();
    });
    while (tasks.size > 0 && !late) await Promise.race([Promise.allSettled([...tasks]), limit]);
    wait.cancel();
  }

  const scheduler: Scheduler = {
    enqueue(message, rows) {
      // The rows have times of the wall clock: a jump must not go unseen between two looks at it.
      jumps.trusted();
      const now = clock.now();
      const fresh: RecipientRow[] = [];
      for (const row of rows) {
        if (!isWaiting(row.state) || row.nextAttemptAt === null) continue;
        const lane = laneOf(row);
        backlog.count(lane, row.state, 1);
        const fits =
          state !== 'stopped' &&
          row.state !== 'held' &&
          row.nextAttemptAt <= now &&
          window.fits(row.projectId, fresh.length + 1) &&
          lane.fresh < perLane;
        if (fits) fresh.push(row);
        else if (!window.rows.has(row.id)) {
          backlog.schedule(lane, row.nextAttemptAt);
          arm(row.nextAttemptAt);
        }
      }
      const wanted = fresh.filter((row) => !window.rows.has(row.id));
      if (wanted.length === 0) return;
      const { raw: _raw, prefix: _prefix, ...head } = message;
      const fits = message.raw.length <= LARGE && window.keep(message);
      lease({ head, message: fits ? message : null, fresh: true, size: message.raw.length, rows: wanted });
    },
    get held() {
      return window.rows.size;
    },
    depth: backlog.totals,
    *lanes() {
      for (const lane of backlog.lanes) yield viewOf(lane);
    },
    page(project, page) {
      const own = backlog.of(project);
      const depth = { queued: 0, deferred: 0, held: 0 };
      for (const { counts } of own.values()) {
        depth.queued += counts.queued;
        depth.deferred += counts.deferred;
        depth.held += counts.held;
      }
      return { depth, lanes: firstNames(own.keys(), page).map((name) => viewOf(own.get(name)!)) };
    },
    active({ project, lane }) {
      const own = backlog.of(project).get(lane);
      return own === undefined ? 0 : own.fresh + own.readBack;
    },
    sites: () => lanes.sites(),
    dead: () => attempts.dead(),
    isSending: (id) => sending.has(id),
    seize(rows) {
      const free = rows.filter((row) => !sending.has(row.id) && !seized.has(row.id));
      for (const row of free) seized.add(row.id);
      return free;
    },
    letGo(before, row) {
      seized.delete(before.id);
      if (before !== row) {
        if (isWaiting(before.state)) backlog.count(laneOf(before), before.state, -1);
        if (isWaiting(row.state)) backlog.count(laneOf(row), row.state, 1);
      }
      if (!isWaiting(row.state) || row.nextAttemptAt === null) return;
      backlog.schedule(laneOf(row), row.nextAttemptAt);
      arm(row.nextAttemptAt);
    },
    async adopt(summaries) {
      for (let from = 0; from < summaries.length; from += ADOPTED_AT_ONCE) {
        if (from > 0) await new Promise<void>((resolve) => setImmediate(resolve));
        backlog.add(summaries.slice(from, from + ADOPTED_AT_ONCE));
        arm(backlog.nextDue ?? Number.POSITIVE_INFINITY);
      }
      void bring(async () => summaries);
    },
    async resync() {
      backlog.recount(await read.lanes());
      arm(backlog.nextDue ?? Number.POSITIVE_INFINITY);
    },
    async refresh() {
      const known = await read.suspensions();
      for (const id of suspensions.ids) if (!known.some((one) => one.id === id)) scheduler.resume(id);
      suspensions.load(known);
    },
    pause() {
      paused = true;
      pool.breakOff();
    },
    proceed() {
      paused = false;
      pump();
    },
    limitsRaised(project) {
      for (const lane of backlog.lanes)
        if (lane.project === project && isHeldLane(lane)) {
          raised.add(lane);
          backlog.schedule(lane, clock.now());
        }
      arm(clock.now());
    },
    suspend: suspensions.add,
    resume(id) {
      suspensions.remove(id);
      for (const lane of backlog.lanes)
        if (lane.lane === HELD_LANES.suspended) backlog.schedule(lane, clock.now());
      arm(clock.now());
    },
    async start(signal) {
      if (signal.aborted || state !== 'new') return;
      startedAt = clock.now();
      const stored = await read.lanes();
      backlog.load(stored);
      suspensions.load(await read.suspensions());
      if (signal.aborted) return;
      state = 'running';
      jumps.start(logger);
      signal.addEventListener('abort', stop, { once: true });
      pump();
      void claim();
      void bring(async () => stored);
    },
    async [Symbol.asyncDispose]() {
      stop();
      jumps.stop();
      await idleWithin(stoppedAt! + STOP_MS - clock.monotonic(), running);
      // What takes longer is cut off, and its trace says why.
      if (trying.size > 0) logger.info({ attempts: sending.size }, 'attempts are cut off');
      await pool[Symbol.asyncDispose]();
      await idleWithin(stoppedAt! + STOP_MS + CUT_OFF_MS - clock.monotonic(), trying);
      abandon.abort();
      window.clear();
      open.clear();
    },
  };
  return scheduler;
}

function isHeldLane({ lane }: BacklogLane): boolean {
  return Object.values<string>(HELD_LANES).includes(lane);
}
function isTooMany(outcome: Outcome): boolean {
  return outcome.kind === 'deferred' && outcome.cause === TOO_MANY;
}
function isApart(outcome: Outcome): boolean {
  return outcome.kind === 'deferred' && outcome.cause === APART;
}

/** Claimed rows by message, in the order they came. */
function worksOf(due: readonly DueRecipient[]): Work[] {
  return [...Map.groupBy(due, ({ row }) => row.messageId).values()].map((group) => ({
    head: group[0]!.message,
    message: null,
    fresh: false,
    size: group[0]!.message.size,
    rows: group.map(({ row }) => row),
  }));
}
