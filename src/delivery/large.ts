/**
 * Large messages are in memory whole while they are sent, so few are at once: so many in all, shared by project, and so
 * many of one site. A job that finds no place waits here, outside of the lanes, where it holds neither a connection nor
 * its turn at a site. Invariant: when a place is given back, all that wait of projects with room are tried again.
 */
import { createShares } from '../runtime/shares.ts';

export interface LargePlaces<T> {
  /** A place, to be given back by the call; null: the job is kept, and handed to `again` in time. */
  enter(project: string, site: string, job: T): (() => void) | null;
}
const AT_ONCE = 4;
const PER_SITE = 2;

export function createLargePlaces<T>(again: (jobs: readonly T[]) => void): LargePlaces<T> {
  const shares = createShares(AT_ONCE);
  const bySite = new Map<string, number>();
  const waiting = new Map<string, T[]>();

  function leave(project: string, site: string): void {
    shares.leave(project);
    const left = bySite.get(site)! - 1;
    if (left === 0) bySite.delete(site);
    else bySite.set(site, left);
    const ready = [...waiting].filter(([one]) => shares.hasRoom(one));
    for (const [one] of ready) waiting.delete(one);
    if (ready.length > 0) again(ready.flatMap(([, jobs]) => jobs));
  }
  return {
    enter(project, site, job) {
      if (!shares.hasRoom(project) || (bySite.get(site) ?? 0) >= PER_SITE) {
        const jobs = waiting.get(project);
        if (jobs === undefined) waiting.set(project, [job]);
        else jobs.push(job);
        return null;
      }
      shares.enter(project);
      bySite.set(site, (bySite.get(site) ?? 0) + 1);
      return () => leave(project, site);
    },
  };
}
