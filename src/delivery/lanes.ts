/**
 * Work waiting per lane (destination site x project), handed out round-robin over lanes, under caps per site, per
 * lane and in all. In memory, no I/O. Invariant: a lane is in exactly one place: ready, parked at its site (a cap is
 * reached), or nowhere (empty); a site without work is forgotten.
 */
export interface Lanes<T> {
  push(site: string, project: string, job: T): void;
  /** The next job that may run now, or null. Whoever takes it must give `done` back. */
  take(): { readonly job: T; readonly done: () => void } | null;
  /** Jobs waiting. */
  readonly waiting: number;
  /** Jobs taken and not done. */
  readonly active: number;
}
export interface LaneCaps {
  readonly perSite: number;
  readonly perLane: number;
  readonly total: number;
}
interface Lane<T> {
  readonly site: Site<T>;
  readonly project: string;
  readonly jobs: Fifo<T>;
  active: number;
  /** In the ready queue or parked. */
  placed: boolean;
}
interface Site<T> {
  readonly name: string;
  readonly lanes: Map<string, Lane<T>>;
  readonly parked: Fifo<Lane<T>>;
  active: number;
}
export interface Fifo<T> {
  push(item: T): void;
  shift(): T | undefined;
  readonly length: number;
}

/** A queue whose shift costs the same at any length. */
export function fifo<T>(): Fifo<T> {
  let items: (T | undefined)[] = [];
  let head = 0;
  return {
    push: (item) => void items.push(item),
    shift() {
      if (head === items.length) return undefined;
      const item = items[head];
      items[head++] = undefined;
      if (head > 512 && head * 2 > items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
    get length() {
      return items.length - head;
    },
  };
}

export function createLanes<T>(caps: LaneCaps): Lanes<T> {
  const sites = new Map<string, Site<T>>();
  const ready = fifo<Lane<T>>();
  let waiting = 0;
  let active = 0;

  function place(lane: Lane<T>): void {
    if (lane.placed || lane.jobs.length === 0) return;
    lane.placed = true;
    ready.push(lane);
  }
  function leave(lane: Lane<T>): void {
    const { site } = lane;
    active -= 1;
    lane.active -= 1;
    site.active -= 1;
    // All of the site's parked lanes look again: each had its own reason to wait.
    for (let n = site.parked.length; n > 0; n--) ready.push(site.parked.shift()!);
    if (lane.jobs.length === 0 && lane.active === 0) site.lanes.delete(lane.project);
    if (site.lanes.size === 0 && site.active === 0) sites.delete(site.name);
  }
  return {
    push(name, project, job) {
      let site = sites.get(name);
      if (site === undefined) {
        site = { name, lanes: new Map(), parked: fifo(), active: 0 };
        sites.set(name, site);
      }
      let lane = site.lanes.get(project);
      if (lane === undefined) {
        lane = { site, project, jobs: fifo(), active: 0, placed: false };
        site.lanes.set(project, lane);
      }
      lane.jobs.push(job);
      waiting += 1;
      place(lane);
    },
    take() {
      if (active >= caps.total) return null;
      for (;;) {
        const lane = ready.shift();
        if (lane === undefined) return null;
        const { site } = lane;
        if (site.active >= caps.perSite || lane.active >= caps.perLane) {
          site.parked.push(lane);
          continue;
        }
        lane.placed = false;
        const job = lane.jobs.shift()!;
        waiting -= 1;
        active += 1;
        lane.active += 1;
        site.active += 1;
        place(lane);
        let over = false;
        return {
          job,
          done() {
            if (over) return;
            over = true;
            leave(lane);
          },
        };
      }
    },
    get waiting() {
      return waiting;
    },
    get active() {
      return active;
    },
  };
}
