/**
 * What waits in the store, by lane (project x site), without a row of it in memory: counts, and when each lane is to be
 * looked at again. Loaded once from the index, then kept by what this process does. Invariants: a lane with waiting rows
 * is scheduled or blocked, never forgotten; `nextDue` is never later than the earliest row; counts are those of the
 * store once every commit under way has been answered.
 */
import { createHeap } from '../runtime/heap.ts';
import type { ProjectId } from '../runtime/ids.ts';
import type { LaneSummary, RecipientState } from '../spool/types.ts';

export type WaitingState = 'queued' | 'deferred' | 'held';
export interface BacklogLane {
  readonly project: ProjectId;
  readonly lane: string;
  readonly counts: Record<WaitingState, number>;
  /** Wall ms at which something may be due; Infinity: nothing but what is in memory. */
  nextDue: number;
  /** Rows of it held in memory: fresh ones straight from their accepting commit, and ones read back from the store. */
  fresh: number;
  readBack: number;
  /** Its share of memory is full: looked at again when rows leave. */
  blocked: boolean;
}
export interface Backlog {
  load(lanes: readonly LaneSummary[]): void;
  /** Rows that were another's are ours from now on. */
  add(lanes: readonly LaneSummary[]): void;
  /** The store's counts, where ours may be wrong; what is in memory stays. */
  recount(lanes: readonly LaneSummary[]): void;
  /** The lane of a row, made where it is new. */
  lane(project: ProjectId, lane: string): BacklogLane;
  /** A row came to wait (+1) or ceased to (-1). */
  count(lane: BacklogLane, state: WaitingState, by: 1 | -1): void;
  /** A row of the lane came into memory, or left it. */
  enter(lane: BacklogLane, fresh: boolean): void;
  leave(lane: BacklogLane, fresh: boolean): void;
  /** Something of the lane is due at `at`. */
  schedule(lane: BacklogLane, at: number): void;
  /** The lanes due at `now` that are not blocked, earliest first; each must be scheduled again or left empty. */
  due(now: number): BacklogLane | null;
  /** When the earliest unblocked lane is due, or null. */
  readonly nextDue: number | null;
  unblock(lane: BacklogLane): void;
  readonly lanes: Iterable<BacklogLane>;
  readonly totals: Readonly<Record<WaitingState, number>>;
}

const STATES = ['queued', 'deferred', 'held'] as const;

export function isWaiting(state: RecipientState): state is WaitingState {
  return state === 'queued' || state === 'deferred' || state === 'held';
}

export function createBacklog(): Backlog {
  const lanes = new Map<string, BacklogLane>();
  const totals = { queued: 0, deferred: 0, held: 0 };
  let heap = createHeap<BacklogLane>();
  const keyOf = (project: ProjectId, lane: string) => `${project} ${lane}`;

  function forgetEmpty(lane: BacklogLane): void {
    const { counts, fresh, readBack, project, lane: name } = lane;
    const inMemory = fresh + readBack;
    if (counts.queued + counts.deferred + counts.held <= 0 && inMemory === 0)
      lanes.delete(keyOf(project, name));
  }
  function push(lane: BacklogLane, at: number): void {
    lane.nextDue = at;
    heap.push(at, lane);
    // Stale entries are dropped when they come up; too many of them are dropped at once.
    if (heap.length > 1000 && heap.length > 4 * lanes.size) rebuild();
  }
  function rebuild(): void {
    heap = createHeap();
    for (const lane of lanes.values())
      if (!lane.blocked && lane.nextDue !== Number.POSITIVE_INFINITY) heap.push(lane.nextDue, lane);
  }
  const backlog: Backlog = {
    load(summaries) {
      lanes.clear();
      Object.assign(totals, { queued: 0, deferred: 0, held: 0 });
      heap = createHeap();
      backlog.add(summaries);
    },
    add(summaries) {
      for (const { project, lane: name, nextDue, ...counts } of summaries) {
        const lane = backlog.lane(project, name);
        for (const state of STATES) {
          lane.counts[state] += counts[state];
          totals[state] += counts[state];
        }
        backlog.schedule(lane, nextDue);
      }
    },
    recount(summaries) {
      Object.assign(totals, { queued: 0, deferred: 0, held: 0 });
      for (const lane of lanes.values()) Object.assign(lane.counts, totals);
      backlog.add(summaries);
      for (const lane of [...lanes.values()]) forgetEmpty(lane);
    },
    lane(project, name) {
      const key = keyOf(project, name);
      let lane = lanes.get(key);
      if (lane === undefined) {
        lane = {
          project,
          lane: name,
          counts: { queued: 0, deferred: 0, held: 0 },
          nextDue: Number.POSITIVE_INFINITY,
          fresh: 0,
          readBack: 0,
          blocked: false,
        };
        lanes.set(key, lane);
      }
      return lane;
    },
    count(lane, state, by) {
      lane.counts[state] += by;
      totals[state] += by;
      if (by === -1) forgetEmpty(lane);
    },
    enter(lane, fresh) {
      lane[fresh ? 'fresh' : 'readBack'] += 1;
    },
    leave(lane, fresh) {
      lane[fresh ? 'fresh' : 'readBack'] -= 1;
      forgetEmpty(lane);
    },
    schedule(lane, at) {
      if (at < lane.nextDue) {
        if (lane.blocked) lane.nextDue = at;
        else push(lane, at);
      }
    },
    due(now) {
      for (;;) {
        const key = heap.smallest;
        if (key === undefined || key > now) return null;
        const { item } = heap.pop()!;
        if (item.blocked || item.nextDue !== key || lanes.get(keyOf(item.project, item.lane)) !== item)
          continue;
        item.nextDue = Number.POSITIVE_INFINITY;
        return item;
      }
    },
    get nextDue() {
      return heap.smallest ?? null;
    },
    unblock(lane) {
      if (!lane.blocked) return;
      lane.blocked = false;
      if (lane.nextDue !== Number.POSITIVE_INFINITY) push(lane, lane.nextDue);
    },
    get lanes() {
      return lanes.values();
    },
    totals,
  };
  return backlog;
}
