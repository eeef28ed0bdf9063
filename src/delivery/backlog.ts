/**
 * What waits in the store, by lane (project x site), without a row of it in memory: counts, and when each lane is to be
 * looked at again. Loaded once from the index, then kept by what this process does. Due lanes come up in turns over the
 * projects, earliest first in each; a project whose share of memory is full is passed over with all its lanes, so that
 * a hundred thousand of them cost the others nothing. Invariants: a lane with waiting rows is scheduled or blocked, never
 * forgotten; `nextDue` is never later than the earliest row that may be read; counts are those of the store once every
 * commit under way has been answered.
 */
import { createHeap, type Heap } from '../runtime/heap.ts';
import type { ProjectId } from '../runtime/ids.ts';
import type { LaneSummary, RecipientState } from '../spool/messages.ts';

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
  /**
   * At most so many of the lanes due at `now` that are not blocked, and of each project at most `room` says: one without
   * room is passed over from now on, until it is fed. Each lane must be scheduled again or left empty.
   */
  due(now: number, most: number, room: (project: ProjectId) => number): BacklogLane[];
  /** Projects that are passed over. */
  readonly starved: ReadonlySet<ProjectId>;
  /** The project has room again. */
  feed(project: ProjectId): void;
  /** When the earliest lane is due that is neither blocked nor passed over, or null. */
  readonly nextDue: number | null;
  unblock(lane: BacklogLane): void;
  readonly lanes: Iterable<BacklogLane>;
  /** Of one project, by name. */
  of(project: ProjectId): ReadonlyMap<string, BacklogLane>;
  readonly totals: Readonly<Record<WaitingState, number>>;
}

interface Project {
  readonly id: ProjectId;
  readonly lanes: Map<string, BacklogLane>;
  heap: Heap<BacklogLane>;
}
const STATES = ['queued', 'deferred', 'held'] as const;

export function isWaiting(state: RecipientState): state is WaitingState {
  return state === 'queued' || state === 'deferred' || state === 'held';
}

export function createBacklog(): Backlog {
  /** In the order of their turns. */
  const projects = new Map<ProjectId, Project>();
  const starved = new Set<ProjectId>();
  const totals = { queued: 0, deferred: 0, held: 0 };

  function forgetEmpty({ counts, fresh, readBack, project: id, lane }: BacklogLane): void {
    const project = projects.get(id);
    const inMemory = fresh + readBack;
    if (project === undefined || counts.queued + counts.deferred + counts.held > 0 || inMemory !== 0) return;
    project.lanes.delete(lane);
    if (project.lanes.size > 0) return;
    projects.delete(id);
    starved.delete(id);
  }
  function push(lane: BacklogLane, at: number): void {
    const project = projects.get(lane.project);
    lane.nextDue = at;
    if (project === undefined) return; // forgotten meanwhile, and the lane with it
    project.heap.push(at, lane);
    // Stale entries are dropped when they come up; too many of them are dropped at once.
    if (project.heap.length > 1000 && project.heap.length > 4 * project.lanes.size) rebuild(project);
  }
  function rebuild(project: Project): void {
    project.heap = createHeap();
    for (const lane of project.lanes.values())
      if (!lane.blocked && lane.nextDue !== Number.POSITIVE_INFINITY) project.heap.push(lane.nextDue, lane);
  }
  function dueOf({ heap, lanes }: Project, now: number): BacklogLane | null {
    while ((heap.smallest ?? Number.POSITIVE_INFINITY) <= now) {
      const { key, item } = heap.pop()!;
      if (item.blocked || item.nextDue !== key || lanes.get(item.lane) !== item) continue;
      item.nextDue = Number.POSITIVE_INFINITY;
      return item;
    }
    return null;
  }
  function* all(): Generator<BacklogLane> {
    for (const { lanes } of projects.values()) yield* lanes.values();
  }
  const backlog: Backlog = {
    load(summaries) {
      projects.clear();
      starved.clear();
      Object.assign(totals, { queued: 0, deferred: 0, held: 0 });
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
      for (const lane of all()) Object.assign(lane.counts, totals);
      backlog.add(summaries);
      for (const lane of [...all()]) forgetEmpty(lane);
    },
    lane(id, name) {
      let project = projects.get(id);
      if (project === undefined) {
        project = { id, lanes: new Map(), heap: createHeap() };
        projects.set(id, project);
      }
      let lane = project.lanes.get(name);
      if (lane === undefined) {
        lane = {
          project: id,
          lane: name,
          counts: { queued: 0, deferred: 0, held: 0 },
          nextDue: Number.POSITIVE_INFINITY,
          fresh: 0,
          readBack: 0,
          blocked: false,
        };
        project.lanes.set(name, lane);
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
    due(now, most, room) {
      const found: BacklogLane[] = [];
      let hungry: { project: Project; room: number }[] = [];
      for (const project of projects.values()) {
        if (starved.has(project.id) || !((project.heap.smallest ?? Number.POSITIVE_INFINITY) <= now))
          continue;
        const one = { project, room: room(project.id) };
        if (one.room > 0) hungry.push(one);
        else starved.add(project.id);
      }
      const served = new Set<Project>();
      while (hungry.length > 0)
        hungry = hungry.filter((one) => {
          const lane = found.length < most && one.room > 0 ? dueOf(one.project, now) : null;
          if (lane === null) return false;
          found.push(lane);
          served.add(one.project);
          one.room -= 1;
          return true;
        });
      for (const project of served) {
        projects.delete(project.id);
        projects.set(project.id, project);
      }
      return found;
    },
    starved,
    feed: (project) => void starved.delete(project),
    get nextDue() {
      let next = Number.POSITIVE_INFINITY;
      for (const { id, heap } of projects.values())
        if (!starved.has(id)) next = Math.min(next, heap.smallest ?? next);
      return next === Number.POSITIVE_INFINITY ? null : next;
    },
    unblock(lane) {
      if (!lane.blocked) return;
      lane.blocked = false;
      if (lane.nextDue !== Number.POSITIVE_INFINITY) push(lane, lane.nextDue);
    },
    get lanes() {
      return all();
    },
    of: (project) => projects.get(project)?.lanes ?? new Map(),
    totals,
  };
  return backlog;
}
