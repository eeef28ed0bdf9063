/**
 * Who may send how much now. Counts stand in memory per project and per domain, loaded once from the stored usage;
 * a reservation counts at once and is either written with the message it was for (`commit`) or given back (`release`).
 * Invariant: recipients accepted in any rolling window never exceed the limit.
 */
import type { Clock } from '../runtime/clock.ts';
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import type { LimitReader, LimitTx, ProjectLimits } from './types.ts';
import {
  add,
  type Counts,
  DAY_WINDOW,
  MINUTE_WINDOW,
  retryAfter,
  used,
  type WindowShape,
  windowStart,
} from './windows.ts';

export interface Reservation {
  readonly kind: 'ok';
  /** Writes the usage in the transaction that accepts the mail; `release` after it does nothing. */
  commit(tx: LimitTx): void;
  release(): void;
}
export interface OverLimit {
  readonly kind: 'over';
  readonly scope: 'project' | 'domain';
  readonly window: 'minute' | 'day';
  readonly limit: number;
  readonly retryAfterSeconds: number;
}
/** null = no limit of the domain's own */
export interface DomainLimits {
  readonly limitPerMinute: number | null;
  readonly limitPerDay: number | null;
}
export interface Usage {
  readonly perMinute: { readonly used: number; readonly limit: number };
  readonly perDay: { readonly used: number; readonly limit: number };
}
export interface Limiter {
  reserve(
    project: ProjectId,
    domain: DomainId,
    limits: DomainLimits,
    recipients: number,
  ): Promise<Reservation | OverLimit>;
  /** What the windows hold now; limit 0 = none. */
  usage(project: ProjectId, domain: DomainId | null, limits: DomainLimits | null): Promise<Usage>;
}
interface Book {
  readonly minute: Counts;
  readonly day: Counts;
}
/** Books kept at the most; the ones longest unused are loaded again when needed. */
const MAX_BOOKS = 10_000;

export function createLimiter(deps: {
  reader: Pick<LimitReader, 'projectLimits' | 'usage'>;
  clock: Clock;
  defaults: ProjectLimits;
}): Limiter {
  const { reader, clock, defaults } = deps;
  const books = new Map<string, Promise<Book>>();

  async function load(project: ProjectId, domain: DomainId | null): Promise<Book> {
    const now = clock.now() / 1000;
    const read = async (shape: WindowShape): Promise<Counts> => {
      const buckets = await reader.usage(project, domain, shape.width, windowStart(shape, now));
      return new Map(buckets.map(({ start, count }) => [start, count]));
    };
    return { minute: await read(MINUTE_WINDOW), day: await read(DAY_WINDOW) };
  }
  function book(project: ProjectId, domain: DomainId | null): Promise<Book> {
    const key = `${project} ${domain ?? ''}`;
    let found = books.get(key);
    if (found === undefined) {
      found = load(project, domain);
      found.catch(() => books.delete(key));
      if (books.size >= MAX_BOOKS) books.delete(books.keys().next().value!);
    } else books.delete(key);
    books.set(key, found);
    return found;
  }

  return {
    async reserve(project, domain, limits, recipients) {
      const own = (await reader.projectLimits(project)) ?? defaults;
      const projectBook = await book(project, null);
      const domainBook = await book(project, domain);
      // From here to the counting nothing is awaited: two callers cannot both take the last place.
      const seconds = clock.now() / 1000;
      const checks = [
        {
          scope: 'project',
          window: 'minute',
          shape: MINUTE_WINDOW,
          counts: projectBook.minute,
          limit: own.perMinute,
        },
        { scope: 'project', window: 'day', shape: DAY_WINDOW, counts: projectBook.day, limit: own.perDay },
        {
          scope: 'domain',
          window: 'minute',
          shape: MINUTE_WINDOW,
          counts: domainBook.minute,
          limit: limits.limitPerMinute ?? 0,
        },
        {
          scope: 'domain',
          window: 'day',
          shape: DAY_WINDOW,
          counts: domainBook.day,
          limit: limits.limitPerDay ?? 0,
        },
      ] as const;
      for (const { scope, window, shape, counts, limit } of checks) {
        if (limit === 0 || used(shape, counts, seconds) + recipients <= limit) continue;
        return {
          kind: 'over',
          scope,
          window,
          limit,
          retryAfterSeconds: retryAfter(shape, counts, seconds, limit, recipients),
        };
      }
      for (const { shape, counts } of checks) add(shape, counts, seconds, recipients);
      let open = true;
      return {
        kind: 'ok',
        commit(tx) {
          open = false;
          tx.addUsage(project, null, Math.floor(seconds), recipients);
          tx.addUsage(project, domain, Math.floor(seconds), recipients);
        },
        release() {
          if (!open) return;
          open = false;
          for (const { shape, counts } of checks) add(shape, counts, seconds, -recipients);
        },
      };
    },
    async usage(project, domain, limits) {
      const own = (await reader.projectLimits(project)) ?? defaults;
      const { minute, day } = await book(project, domain);
      const seconds = clock.now() / 1000;
      return {
        perMinute: {
          used: used(MINUTE_WINDOW, minute, seconds),
          limit: domain === null ? own.perMinute : (limits?.limitPerMinute ?? 0),
        },
        perDay: {
          used: used(DAY_WINDOW, day, seconds),
          limit: domain === null ? own.perDay : (limits?.limitPerDay ?? 0),
        },
      };
    },
  };
}
