/**
 * The places ("berths") of running deliveries: each has one. Invariants: a project may take no more berths than
 * remain free, so deliveries that hang leave some for others. If no berth is free and a project without any needs
 * one, the longest-running delivery of the project with the most berths gives its berth up, after at least
 * `patienceMs`. So a newcomer waits no longer than that, however many deliveries hang, unless every berth is
 * another project's only one. The cost is linear in the number of berths.
 */
import type { Clock } from '../runtime/clock.ts';
import type { DeliveryId, ProjectId } from '../runtime/ids.ts';
import type { SubscriberDelivery } from './topics.ts';

type Guest = Pick<SubscriberDelivery, 'id' | 'projectId'>;
interface Berth {
  readonly project: ProjectId;
  readonly since: number;
  readonly giveUp: () => void;
}
export interface Berths {
  readonly free: number;
  /**
   * How many more berths the project could take now if no other project came. If none is free: 1 for a project
   * without any.
   */
  room(project: ProjectId): number;
  /** Berths that the project has. */
  of(project: ProjectId): number;
  /** `giveUp` is called at most once. Disposing the result frees the berth. */
  enter(guest: Guest, giveUp: () => void): Disposable;
  /**
   * Frees a berth for a project without any, now (0) or after the returned ms. null: one is already being freed, or
   * no project has two.
   */
  makeRoom(): number | null;
}

/** A counter for each key; keys with 0 are removed. */
function createCounts<K>() {
  const counts = new Map<K, number>();
  const of = (key: K) => counts.get(key) ?? 0;
  return {
    of,
    add(key: K, by: 1 | -1): void {
      const count = of(key) + by;
      if (count === 0) counts.delete(key);
      else counts.set(key, count);
    },
  };
}

export function createBerths(options: {
  readonly berths: number;
  readonly patienceMs: number;
  readonly clock: Clock;
}): Berths {
  const { berths: count, patienceMs, clock } = options;
  /** In the order in which the deliveries began. */
  const berths = new Map<DeliveryId, Berth>();
  const leaving = new Set<Berth>();
  const perProject = createCounts<ProjectId>();
  const free = () => count - berths.size;

  return {
    get free() {
      return free();
    },
    room(project) {
      const held = perProject.of(project);
      if (free() === 0) return held === 0 ? 1 : 0;
      return Math.max(0, Math.ceil((free() - held) / 2));
    },
    of: perProject.of,
    enter({ id, projectId }, giveUp) {
      const berth = { project: projectId, since: clock.monotonic(), giveUp };
      berths.set(id, berth);
      perProject.add(projectId, 1);
      return {
        [Symbol.dispose]() {
          berths.delete(id);
          leaving.delete(berth);
          perProject.add(projectId, -1);
        },
      };
    },
    makeRoom() {
      if (leaving.size > 0) return null;
      let chosen: Berth | null = null;
      let most = 1;
      for (const berth of berths.values()) {
        const held = perProject.of(berth.project);
        if (held > most) [chosen, most] = [berth, held];
      }
      if (chosen === null) return null;
      const wait = chosen.since + patienceMs - clock.monotonic();
      if (wait > 0) return wait;
      leaving.add(chosen);
      chosen.giveUp();
      return null;
    },
  };
}
