/**
 * What people do to the queue by hand: retry, cancel, return, suspend, resume, by filter. Every change is a named move in
 * a transaction of its message, and an audit record says who did what to how many. A recipient that is being tried this
 * very moment is left alone and counted as in flight. Invariants: a walk meets a recipient once, however often it fails
 * anew and moves on before it; the first change that the store does not take ends the walk. Fails: StoreError, which says
 * how many were changed before.
 */
import type { Clock } from '../runtime/clock.ts';
import { INSTANCE, type ProjectId, type RecipientId, type SuspensionId } from '../runtime/ids.ts';
import type { Logger } from '../runtime/logger.ts';
import { createPlaces } from '../runtime/places.ts';
import type { Random } from '../runtime/random.ts';
import { unwatched, type Watch } from '../runtime/report.ts';
import { StaleError, StoreError, type Transactor } from '../runtime/transactor.ts';
import {
  type DueRecipient,
  HELD_LANES,
  type QueueOperation,
  type RecipientRow,
  type SpoolReader,
  type Suspension,
  type WaitingFilter,
} from '../spool/messages.ts';
import { moved, retryNow } from '../spool/transitions.ts';
import { isLookedThrough } from '../spool/waiting.ts';
import { type CommitDeps, commitOutcomes, type OutcomeTx } from './commit.ts';
import type { Scheduler } from './scheduler.ts';
import type { Change } from './settle.ts';

export interface QueueRequest {
  readonly action: QueueOperation['action'];
  readonly filter: WaitingFilter;
  /** Only count. */
  readonly dryRun: boolean;
  /** For people: goes into events, rows and the record. */
  readonly reason: string;
  readonly actor: string;
  /** The operator of the instance asks, not the project; default: false. */
  readonly byOperator?: boolean;
  /** suspend: the project is being closed, which no number of suspensions may prevent; default: false. */
  readonly closes?: boolean;
  /** suspend: wall ms at which it ends. */
  readonly expiresAt?: number;
  /** resume: which one. */
  readonly suspension?: SuspensionId;
}
export interface QueueResult {
  /** Waiting recipients the filter means. */
  readonly matched: number;
  readonly changed: number;
  /** Being tried right now, and therefore left alone. */
  readonly inFlight: number;
  readonly suspension: SuspensionId | null;
  /** Projects of what was counted or changed; null: not known. */
  readonly projects: number | null;
  /** Other nodes that gave no answer in time: what they change is not counted here, and they may still be at it. */
  readonly silentNodes: number;
}
export interface OperatorDeps {
  readonly read: SpoolReader;
  readonly transactor: Transactor<OutcomeTx>;
  readonly scheduler: Pick<Scheduler, 'lanes' | 'seize' | 'letGo' | 'suspend' | 'resume' | 'limitsRaised'>;
  readonly prepare: CommitDeps['prepare'];
  readonly notices: CommitDeps['notices'];
  readonly accept: CommitDeps['accept'];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly nudgeEvents: () => void;
  /** Puts the question to all other nodes that share the store; their answers, null for a node that gives none in time. */
  readonly askOthers: (question: NodeQuestion) => Promise<readonly unknown[]>;
}
/** What one node asks of the others about the queue: each acts on the rows it serves. */
export type NodeQuestion =
  | { readonly kind: 'change'; readonly request: QueueRequest; readonly now: number }
  | { readonly kind: 'suspended'; readonly suspension: Suspension }
  | { readonly kind: 'resumed'; readonly id: SuspensionId }
  | { readonly kind: 'raised'; readonly project: ProjectId };
/**
 * null: there is no such suspension in the filter's project that the caller may end. Who looks on ends it between two pages: what was changed by
 * then is recorded. Rejects with NoPlace where the project has one under way that does not end in time.
 */
export type Operate = (request: QueueRequest, watch?: Watch) => Promise<QueueResult | null>;
export interface Operator {
  readonly operate: Operate;
  /** Limits of the project are higher from now on: every node looks at what it holds over them. */
  readonly limitsRaised: (project: ProjectId) => void;
  /** Answers another node. */
  readonly answer: (question: NodeQuestion) => Promise<Changed>;
}
/** What was done to the rows of one node. */
type Changed = Omit<QueueResult, 'suspension' | 'projects' | 'silentNodes'> & {
  /** Of which projects rows were changed; absent from a node of an earlier version. */
  readonly changedProjects?: readonly ProjectId[];
  /** What the store said to the first change that it did not take. */
  readonly refused: { readonly message: string; readonly retryable: boolean } | null;
};
const NOTHING: Changed = { matched: 0, changed: 0, inFlight: 0, refused: null };
const silentOf = (answers: readonly unknown[]) => answers.filter((one) => one === null).length;
/** Of how many projects the nodes changed rows; null if one of them does not say. */
function projectsOf(all: readonly Changed[]): number | null {
  const projects = new Set<ProjectId>();
  for (const { changed, changedProjects } of all) {
    if (changedProjects === undefined && changed > 0) return null;
    for (const project of changedProjects ?? []) projects.add(project);
  }
  return projects.size;
}

const PAGE = 200;
/** Walks through what waits that go on at once, and those of one project; more of it wait, up to so many and so long. */
const WALKS = 4;
const WALKS_OF_A_PROJECT = 1;
const WAITING_OF_A_PROJECT = 8;
const WAIT_MS = 10_000;
const isOverLimit = (lane: string): boolean => lane === HELD_LANES.quota || lane === HELD_LANES.priority;
/**
 * Maximum of active suspensions that a project makes, and that the operator makes for the whole instance: each due
 * recipient is compared with those of its project and of all projects.
 */
export const MOST_SUSPENSIONS = 50;
export const MOST_OPERATOR_SUSPENSIONS = 500;
/** Ids a walk remembers, about 20 MB; what it meets beyond them may be met and counted again. */
const MOST_REMEMBERED = 200_000;

export function createOperator(deps: OperatorDeps): Operator {
  const { read, transactor, scheduler, clock, random } = deps;
  const walks = createPlaces(WALKS, clock, { places: WALKS_OF_A_PROJECT, waiting: WAITING_OF_A_PROJECT });
  const commitDeps: CommitDeps = {
    ...deps,
    stuck: () => {},
    once: true,
    abandoned: new AbortController().signal,
  };

  /** What waits in this node's lanes that the filter means, where lanes are all it tells apart. */
  function totalOf(filter: WaitingFilter): number | null {
    if (isLookedThrough(filter)) return null;
    let total = 0;
    for (const { project, lane, queued, deferred, held } of scheduler.lanes())
      if (filter.project === null || project === filter.project)
        if (filter.lane === undefined || lane === filter.lane) total += queued + deferred + held;
    return total;
  }
  async function* pages(
    filter: WaitingFilter,
    own: boolean,
    { report, signal }: Watch,
  ): AsyncGenerator<readonly DueRecipient[]> {
    let cursor: string | null = null;
    const total = own ? totalOf(filter) : null;
    const met = new Set<RecipientId>();
    const isNew = ({ row: { id } }: DueRecipient): boolean => {
      if (met.has(id)) return false;
      if (met.size < MOST_REMEMBERED) met.add(id);
      return true;
    };
    let done = 0;
    do {
      report({ done, total, unit: 'recipients' });
      const page: Awaited<ReturnType<SpoolReader['waiting']>> = await read.waiting(
        filter,
        { limit: PAGE, cursor },
        own,
      );
      const fresh = page.items.filter(isNew);
      if (fresh.length > 0) yield fresh;
      done += (page.lookedAt ?? page.items.length) - (page.items.length - fresh.length);
      cursor = page.nextCursor;
      await new Promise<void>((resolve) => setImmediate(resolve));
    } while (cursor !== null && !signal.aborted);
  }
  async function count(filter: WaitingFilter, watch: Watch): Promise<{ matched: number; projects: number }> {
    let matched = 0;
    const projects = new Set<ProjectId>();
    for await (const page of pages(filter, false, watch)) {
      matched += page.length;
      for (const { row } of page) projects.add(row.projectId);
    }
    watch.signal.throwIfAborted();
    return { matched, projects: projects.size };
  }
  /** Puts one row forward; false where it has moved on meanwhile. */
  async function retry({ row }: DueRecipient, now: number): Promise<RecipientRow | null> {
    const move = retryNow(row, now);
    try {
      await transactor.transact(row.projectId, (tx) => tx.moveRecipient(move));
      return moved(row, move);
    } catch (error) {
      if (error instanceof StaleError) return null;
      throw error;
    }
  }
  async function settle({ row, message }: DueRecipient, change: Change): Promise<RecipientRow | null> {
    const settled = (await commitOutcomes(message, [{ row, outcome: change }], null, commitDeps)).get(row.id);
    if (settled === undefined) return null;
    if (settled.events > 0) deps.nudgeEvents();
    return { ...row, state: settled.result as RecipientRow['state'], nextAttemptAt: null };
  }
  async function changeAll(
    filter: WaitingFilter,
    watch: Watch,
    change: (due: DueRecipient) => Promise<RecipientRow | null>,
    wanted: (row: RecipientRow) => boolean,
  ): Promise<Changed> {
    let matched = 0;
    let changed = 0;
    let inFlight = 0;
    let refused: Changed['refused'] = null;
    const changedProjects = new Set<ProjectId>();
    for await (const page of pages(filter, true, watch)) {
      matched += page.length;
      const candidates = page.filter(({ row }) => wanted(row));
      const free = new Set(scheduler.seize(candidates.map(({ row }) => row)).map(({ id }) => id));
      inFlight += candidates.length - free.size;
      await Promise.all(
        candidates
          .filter(({ row }) => free.has(row.id))
          .map(async (due) => {
            let after: RecipientRow | null = null;
            try {
              after = await change(due);
              if (after === null) return;
              changed += 1;
              changedProjects.add(due.row.projectId);
            } catch (error) {
              if (!(error instanceof StoreError)) throw error;
              refused ??= { message: error.message, retryable: error.retryable };
            } finally {
              scheduler.letGo(due.row, after ?? due.row);
            }
          }),
      );
      if (refused !== null) break;
    }
    return { matched, changed, inFlight, refused, changedProjects: [...changedProjects] };
  }
  /** On the rows of this node. */
  function change(
    { action, filter, reason }: QueueRequest,
    now: number,
    watch: Watch = unwatched,
  ): Promise<Changed> {
    if (action === 'retry') {
      const overLimit = new Set<ProjectId>();
      const waits = (row: RecipientRow) => {
        // Nobody's hand passes a limit: what is held over one goes as soon as there is room, and it is looked at now.
        if (row.state === 'held' && isOverLimit(row.lane)) {
          overLimit.add(row.projectId);
          return false;
        }
        // What is due already needs no help; it would only come up again in the walk.
        return row.state !== 'queued' && (row.nextAttemptAt ?? 0) > now;
      };
      return changeAll(filter, watch, (due) => retry(due, now), waits).finally(() => {
        for (const project of overLimit) scheduler.limitsRaised(project);
      });
    }
    const kind = action === 'cancel' ? 'cancelled' : 'returned';
    return changeAll(
      filter,
      watch,
      (due) => settle(due, { kind, cause: reason }),
      () => true,
    );
  }
  async function act(
    request: QueueRequest,
    now: number,
    watch: Watch,
  ): Promise<(QueueResult & Pick<Changed, 'refused'>) | null> {
    const { action, filter, reason, actor, byOperator = false, closes = false } = request;
    switch (action) {
      case 'retry':
      case 'cancel':
      case 'bounce': {
        const [own, others] = await Promise.all([
          change(request, now, watch),
          deps.askOthers({ kind: 'change', request, now }),
        ]);
        const all = [own, ...(others.filter((one) => one !== null) as Changed[])];
        const sum = (of: (one: Changed) => number) => all.reduce((total, one) => total + of(one), 0);
        return {
          matched: sum(({ matched }) => matched),
          changed: sum(({ changed }) => changed),
          inFlight: sum(({ inFlight }) => inFlight),
          refused: all.find(({ refused }) => refused)?.refused ?? null,
          suspension: null,
          projects: projectsOf(all),
          silentNodes: silentOf(others),
        };
      }
      case 'suspend': {
        const suspension: Suspension = {
          id: random.id(),
          filter,
          reason,
          actor,
          byOperator,
          createdAt: now,
          expiresAt: request.expiresAt ?? now + 24 * 3_600_000,
        };
        const counted = await count(filter, watch);
        await transactor.transact(filter.project ?? (suspension.id as never), (tx) => {
          if (byOperator) tx.capSuspensions(null, MOST_OPERATOR_SUSPENSIONS, now);
          else if (!closes) tx.capSuspensions(filter.project, MOST_SUSPENSIONS, now);
          tx.insertSuspension(suspension);
        });
        scheduler.suspend(suspension);
        const others = await deps.askOthers({ kind: 'suspended', suspension });
        return { ...NOTHING, ...counted, suspension: suspension.id, silentNodes: silentOf(others) };
      }
      case 'resume': {
        const known = (await read.suspensions()).find(({ id }) => id === request.suspension);
        if (known === undefined || (filter.project !== null && known.filter.project !== filter.project))
          return null;
        if (known.byOperator && !byOperator) return null;
        await transactor.transact(filter.project ?? (known.id as never), (tx) =>
          tx.deleteSuspension(known.id),
        );
        scheduler.resume(known.id);
        const others = await deps.askOthers({ kind: 'resumed', id: known.id });
        return { ...NOTHING, suspension: known.id, projects: null, silentNodes: silentOf(others) };
      }
    }
  }
  async function operate(request: QueueRequest, watch: Watch = unwatched): Promise<QueueResult | null> {
    const { action, filter, actor, byOperator } = request;
    // Resuming walks through nothing. What the operator asks does not queue behind the project's own walks.
    using _ =
      action === 'resume'
        ? null
        : await walks.take(byOperator === true ? INSTANCE : (filter.project ?? INSTANCE), {
            waitMs: WAIT_MS,
            signal: watch.signal,
          });
    const now = clock.now();
    if (request.dryRun) {
      const none = { changed: 0, inFlight: 0, suspension: null, silentNodes: 0 };
      return { ...(await count(filter, watch)), ...none };
    }
    const done = await act(request, now, watch);
    if (done === null) return null;
    const { refused, ...result } = done;
    const id = random.id<'queue-operation'>();
    deps.logger.info({ operation: id, action, actor, ...result }, 'the queue was changed by hand');
    const recorded = transactor.transact(filter.project ?? (id as never), (tx) =>
      tx.insertOperation({ id, action, filter, actor, at: now, changed: result.changed }),
    );
    if (refused === null) {
      await recorded;
      return result;
    }
    await recorded.catch((error: unknown) =>
      deps.logger.warn(
        { operation: id, err: error },
        'what was done to the queue by hand is in this log only',
      ),
    );
    throw new StoreError(
      `${result.changed} recipients were changed, then the store refused: ${refused.message}`,
      refused.retryable,
    );
  }
  return {
    operate,
    limitsRaised(project) {
      scheduler.limitsRaised(project);
      deps.askOthers({ kind: 'raised', project }).catch((error: unknown) => {
        // there it flows when it was to be looked at anyway
        deps.logger.warn({ err: error, project }, 'other nodes could not be told of higher limits');
      });
    },
    async answer(question) {
      if (question.kind === 'change') return change(question.request, question.now);
      if (question.kind === 'suspended') scheduler.suspend(question.suspension);
      else if (question.kind === 'resumed') scheduler.resume(question.id);
      else scheduler.limitsRaised(question.project);
      return NOTHING;
    },
  };
}
