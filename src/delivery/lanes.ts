/**
 * Jobs in memory per lane (destination site x project), handed out round-robin over projects and their lanes, under caps
 * per site and in all, which projects share: one holds no more places than are free, so that whoever sends to a thousand
 * silent sites stops nobody else. No I/O. A site's concurrency grows with each success and halves when the site says that
 * it is too much; while most of a project's places are taken, a site that has not yet shown that it answers gets one. In a
 * lane, priority goes first, and new mail alternates with mail that was deferred. Invariant: a lane is in exactly one
 * place: ready, parked at its site (a cap is reached), or nowhere (empty); a site without work is forgotten, but for what
 * was learnt of it.
 */
import { createFifo, type Fifo } from '../runtime/fifo.ts';
import { createShares, createTurns } from '../runtime/shares.ts';

export type JobClass = 'priority' | 'new' | 'deferred';
/** What an attempt showed of the site: it took mail, it is overloaded or did not answer, or neither. */
export type Feedback = 'good' | 'overloaded' | 'neutral';
export interface Lanes<T> {
  push(site: string, project: string, job: T, kind: JobClass): void;
  /** The next job that may run now, or null. Whoever takes it must give `done` back. */
  take(): { readonly job: T; readonly done: (feedback: Feedback) => void } | null;
  /** Jobs waiting. */
  readonly waiting: number;
  /** Jobs taken and not done. */
  readonly active: number;
  /** What is known of the sites with work or with a lowered concurrency. */
  sites(): Iterable<SiteState>;
}
export interface SiteState {
  readonly name: string;
  readonly active: number;
  /** Transactions it may have at once. */
  readonly concurrency: number;
}
export interface LaneCaps {
  /** At most, for this site. */
  readonly perSite: (site: string) => number;
  /** For all projects; one alone has half. */
  readonly total: number;
}
interface Lane<T> {
  readonly site: Site<T>;
  readonly project: string;
  readonly jobs: Readonly<Record<JobClass, Fifo<T>>>;
  /** Whose turn it is among new and deferred. */
  turn: 'new' | 'deferred';
  /** Priority jobs taken in a row. */
  hurried: number;
  placed: boolean;
}
interface Site<T> {
  readonly name: string;
  readonly cap: number;
  readonly lanes: Map<string, Lane<T>>;
  readonly parked: Fifo<Lane<T>>;
  active: number;
  concurrency: number;
  proven: boolean;
  /** Jobs that began before the last shrinking say nothing new. */
  era: number;
}
const INITIAL = 5;
/** Priority never shuts out the rest for good. */
const HURRY = 8;
const REMEMBERED = 10_000;

export function createLanes<T>(caps: LaneCaps): Lanes<T> {
  const sites = new Map<string, Site<T>>();
  const learnt = new Map<string, { concurrency: number; proven: boolean }>();
  const shares = createShares(caps.total);
  const ready = createTurns<Lane<T>>(shares);
  let waiting = 0;

  const count = ({ jobs }: Lane<T>) => jobs.priority.length + jobs.new.length + jobs.deferred.length;
  function place(lane: Lane<T>): void {
    if (lane.placed || count(lane) === 0) return;
    lane.placed = true;
    ready.push(lane.project, lane);
  }
  function next(lane: Lane<T>): T {
    const { jobs } = lane;
    const others = jobs.new.length + jobs.deferred.length > 0;
    if (jobs.priority.length > 0 && (!others || lane.hurried < HURRY)) {
      lane.hurried += 1;
      return jobs.priority.shift()!;
    }
    lane.hurried = 0;
    const mine = lane.turn;
    lane.turn = mine === 'new' ? 'deferred' : 'new';
    return jobs[mine].shift() ?? jobs[lane.turn].shift() ?? jobs.priority.shift()!;
  }
  function allowed({ proven, concurrency }: Site<T>, project: string): number {
    const plenty = shares.of(project) * 2 < shares.most(project);
    return proven || plenty ? Math.max(1, Math.floor(concurrency)) : 1;
  }
  function forget(site: Site<T>): void {
    if (site.lanes.size > 0 || site.active > 0) return;
    sites.delete(site.name);
    learnt.delete(site.name);
    learnt.set(site.name, { concurrency: site.concurrency, proven: site.proven });
    if (learnt.size > REMEMBERED) learnt.delete(learnt.keys().next().value!);
  }
  function leave(lane: Lane<T>, era: number, feedback: Feedback): void {
    const { site } = lane;
    shares.leave(lane.project);
    site.active -= 1;
    if (feedback === 'good') {
      site.proven = true;
      site.concurrency = Math.min(site.cap, site.concurrency + 1);
    } else if (feedback === 'overloaded' && era === site.era) {
      site.era += 1;
      site.concurrency = Math.max(1, site.concurrency / 2);
    }
    // All of the site's parked lanes look again: each had its own reason to wait.
    for (let n = site.parked.length; n > 0; n--) {
      const parked = site.parked.shift()!;
      ready.push(parked.project, parked);
    }
    if (count(lane) === 0 && site.lanes.get(lane.project) === lane) site.lanes.delete(lane.project);
    forget(site);
  }
  return {
    push(name, project, job, kind) {
      let site = sites.get(name);
      if (site === undefined) {
        const cap = caps.perSite(name);
        const { concurrency = Math.min(INITIAL, cap), proven = false } = learnt.get(name) ?? {};
        site = { name, cap, lanes: new Map(), parked: createFifo(), active: 0, concurrency, proven, era: 0 };
        sites.set(name, site);
      }
      let lane = site.lanes.get(project);
      if (lane === undefined) {
        const jobs = { priority: createFifo<T>(), new: createFifo<T>(), deferred: createFifo<T>() };
        lane = { site, project, jobs, turn: 'new', hurried: 0, placed: false };
        site.lanes.set(project, lane);
      }
      lane.jobs[kind].push(job);
      waiting += 1;
      place(lane);
    },
    take() {
      for (;;) {
        const lane = ready.next();
        if (lane === undefined) return null;
        const { site, project } = lane;
        if (site.active >= allowed(site, project)) {
          site.parked.push(lane);
          continue;
        }
        lane.placed = false;
        const job = next(lane);
        const { era } = site;
        waiting -= 1;
        shares.enter(project);
        site.active += 1;
        place(lane);
        let over = false;
        return {
          job,
          done(feedback) {
            if (over) return;
            over = true;
            leave(lane, era, feedback);
          },
        };
      }
    },
    get waiting() {
      return waiting;
    },
    get active() {
      return shares.taken;
    },
    sites: () => sites.values(),
  };
}
