/**
 * Places for the octets of large messages, which are in memory whole from the server's 354 until the last of them is
 * written: so many in all, shared by project. A silent server has none, for it never says 354. A job whose project has
 * no place left waits here before it begins, outside of the lanes, where it holds neither a connection nor its turn at
 * a site. Invariants: while any job waits, one that was begun is still to end, and then some are begun again, in turns
 * over the projects; who has a place for longer than its message needs at the least pace loses it as soon as anybody
 * waits.
 */
import type { Clock, Timer } from '../runtime/clock.ts';
import { createShares, createTurns } from '../runtime/shares.ts';

export interface LargePlaces<T> {
  /** Whether the job may begin; else it is kept here and handed to `again` in time. One that began is told to `ended`. */
  begin(project: string, job: T): boolean;
  /** A job that had begun is over, or could not get a place: then it is kept and handed to `again`. */
  ended(postponed?: { readonly project: string; readonly job: T }): void;
  /** Rejects with NoLargePlace where none came free in time; a server may be kept waiting for so long. */
  take(project: string, octets: number): Promise<LargePlace>;
}
export interface LargePlace {
  /** Aborts when the place is lost. */
  readonly signal: AbortSignal;
  /** Any number of times. */
  leave(): void;
}
export class NoLargePlace extends Error {
  override name = 'NoLargePlace';
}

export const LARGE_PLACES = 6;
/** What is sent more slowly than so many octets a second, begun with so many ms, gives its place up to others. */
const LEAST_PACE = 64 * 1024;
const FREE_MS = 30_000;
/** A server that has said 354 is kept waiting for so many ms. */
const WAIT_MS = 10_000;
const LOOK_MS = 1_000;

export function createLargePlaces<T>(clock: Clock, again: (jobs: readonly T[]) => void): LargePlaces<T> {
  interface Holder {
    readonly overdueAt: number;
    readonly lose: () => void;
  }
  interface Waiter {
    readonly octets: number;
    readonly resolve: (place: LargePlace) => void;
    readonly timer: Timer;
    over: boolean;
  }
  const shares = createShares(LARGE_PLACES);
  const holders = new Set<Holder>();
  const parked = createTurns<T>(shares);
  const waiters = createTurns<{ readonly project: string; readonly waiter: Waiter }>(shares);
  const count = { parked: 0, waiting: 0 };
  const watch: { timer: Timer | null } = { timer: null };

  function hold(project: string, octets: number): LargePlace {
    const lost = new AbortController();
    const overdueAt = clock.monotonic() + FREE_MS + (octets / LEAST_PACE) * 1000;
    const leave = () => {
      if (!holders.delete(holder)) return;
      shares.leave(project);
      serve();
    };
    const holder: Holder = { overdueAt, lose: () => lost.abort() };
    shares.enter(project);
    holders.add(holder);
    return { signal: lost.signal, leave };
  }
  function serve(): void {
    for (let next = waiters.next(); next !== undefined; next = waiters.next()) {
      const { project, waiter } = next;
      if (waiter.over) continue;
      waiter.over = true;
      waiter.timer.cancel();
      count.waiting -= 1;
      waiter.resolve(hold(project, waiter.octets));
    }
  }
  /** Hands out as many as there are places: what is refused again comes back, and each that begins tells when it ends. */
  function wake(): void {
    const jobs: T[] = [];
    while (jobs.length < LARGE_PLACES - shares.taken) {
      const job = parked.next();
      if (job === undefined) break;
      jobs.push(job);
    }
    count.parked -= jobs.length;
    if (jobs.length > 0) again(jobs);
  }
  function look(): void {
    watch.timer ??= clock.after(LOOK_MS, () => {
      watch.timer = null;
      if (count.parked + count.waiting === 0) return;
      const now = clock.monotonic();
      for (const holder of [...holders]) if (holder.overdueAt <= now) holder.lose();
      look();
    });
  }
  function park(project: string, job: T): void {
    parked.push(project, job);
    count.parked += 1;
    look();
  }
  return {
    begin(project, job) {
      if (shares.hasRoom(project)) return true;
      park(project, job);
      return false;
    },
    ended(postponed) {
      if (postponed !== undefined) park(postponed.project, postponed.job);
      wake();
    },
    take(project, octets) {
      if (shares.hasRoom(project)) return Promise.resolve(hold(project, octets));
      return new Promise((resolve, reject) => {
        const timer = clock.after(WAIT_MS, () => {
          waiter.over = true;
          count.waiting -= 1;
          reject(new NoLargePlace('no room for a large message came free in time'));
        });
        const waiter: Waiter = { octets, resolve, timer, over: false };
        count.waiting += 1;
        waiters.push(project, { project, waiter });
        look();
      });
    },
  };
}
