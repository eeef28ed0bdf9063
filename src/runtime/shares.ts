/**
 * A fixed number of places for all projects, in which a project may keep its places for minutes. A project
 * holds no more places than are free: alone at most half, and half of what other projects leave. So a
 * newcomer finds a place at once and need not wait until another is done. (If places are given back soon, use
 * `places`, which lets one project have all.) Invariant: a project that may take no place now may take one as
 * soon as others, or the project itself, have given enough back.
 */
import { createFifo, type Fifo } from './fifo.ts';

export interface Shares {
  /** The most places the project may hold, including those it holds, while the others hold what they do. */
  most(project: string): number;
  /** The places that it holds. */
  of(project: string): number;
  /** Whether this many more are within its share. */
  hasRoom(project: string, places?: number): boolean;
  /** Takes places, even beyond the share: a caller that asks `hasRoom` first stays within it. */
  enter(project: string, places?: number): void;
  leave(project: string, places?: number): void;
  readonly taken: number;
}
/** Items that wait for a place; the projects take turns. */
export interface Turns<T> {
  push(project: string, item: T): void;
  /**
   * The next item of a project that has room; each project without room costs one step. If `fits` refuses the
   * item, the item stays and the result is undefined.
   */
  next(fits?: (item: T) => boolean): T | undefined;
  /** How many items of the project wait. */
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
