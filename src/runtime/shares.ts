/**
 * A fixed number of places for all projects, where who has a place may keep it for minutes. A project holds no more than
 * are free: alone at most half, and of what others leave half again, so that a newcomer finds one at once rather than
 * when somebody is done. (Where places come free soon, `places` lets one project have all.)
 * Invariant: a project that may take nothing now may as soon as others, or itself, have given enough back.
 */
import { createFifo, type Fifo } from './fifo.ts';

export interface Shares {
  /** Places the project may hold, those it holds included, while the others hold what they do. */
  most(project: string): number;
  /** Places it holds. */
  of(project: string): number;
  /** So many more are within its share. */
  hasRoom(project: string, places?: number): boolean;
  /** Takes places, within the share or not: who asks `hasRoom` first stays within it. */
  enter(project: string, places?: number): void;
  leave(project: string, places?: number): void;
  readonly taken: number;
}
/** What waits for a place, taken in turns over the projects. */
export interface Turns<T> {
  push(project: string, item: T): void;
  /**
   * The next item of a project that has room; it costs a step for each project without. undefined, and the item stays,
   * where `fits` says no to it.
   */
  next(fits?: (item: T) => boolean): T | undefined;
  /** How many of the project wait. */
  of(project: string): number;
  readonly length: number;
}

export function createShares(total: number): Shares {
  const held = new Map<string, number>();
  let taken = 0;
  const of = (project: string) => held.get(project) ?? 0;
  const most = (project: string) => Math.max(0, Math.ceil((total - taken + of(project)) / 2));
  return {
    most,
    of,
    hasRoom: (project, places = 1) => of(project) + places <= most(project),
    enter(project, places = 1) {
      held.set(project, of(project) + places);
      taken += places;
    },
    leave(project, places = 1) {
      const left = of(project) - places;
      if (left === 0) held.delete(project);
      else held.set(project, left);
      taken -= places;
    },
    get taken() {
      return taken;
    },
  };
}

export function createTurns<T>(shares: Pick<Shares, 'hasRoom'>): Turns<T> {
  interface Queue {
    readonly project: string;
    readonly items: Fifo<T>;
  }
  const queues = new Map<string, Queue>();
  const order = createFifo<Queue>();
  let length = 0;
  return {
    get length() {
      return length;
    },
    of: (project) => queues.get(project)?.items.length ?? 0,
    push(project, item) {
      length++;
      let queue = queues.get(project);
      if (queue === undefined) {
        queue = { project, items: createFifo() };
        queues.set(project, queue);
        order.push(queue);
      }
      queue.items.push(item);
    },
    next(fits = () => true) {
      for (let left = order.length; left > 0; left--) {
        const queue = order.peek()!;
        const hasRoom = shares.hasRoom(queue.project);
        if (hasRoom && !fits(queue.items.peek()!)) return undefined;
        order.shift();
        if (!hasRoom) {
          order.push(queue);
          continue;
        }
        const item = queue.items.shift()!;
        length--;
        if (queue.items.length > 0) order.push(queue);
        else queues.delete(queue.project);
        return item;
      }
      return undefined;
    },
  };
}
