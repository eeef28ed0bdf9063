/**
 * The deliveries in memory, in one lane for each subscriber. Invariants: a lane has no more deliveries under way than
 * its width; projects take turns, and within a project its lanes. Lanes that answer quickly come first, but leave a quarter
 * of their project's places while others wait; then come new lanes, slow ones and failing ones, each with a share of the
 * other half. So a subscriber that does not answer costs only its own project, and there only its own places. The cost of a turn does not depend on the
 * number of lanes that may not begin anything.
 */
import type { DeliveryId, ProjectId, SubscriberId } from '../runtime/ids.ts';
import { AT_ONCE as WIDTH } from './retries.ts';
import type { DueDelivery } from './topics.ts';

/** ms: an answer that took no longer is quick, and lets the lane grow. */
const QUICK_MS = 1_000;
/** The most that a lane takes into memory at a time. */
export const MOST_AHEAD = 128;
/** Deliveries that a lane holds beside those under way: so that the store is asked for many at once. */
const AHEAD = { least: 4, most: MOST_AHEAD };
/** Deliveries of a lane that wait for others of it. */
const MOST_BEHIND = 512;
/** Lanes without deliveries whose width is remembered. */
const MOST_IDLE = 10_000;

/** How the last delivery ended. */
type Health = 'quick' | 'new' | 'slow' | 'failing';
/** In the order of their turns. */
const HEALTHS: readonly Health[] = ['quick', 'new', 'slow', 'failing'];
/** The part of a project's places that all that are not quick may hold, slow and failing ones, and failing ones. */
const PARTS = { others: 1 / 2, slow: 3 / 8, failing: 1 / 4 };
/** The part that quick ones may hold while others wait. */
const QUICK_PART = 3 / 4;

interface Lane {
  readonly id: SubscriberId;
  readonly project: ProjectId;
  readonly waiting: DueDelivery[];
  /** Deliveries that come after another one of the lane, by its id. They wait without holding back the others. */
  readonly behind: Map<DeliveryId, DueDelivery>;
  /** All that is in memory. */
  readonly ids: Set<DeliveryId>;
  running: number;
  width: number;
  /** Quick answers since it last grew. */
  quick: number;
  /** The width doubles in each round of answers, until something fails. */
  starting: boolean;
  health: Health;
  /** The store may have more that is due. */
  more: boolean;
}
/** The lanes of a project that may begin something, by health, each list in the order of its turns. */
interface Project {
  readonly ready: Readonly<Record<Health, Set<Lane>>>;
  readonly running: Record<Health, number>;
}
/** How many places a project has, and how many more it may take. */
export interface Room {
  readonly held: number;
  readonly more: number;
}
/** What became of a delivery that was under way. */
export interface Ended {
  /** The subscriber took it. */
  readonly taken: boolean;
  readonly ms: number;
  /** It failed, and those that come after it wait. */
  readonly holds?: boolean;
}
/** One of the two functions is called, once. */
export interface Next {
  readonly item: DueDelivery;
  /** The delivery has ended. Returns those behind it that are forgotten. */
  end(ended: Ended): readonly DueDelivery[];
  /** It was not begun and is forgotten, with those behind it: they are returned. */
  skip(): readonly DueDelivery[];
}
export interface Lanes {
  /** How many more deliveries the lane takes into memory. */
  roomOf(subscriber: SubscriberId): number;
  /** Lanes that take none. */
  full(): readonly SubscriberId[];
  /**
   * What a look at the store has found. `more`: of these subscribers, it may have others. `whole`: it has looked at
   * all subscribers. Returns those that are forgotten, because what they come after has ended since.
   */
  add(items: readonly DueDelivery[], more: ReadonlySet<SubscriberId>, whole: boolean): readonly DueDelivery[];
  /**
   * The next delivery that may begin. `roomOf` says what its project has. null: none.
   */
  next(roomOf: (project: ProjectId) => Room): Next | null;
  /** Projects that wait for a place. */
  waiting(): Iterable<ProjectId>;
  /** A lane has room again, and the store may have more for it. */
  readonly wants: boolean;
}

export function createLanes(): Lanes {
  const lanes = new Map<SubscriberId, Lane>();
  const projects = new Map<ProjectId, Project>();
  const hungry = new Set<Lane>();

  const aheadOf = (lane: Lane) => Math.min(AHEAD.most, Math.max(AHEAD.least, 2 * lane.width));
  const roomOf = (lane: Lane) =>
    Math.max(0, Math.min(aheadOf(lane) - lane.waiting.length, MOST_BEHIND - lane.behind.size));
  function laneOf({ subscriberId, projectId }: DueDelivery['delivery']): Lane {
    const known = lanes.get(subscriberId);
    if (known !== undefined) return known;
    const lane: Lane = {
      id: subscriberId,
      project: projectId,
      waiting: [],
      behind: new Map(),
      ids: new Set(),
      running: 0,
      width: WIDTH.first,
      quick: 0,
      starting: true,
      health: 'new',
      more: false,
    };
    lanes.set(subscriberId, lane);
    return lane;
  }
  function projectOf(id: ProjectId): Project {
    const known = projects.get(id);
    if (known !== undefined) return known;
    const project: Project = {
      ready: { quick: new Set(), new: new Set(), slow: new Set(), failing: new Set() },
      running: { quick: 0, new: 0, slow: 0, failing: 0 },
    };
    projects.set(id, project);
    return project;
  }
  /** Puts the lane where it belongs after a change. */
  function place(lane: Lane): void {
    const project = projectOf(lane.project);
    const isReady = lane.waiting.length > 0 && lane.running < lane.width;
    for (const health of HEALTHS) {
      const set = project.ready[health];
      if (isReady && health === lane.health) set.add(lane);
      else set.delete(lane);
    }
    if (lane.more && lane.waiting.length <= aheadOf(lane) / 2 && roomOf(lane) > 0) hungry.add(lane);
    else hungry.delete(lane);
    if (lane.waiting.length === 0 && lane.running === 0) rest(lane);
    if (HEALTHS.every((health) => project.ready[health].size === 0 && project.running[health] === 0))
      projects.delete(lane.project);
  }
  /** The lane that has had nothing to do for longest is forgotten first. */
  function rest(lane: Lane): void {
    lanes.delete(lane.id);
    lanes.set(lane.id, lane);
    if (lanes.size <= MOST_IDLE) return;
    for (const other of lanes.values()) {
      if (other.waiting.length > 0 || other.running > 0) continue;
      lanes.delete(other.id);
      hungry.delete(other);
      return;
    }
  }
  function judge(lane: Lane, { taken, ms }: Ended): void {
    if (!taken) {
      lane.health = 'failing';
      lane.starting = false;
      lane.width = Math.max(WIDTH.least, Math.floor(lane.width / 2));
      lane.quick = 0;
      return;
    }
    lane.health = ms > QUICK_MS ? 'slow' : 'quick';
    if (ms > QUICK_MS) return;
    lane.quick += 1;
    if (!lane.starting && lane.quick < lane.width) return;
    lane.width = Math.min(WIDTH.most, lane.width + 1);
    lane.quick = 0;
  }
  /** Whether the project's lanes of this health may hold one more of its places. */
  function mayHold({ ready, running }: Project, health: Health, { held, more }: Room): boolean {
    const within = (part: number, count: number) => count < Math.max(1, Math.ceil((held + more) * part));
    if (health === 'quick') {
      const othersWait = HEALTHS.some((other) => other !== 'quick' && ready[other].size > 0);
      return !othersWait || within(QUICK_PART, running.quick);
    }
    const [slow, others] = [running.slow + running.failing, running.new + running.slow + running.failing];
    if (!within(PARTS.others, others)) return false;
    if (health === 'new') return true;
    return within(PARTS.slow, slow) && (health === 'slow' || within(PARTS.failing, running.failing));
  }
  /** The next one behind it comes first; or all behind it are forgotten and returned. */
  function pass(lane: Lane, { delivery: { id } }: DueDelivery, goesOn: boolean): DueDelivery[] {
    lane.ids.delete(id);
    const next = lane.behind.get(id);
    if (next === undefined) return [];
    lane.behind.delete(id);
    if (!goesOn) return [next, ...pass(lane, next, false)];
    lane.waiting.unshift(next);
    return [];
  }
  function begin(project: Project, lane: Lane): Next {
    const { health } = lane;
    const item = lane.waiting.shift()!;
    lane.running += 1;
    project.running[health] += 1;
    // Behind the others of its project.
    project.ready[health].delete(lane);
    place(lane);
    const leave = (goesOn: boolean, then: () => void) => {
      lane.running -= 1;
      projectOf(lane.project).running[health] -= 1;
      then();
      const forgotten = pass(lane, item, goesOn);
      place(lane);
      return forgotten;
    };
    return {
      item,
      end: (ended) => leave(ended.holds !== true, () => judge(lane, ended)),
      skip: () =>
        leave(false, () => {
          lane.more = true;
        }),
    };
  }

  return {
    roomOf(subscriber) {
      const lane = lanes.get(subscriber);
      return lane === undefined ? 2 * WIDTH.first : roomOf(lane);
    },
    full: () => [...lanes.values()].filter((lane) => roomOf(lane) === 0).map(({ id }) => id),
    add(items, more, whole) {
      const forgotten: DueDelivery[] = [];
      const changed = new Set<Lane>(whole ? hungry : []);
      for (const item of items) {
        const lane = laneOf(item.delivery);
        const { behind, delivery } = item;
        changed.add(lane);
        if (behind === undefined) lane.waiting.push(item);
        else if (lane.ids.has(behind) && !lane.behind.has(behind)) lane.behind.set(behind, item);
        else {
          forgotten.push(item);
          continue;
        }
        lane.ids.add(delivery.id);
      }
      for (const lane of changed) {
        lane.more = more.has(lane.id);
        place(lane);
      }
      return forgotten;
    },
    next(roomOf) {
      for (const [id, project] of projects) {
        const room = roomOf(id);
        if (room.more <= 0) continue;
        for (const health of HEALTHS) {
          const [lane] = project.ready[health];
          if (lane === undefined || !mayHold(project, health, room)) continue;
          projects.delete(id);
          projects.set(id, project);
          return begin(project, lane);
        }
      }
      return null;
    },
    *waiting() {
      for (const [id, { ready }] of projects) if (HEALTHS.some((health) => ready[health].size > 0)) yield id;
    },
    get wants() {
      return hungry.size > 0;
    },
  };
}
