/**
 * Retention on SQLite. A round goes through phases, each until nothing is left in it; then the file is made
 * smaller. A step is its own commit between two batches of mail, as large as the writer does in a few ms
 * (pace.ts). Invariants: a failed step did nothing; a different `now` begins another round; while the log is
 * being copied nothing is removed, so the copy finishes, little is left for the writer, and if a reader
 * blocks the copy, only mail makes the log grow.
 */
import type { Push } from '../command.ts';
import { NOTHING_REMOVED, type Overdue, type Retention, type Swept } from '../retention.ts';
import { ENDING } from '../short-lived.ts';
import { leftOver } from './leftovers.ts';
import { createPace } from './pace.ts';
import type { Statements } from './statements.ts';
import { overEvents, overMessages, type Step } from './sweep-mail.ts';
import { overAudit, overDomains, overOfProjects, overOperations, overProject } from './sweep-records.ts';
import { overByAge, overByEnd } from './sweep-short-lived.ts';

export interface SweepDeps {
  readonly statements: Statements;
  /** Commits it separately; returns the ms it took. */
  readonly write: (record: (push: Push) => void) => Promise<number>;
  /** Gives back up to this many free pages at the end of the file; returns the ms it took. */
  readonly shrink: (pages: number) => Promise<number>;
  /** Whether the write-ahead log is being copied, or cannot be copied. */
  readonly isLogFull: () => boolean;
}
/** Free pages that stay for later use: at least this many, and this share of the file. */
const FEWEST_FREE = 256;
const FREE_SHARE = 0.05;
/** The pause is as if a step had taken this long. */
const LOG_WAIT_MS = 4;
/** Expired messages are counted up to this number. */
const MOST_COUNTED = 10_000;

/** What its next step does; null if nothing is left in the phase. */
type Phase = (now: number, most: number) => Step | null;

export function sqliteRetention({ statements, write, shrink, isLogFull }: SweepDeps): Retention {
  const pace = createPace();
  const shrinking = createPace();
  const round = { now: Number.NaN, phase: 0, walkedTo: '' };

  /** A phase that walks its rows in the order of their keys. */
  const walking =
    (
      find: (now: number, most: number, from: string) => { readonly step: Step; readonly to: string | null },
    ): Phase =>
    (now, most) => {
      const { step, to } = find(now, most, round.walkedTo);
      if (to === null) return null;
      return {
        ...step,
        done() {
          round.walkedTo = to;
        },
      };
    };
  const unlessEmpty =
    (find: (statements: Statements, now: number, most: number) => Step): Phase =>
    (now, most) => {
      const step = find(statements, now, most);
      return step.units === 0 ? null : step;
    };
  const phases: readonly Phase[] = [
    // events first: an event that is rendered from a message is removed before it
    unlessEmpty(overEvents),
    unlessEmpty(overMessages),
    (_, most) => leftOver(statements, most),
    unlessEmpty(overOperations),
    unlessEmpty(overDomains),
    unlessEmpty(overAudit),
    unlessEmpty(overByAge),
    ...ENDING.map((ending) => walking((now, most, from) => overByEnd(statements, ending, now, most, from))),
    (now, most) => overProject(statements, now, most),
    walking((now, most, from) => overOfProjects(statements, now, most, from)),
  ];
  const value = (name: string) => Number(Object.values(statements.get(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
  async function giveBack(): Promise<Swept | null> {
    const free = value('freelist_count');
    const spare = free - Math.max(FEWEST_FREE, Math.ceil(value('page_count') * FREE_SHARE));
    if (spare <= 0) return null;
    const pages = Math.min(spare, shrinking.units);
    const ms = await shrink(pages);
    shrinking.took(pages, ms);
    return value('freelist_count') < free ? { removed: NOTHING_REMOVED, waiting: [], more: true, ms } : null;
  }
  function beginAt(now: number): void {
    Object.assign(round, { now, phase: 0, walkedTo: '' });
  }
  return {
    async sweep(now) {
      if (isLogFull()) return { removed: NOTHING_REMOVED, waiting: [], more: true, ms: LOG_WAIT_MS };
      if (round.now !== now) beginAt(now);
      for (; round.phase < phases.length; Object.assign(round, { phase: round.phase + 1, walkedTo: '' })) {
        const step = statements.together(() => phases[round.phase]!(now, pace.units));
        if (step === null) continue;
        const ms = await write(step.record);
        pace.took(step.units, ms);
        step.done?.();
        const removed = { ...NOTHING_REMOVED, ...step.removed };
        return { removed, waiting: step.waiting ?? [], more: true, ms };
      }
      const shrunk = await giveBack();
      if (shrunk !== null) return shrunk;
      beginAt(Number.NaN);
      return { removed: NOTHING_REMOVED, waiting: [], more: false };
    },
    hasLeftovers: async () => statements.all('SELECT 1 FROM leftover LIMIT 1').length > 0,
    async overdue(now): Promise<Overdue> {
      const [oldest] = statements.all<{ at: number | null }>(
        `SELECT min(at) AS at FROM (SELECT min(keep_until) AS at FROM message INDEXED BY message_keep
          UNION ALL SELECT min(keep_until) FROM event INDEXED BY event_keep)`,
      );
      const [counted] = statements.all<{ n: number }>(
        `SELECT count(*) AS n FROM (SELECT 1 FROM message INDEXED BY message_keep WHERE keep_until <= ? LIMIT ${MOST_COUNTED})`,
        now,
      );
      const since = oldest?.at ?? null;
      return { since: since !== null && since <= now ? since : null, messages: counted!.n };
    },
  };
}
