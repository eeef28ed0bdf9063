/**
 * Decides who may send how much now. The counts are in memory, per project and per domain, loaded once from
 * the stored usage. A reservation counts at once. It is written with its message (`record`) and kept when that
 * transaction is committed; otherwise it is given back (`release`). Invariant: the recipients accepted in any
 * rolling window never exceed the limit.
 */
import type { Clock } from '../runtime/clock.ts';
import { afterCommit } from '../runtime/effects.ts';
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import { crossing, type OverFacts, type Span, type TellExceeded } from './alerts.ts';
import type { LimitReader, LimitTx, ProjectLimits } from './usage.ts';
import { type WindowState, windowState } from './window-state.ts';
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
  /** Wall ms of the reservation: the moment in which it counts. */
  readonly at: number;
  /** Writes the usage in the transaction that accepts the mail. Once that is committed, it counts for good. */
  record(tx: LimitTx): void;
  /** Gives the places back, which may take a moment. Does nothing once they count for good. Never rejects. */
  release(): Promise<void> | void;
}
export interface OverLimit extends OverFacts {
  readonly kind: 'over';
  /**
   * Tells the project that mail was refused or held. When it resolves, the alert is durable; it is durable
   * before anything that is committed after this call. Never rejects.
   */
  tell(): Promise<void>;
}
/** null if the domain has no limit of its own */
export interface DomainLimits {
  readonly limitPerMinute: number | null;
  readonly limitPerDay: number | null;
}
export interface Usage {
  readonly perMinute: WindowState;
  readonly perDay: WindowState;
}
export interface Limiter {
  reserve(
    project: ProjectId,
    domain: DomainId,
    limits: DomainLimits,
    recipients: number,
  ): Promise<Reservation | OverLimit>;
  /** What the windows contain now; limit 0 means no limit. */
  usage(project: ProjectId, domain: DomainId | null, limits: DomainLimits | null): Promise<Usage>;
}
/** Where a rolling window is counted. */
interface Counted {
  /** What the store has as well. What is too old to count is dropped; the store still has it. */
  readonly committed: Counts;
  /** What nobody else knows, so it is never dropped. */
  readonly reserved: Counts;
  /** While `committed` is read again: what is committed meanwhile. */
  meanwhile: Counts | null;
}
interface Book extends Record<Span, Counted> {
  /** The windows for which the project was told that they approach their limit. */
  readonly told: Set<Span>;
  /** Wall minus monotonic ms when it was read. */
  readonly offset: number;
}
/**
 * A clock that steps further than this may have made a book drop what counts again when the clock returns: it is
 * read again.
 */
const STEP_MS = 250;
/** The most books in memory; those unused for the longest time are dropped and loaded again when needed. */
const MAX_BOOKS = 10_000;

export interface LimiterDeps {
  readonly reader: Pick<LimitReader, 'projectLimits' | 'usage' | 'approachedWindows'>;
  readonly clock: Clock;
  readonly defaults: ProjectLimits;
  readonly tellExceeded: TellExceeded;
  /** An alert will be due with the commit of a reservation. */
  readonly noticed: () => void;
}
export function createLimiter(deps: LimiterDeps): Limiter {
  const { reader, clock, defaults } = deps;
  const books = new Map<string, Promise<Book>>();

  const offsetNow = () => clock.now() - clock.monotonic();
  async function load(project: ProjectId, domain: DomainId | null): Promise<Book> {
    const offset = offsetNow();
    const now = clock.now() / 1000;
    const read = async (shape: WindowShape): Promise<Counted> => {
      const buckets = await reader.usage(project, domain, shape.width, windowStart(shape, now));
      const committed = new Map(buckets.map(({ start, count }) => [start, count]));
      return { committed, reserved: new Map(), meanwhile: null };
    };
    const told = new Set(await reader.approachedWindows(project, domain));
    return { minute: await read(MINUTE_WINDOW), day: await read(DAY_WINDOW), told, offset };
  }
  /** The book with what the store knows of the present windows. What is reserved stays. */
  async function reread(known: Book, project: ProjectId, domain: DomainId | null): Promise<Book> {
    const windows = [known.minute, known.day];
    for (const window of windows) window.meanwhile = new Map();
    try {
      const stored = await load(project, domain);
      for (const span of ['minute', 'day'] as const) {
        const { committed, meanwhile } = known[span];
        committed.clear();
        // What was committed during the reading may count twice, never not at all.
        for (const counts of [stored[span].committed, meanwhile!])
          for (const [bucket, count] of counts) committed.set(bucket, (committed.get(bucket) ?? 0) + count);
      }
      return { ...known, offset: stored.offset };
    } finally {
      for (const window of windows) window.meanwhile = null;
    }
  }
  async function book(project: ProjectId, domain: DomainId | null): Promise<Book> {
    for (;;) {
      const found = kept(project, domain);
      const known = await found;
      if (Math.abs(offsetNow() - known.offset) <= STEP_MS) return known;
      const key = `${project} ${domain ?? ''}`;
      if (books.get(key) !== found) continue;
      const fresh = reread(known, project, domain);
      books.set(key, fresh);
      fresh.catch(() => books.get(key) === fresh && books.set(key, found));
    }
  }
  function kept(project: ProjectId, domain: DomainId | null): Promise<Book> {
    const key = `${project} ${domain ?? ''}`;
    let found = books.get(key);
    // The order of last use matters only when there are many books.
    if (found !== undefined && books.size < MAX_BOOKS / 2) return found;
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
      // From here to the counting nothing is awaited, so two callers cannot both take the last place.
      const now = clock.now();
      const seconds = now / 1000;
      const checks = (
        [
          ['project', 'minute', projectBook, own.perMinute],
          ['project', 'day', projectBook, own.perDay],
          ['domain', 'minute', domainBook, limits.limitPerMinute ?? 0],
          ['domain', 'day', domainBook, limits.limitPerDay ?? 0],
        ] as const
      ).map(([scope, window, book, limit]) => {
        const shape = window === 'minute' ? MINUTE_WINDOW : DAY_WINDOW;
        const counted = book[window];
        const before = limit === 0 ? 0 : usedOf(shape, counted, seconds);
        return { scope, window, shape, counted, told: book.told, limit, before };
      });
      for (const { scope, window, shape, counted, limit, before } of checks) {
        if (limit === 0 || before + recipients <= limit) continue;
        const retryAfterSeconds = retryAfter(shape, allOf(counted), seconds, limit, recipients);
        const over = { scope, window, limit, used: before, retryAfterSeconds };
        return { kind: 'over', ...over, tell: () => deps.tellExceeded(project, domain, over) };
      }
      const marks: {
        readonly told: Set<Span>;
        readonly window: Span;
        readonly crossed: boolean;
        note(tx: LimitTx): void;
      }[] = [];
      for (const { scope, window, shape, counted, told, limit, before } of checks) {
        add(shape, counted.reserved, seconds, recipients);
        const domainId = scope === 'domain' ? domain : null;
        const is = crossing(told.has(window), limit, before, before + recipients);
        if (is.told) told.add(window);
        else told.delete(window);
        if (is.crossed) {
          const state = windowState(shape, allOf(counted), now, limit);
          const alert = {
            projectId: project,
            domainId,
            window,
            kind: 'approaching',
            at: now,
            used: state.used,
            limit,
            returnsAt: state.firstLeavesAt ?? now,
          } as const;
          marks.push({ told, window, crossed: true, note: (tx) => tx.noteLimitAlert(alert) });
        } else if (is.rearmed)
          marks.push({
            told,
            window,
            crossed: false,
            note: (tx) => tx.rearmLimitAlert(project, domainId, window),
          });
      }
      let open = true;
      return {
        kind: 'ok',
        at: now,
        record(tx) {
          tx.addUsage(project, null, Math.floor(seconds), recipients);
          tx.addUsage(project, domain, Math.floor(seconds), recipients);
          for (const mark of marks) mark.note(tx);
          afterCommit(() => {
            if (!open) return;
            open = false;
            for (const { shape, counted } of checks) {
              add(shape, counted.reserved, seconds, -recipients);
              addCommitted(shape, counted, seconds, recipients);
            }
            if (marks.some(({ crossed }) => crossed)) deps.noticed();
          });
        },
        release() {
          if (!open) return;
          open = false;
          for (const { shape, counted } of checks) add(shape, counted.reserved, seconds, -recipients);
          // Mail that was not sent is not told: the next reservation that crosses the mark tells it.
          for (const { told, window, crossed } of marks) if (crossed) told.delete(window);
        },
      };
    },
    async usage(project, domain, limits) {
      const own = (await reader.projectLimits(project)) ?? defaults;
      const { minute, day } = await book(project, domain);
      return usageOf(
        { minute: allOf(minute), day: allOf(day) },
        clock.now(),
        own,
        domain === null ? null : limits,
      );
    },
  };
}

function usedOf(shape: WindowShape, { committed, reserved }: Counted, seconds: number): number {
  return used(shape, committed, seconds, true) + used(shape, reserved, seconds);
}
function allOf({ committed, reserved }: Counted): Counts {
  const all = new Map(committed);
  for (const [bucket, count] of reserved) all.set(bucket, (all.get(bucket) ?? 0) + count);
  return all;
}
function addCommitted(shape: WindowShape, counted: Counted, seconds: number, n: number): void {
  for (const counts of [counted.committed, counted.meanwhile]) {
    if (counts === null) continue;
    add(shape, counts, seconds, n);
    if (counts.size > 2 * shape.buckets) used(shape, counts, seconds, true);
  }
}

/** `limits` null: the limits of the project as a whole. */
export function usageOf(
  counts: { readonly minute: Counts; readonly day: Counts },
  now: number,
  own: ProjectLimits,
  limits: DomainLimits | null,
): Usage {
  const perMinute = limits === null ? own.perMinute : (limits.limitPerMinute ?? 0);
  const perDay = limits === null ? own.perDay : (limits.limitPerDay ?? 0);
  return {
    perMinute: windowState(MINUTE_WINDOW, counts.minute, now, perMinute),
    perDay: windowState(DAY_WINDOW, counts.day, now, perDay),
  };
}
