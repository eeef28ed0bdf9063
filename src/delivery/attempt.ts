/**
 * One job tried: bytes, signature, pooled transaction, outcomes. Also remembers servers that cannot be reached: after
 * three failures in a row their mail is put off without spending a time-out of its own, and one connection at a time
 * looks whether they are back. Never rejects: what fails on this side becomes a deferral.
 */
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { NoPlace } from '../runtime/places.ts';
import type { Adapted, Content, Lacks } from '../smtp/client/dialogue.ts';
import type { Pool, Report, Target } from '../smtp/client/pool.ts';
import type { SpoolReader, StoredMessage } from '../spool/messages.ts';
import { type ConvertDeps, type Fitted, fit, SMALL } from './convert.ts';
import type { Feedback } from './lanes.ts';
import { type LargePlace, NoLargePlace } from './large.ts';
import { deferredHere, type Outcome, outcomesOf } from './outcome.ts';
import type { RemoteJob, Work } from './plan.ts';

export interface AttemptDeps extends ConvertDeps {
  readonly pool: Pool;
  readonly read: SpoolReader;
  readonly clock: Clock;
  readonly logger: Logger;
  /** DKIM-Signature fields, each CRLF-ended; '' for none. */
  readonly sign: (message: StoredMessage) => Promise<string>;
  /** A place for the octets of a large message; rejects with NoLargePlace. */
  readonly takeLarge: (project: string, octets: number) => Promise<LargePlace>;
  /** ms for which unreachable servers are left alone */
  readonly restMs: number;
}
export interface Attempted {
  readonly kind: 'tried';
  /** One per row of the job, in order. */
  readonly outcomes: readonly Outcome[];
  readonly feedback: Feedback;
}
export interface DeadSite {
  readonly key: string;
  readonly site: string;
  readonly failures: number;
  readonly cause: string;
  /** Monotonic ms of the next look. */
  readonly until: number;
}
export interface Attempts {
  /** 'postponed': there was no room for its octets; no row has an outcome. */
  attempt(job: RemoteJob): Promise<Attempted | { readonly kind: 'postponed' }>;
  /** Servers that are left alone. */
  dead(): readonly DeadSite[];
}
interface Rest {
  failures: number;
  until: number;
  outcome: Outcome;
  probing: boolean;
  readonly site: string;
}
/** Octets of a message from which on it is not kept in memory, and sent in places of its own. */
export const LARGE = 1024 * 1024;
export const isLarge = ({ message, size }: Work): boolean => message === null && size > LARGE;
const FAILURES = 3;
const MOST_REMEMBERED = 10_000;

/** The message with its bytes, from memory or from the store; null when it is gone. */
export async function bytesOf(work: Work, read: SpoolReader): Promise<StoredMessage | null> {
  return work.message ?? (await read.message(work.head.projectId, work.head.id));
}

/** The message for a server that lacks this; null: nothing. Rejects where it is gone or cannot be read. */
async function fitted(work: Work, lacks: Lacks | null, deps: AttemptDeps): Promise<Fitted> {
  const message = await bytesOf(work, deps.read);
  if (message === null) throw new Error('the message is not in the store');
  return lacks === null ? { kind: 'fitted', message, converted: false } : fit(message, lacks, deps);
}
/** The message as it leaves: signature and trace fields in front. */
async function contentOf(found: Fitted, { sign }: AttemptDeps): Promise<Content> {
  if (found.kind === 'refused') throw new Error(found.cause);
  const { message } = found;
  const signature = await sign(message);
  const header = signature === '' ? message.prefix : Buffer.concat([Buffer.from(signature), message.prefix]);
  return { header, raw: message.raw };
}
export function createAttempts(deps: AttemptDeps): Attempts {
  const resting = new Map<string, Rest>();
  function learn(
    { key, site }: Target,
    rest: Rest | undefined,
    report: Report,
    outcomes: readonly Outcome[],
  ): void {
    if (report.reached) {
      resting.delete(key);
      return;
    }
    if (report.remote === null) return; // nothing was tried
    resting.delete(key);
    if (resting.size >= MOST_REMEMBERED) resting.delete(resting.keys().next().value!);
    const failures = (rest?.failures ?? 0) + 1;
    const until = deps.clock.monotonic() + deps.restMs;
    resting.set(key, { failures, until, outcome: outcomes[0]!, probing: false, site });
  }

  return {
    async attempt(job) {
      const { target, rows, work } = job;
      const { head } = work;
      const rest = resting.get(target.key);
      if (rest !== undefined && rest.failures >= FAILURES) {
        if (rest.probing || rest.until > deps.clock.monotonic()) {
          // Thousands may be put off in a row, and nothing here waits for anything: others get their turn in between.
          await new Promise<void>((resolve) => setImmediate(resolve));
          return { kind: 'tried', outcomes: rows.map(() => rest.outcome), feedback: 'neutral' };
        }
        rest.probing = true;
      }
      const large: { place: LargePlace | null } = { place: null };
      try {
        let failure: unknown = null;
        let asked = 0;
        /** What fails on this side is no answer of the server's; but of what is asked again, only the last counts. */
        async function ours<T>(make: () => Promise<T>): Promise<T> {
          asked += 1;
          const mine = asked;
          failure = null;
          try {
            return await make();
          } catch (error) {
            if (mine === asked) failure = error;
            throw error;
          }
        }
        /** Asked for at most once, behind the 354; not kept here, so that it can be let go when it is written. */
        const content = (find: () => Promise<Fitted>): Promise<Content> =>
          ours(async () => {
            if (!isLarge(work)) return await contentOf(await find(), deps);
            const place = await deps.takeLarge(head.projectId, work.size);
            large.place = place;
            const octets = await contentOf(await find(), deps);
            return { ...octets, signal: place.signal, written: place.leave };
          });
        /** What is not small is made once more behind the 354: a server that never says it holds none of it. */
        const adapt = (lacks: Lacks): Promise<Adapted> =>
          ours(async () => {
            const place = isLarge(work) ? await deps.takeLarge(head.projectId, work.size) : null;
            try {
              const found = await fitted(work, lacks, deps);
              if (found.kind === 'refused') return found;
              const size = found.message.raw.length;
              const kept = size <= SMALL ? found : null;
              return {
                kind: 'adapted',
                converted: found.converted,
                size,
                content: () => content(async () => kept ?? fitted(work, lacks, deps)),
              };
            } finally {
              place?.leave();
            }
          });
        const report = await deps.pool.deliver(target, {
          mailFrom: head.mailFrom,
          recipients: rows.map(({ address }) => address),
          size: work.size,
          content: () => content(() => fitted(work, null, deps)),
          smtputf8: head.smtputf8,
          eightBit: head.eightBit,
          adapt,
          dsn: {
            ret: head.facts.ret,
            envid: head.facts.envid,
            recipients: rows.map(({ dsn }) => dsn ?? {}),
          },
        });
        if (failure !== null) throw failure;
        const outcomes = outcomesOf(report);
        learn(target, rest, report, outcomes);
        return { kind: 'tried', outcomes, feedback: feedbackOf(report, outcomes) };
      } catch (error) {
        if (error instanceof NoLargePlace) return { kind: 'postponed' };
        if (error instanceof NoPlace) return here(rows, 'no thread was free in time');
        deps.logger.error({ err: error, message: head.id }, 'attempt failed on this side');
        return here(rows, 'internal error');
      } finally {
        large.place?.leave();
        if (rest !== undefined) rest.probing = false;
      }
    },
    dead: () =>
      [...resting]
        .filter(([, { failures }]) => failures >= FAILURES)
        .map(([key, { failures, until, outcome, site }]) => ({
          key,
          site,
          failures,
          until,
          cause: outcome.kind === 'delivered' ? '' : outcome.cause,
        })),
  };
}

function here(rows: readonly unknown[], cause: string): Attempted {
  return { kind: 'tried', outcomes: rows.map(() => deferredHere('4.3.0', cause)), feedback: 'neutral' };
}

/** 421 and 4.7.x say "too much"; so does silence. Other refusals are about the mail, not about the site. */
function feedbackOf(report: Report, outcomes: readonly Outcome[]): Feedback {
  if (outcomes.some(({ kind }) => kind === 'delivered')) return 'good';
  if (report.lacks) return 'neutral';
  if (!report.reached) return report.remote === null ? 'neutral' : 'overloaded';
  const pushedBack = outcomes.some(
    (outcome) =>
      outcome.kind === 'deferred' &&
      (outcome.reply === null || outcome.reply.code === 421 || outcome.status.startsWith('4.7.')),
  );
  return pushedBack ? 'overloaded' : 'neutral';
}
