/**
 * Whether this node should get new mail, and why not: it is starting or stopping, its store has ended, its
 * disk is nearly full, the last write failed, or a write does not come back. The answer comes at once, from the
 * last write: that of the traffic, or else a probe, which is a real small commit. While somebody asks, there is
 * a probe a second at most, if nothing else was written; a minute after the last question there is none.
 * Invariant: while somebody asks, a store that answers no commit is told of within LATE_MS and a second.
 */
import type { Clock, Timer } from './clock.ts';
import type { Logger } from './logger.ts';
import { StoreError, type Transactor } from './transactor.ts';

/** ms without the answer of a commit after which the store counts as hanging. */
const LATE_MS = 3_000;
/** ms after which who waits for a commit is answered. PostgreSQL's own answers come before. */
export const ANSWER_MS = 4_700;
const PROBE_MS = 1_000;
/** ms for which probes go on after a question. */
const ASKED_MS = 60_000;
/** ms that a question waits for the probe that it began. */
const FIRST_ANSWER_MS = 500;
const NO_SPACE = 'the disk is nearly full, mail is refused: make room';

export interface NotReady {
  readonly reason: string;
  /** null: nothing was written yet. */
  readonly lastCommitAgeSeconds: number | null;
}
export interface Readiness {
  /** Why the process does not serve; null if it serves. */
  state: string | null;
  /** null if the node accepts mail. */
  ask(): Promise<NotReady | null>;
  /** Seconds since a commit last succeeded; null if none has. */
  lastCommitAge(): number | null;
  /** The same transactor; the results of its transactions are observed. */
  watched<Tx>(transactor: Transactor<Tx>): Transactor<Tx>['transact'];
  /**
   * The same, for callers that must be answered: after ANSWER_MS it rejects with a StoreError that says that
   * the outcome is not known. `late` is called if the transaction was committed after all.
   */
  timely<Tx>(transactor: Transactor<Tx>, late: () => void): Transactor<Tx>['transact'];
  stop(): void;
}
export interface ReadinessDeps {
  readonly state: string;
  readonly hasSpace: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A small commit. */
  readonly probe: () => Promise<void>;
}
interface Commit {
  /** Monotonic ms. */
  readonly began: number;
  /** Answers who waits for it. null: nobody does, or it has ended. */
  giveUp: (() => void) | null;
  /** Its neighbours by their beginning. null: it has ended. */
  before: Commit | null;
  after: Commit | null;
}

export function createReadiness({ state, hasSpace, clock, logger, probe }: ReadinessDeps): Readiness {
  /**
   * A list in the order of their beginning, with an end that is no commit. Not a Set: V8 chains the tables of a set
   * that changes, so that all it ever named survives many collections.
   */
  const end: Commit = { began: 0, giveUp: null, before: null, after: null };
  end.before = end;
  end.after = end;
  const seen = {
    goodAt: null as number | null,
    failure: null as StoreError | null,
    askedAt: Number.NEGATIVE_INFINITY,
    probedAt: Number.NEGATIVE_INFINITY,
    probing: null as Promise<void> | null,
    timer: null as Timer | null,
    /** One for all who wait: most commits have ended long before it fires. */
    limit: null as Timer | null,
    told: null as string | null,
  };
  function begin(giveUp: Commit['giveUp']): Commit {
    const commit: Commit = { began: clock.monotonic(), giveUp, before: end.before, after: end };
    end.before!.after = commit;
    end.before = commit;
    if (giveUp !== null) seen.limit ??= clock.after(ANSWER_MS, answerLate);
    return commit;
  }
  function answerLate(): void {
    seen.limit = null;
    for (let one = end.after!, next = one.after!; one !== end; one = next, next = one.after!) {
      const { began, giveUp } = one;
      if (giveUp === null) continue;
      const left = began + ANSWER_MS - clock.monotonic();
      if (left > 0) {
        seen.limit = clock.after(left, answerLate);
        return;
      }
      giveUp();
    }
  }
  function ended(commit: Commit): void {
    commit.before!.after = commit.after;
    commit.after!.before = commit.before;
    commit.before = null;
    commit.after = null;
    commit.giveUp = null;
  }
  function succeeded(commit: Commit): void {
    ended(commit);
    seen.goodAt = clock.monotonic();
    seen.failure = null;
  }
  function failed(commit: Commit, error: unknown): void {
    ended(commit);
    if (error instanceof StoreError) seen.failure = error;
    // a condition that failed was judged by a store that works
    else seen.goodAt = clock.monotonic();
  }
  async function observed(work: () => Promise<void>): Promise<void> {
    const commit = begin(null);
    try {
      await work();
    } catch (error) {
      failed(commit, error);
      throw error;
    }
    succeeded(commit);
  }
  const since = (at: number | null) => (at === null ? null : clock.monotonic() - at);
  /** ms for which commits have waited without one being answered. */
  function hangingFor(): number {
    const oldest = end.after!;
    if (oldest === end) return 0;
    return clock.monotonic() - Math.max(oldest.began, seen.goodAt ?? Number.NEGATIVE_INFINITY);
  }
  function reasonOf(own: string | null): string | null {
    if (own !== null) return own;
    if (!hasSpace()) return NO_SPACE;
    const { failure } = seen;
    if (failure?.full === true) return `the store refused a write, the disk is full: ${failure.message}`;
    const hanging = hangingFor();
    if (hanging >= LATE_MS)
      return `the store has not answered a commit for ${Math.floor(hanging / 1000)} s: a database that waits for its standby, a lock or a disk that hangs`;
    return failure === null ? null : `the store refused a write: ${failure.message}`;
  }
  function look(): void {
    const idle = since(Math.max(seen.probedAt, seen.goodAt ?? Number.NEGATIVE_INFINITY))!;
    if (seen.probing !== null || idle < PROBE_MS) return;
    seen.probedAt = clock.monotonic();
    seen.probing = observed(probe)
      .catch((error: unknown) => logger.debug({ err: error }, 'the probe of the store failed'))
      .finally(() => {
        seen.probing = null;
      });
  }
  /** As long as somebody asks, whatever the pauses between the questions. */
  function goOn(): void {
    seen.timer = null;
    if (readiness.state !== null || since(seen.askedAt)! > ASKED_MS) return;
    look();
    seen.timer = clock.after(PROBE_MS, goOn);
  }
  function tell(reason: string | null): void {
    if ((reason === null) === (seen.told === null)) return;
    seen.told = reason;
    if (reason === null) logger.info({}, 'the node is ready again');
    else logger.warn({ reason }, 'the node is not ready: it should get no new mail');
  }
  const readiness: Readiness = {
    state,
    async ask() {
      if (readiness.state === null) {
        const isKnown = since(seen.askedAt)! <= ASKED_MS || (since(seen.goodAt) ?? Infinity) < PROBE_MS;
        seen.askedAt = clock.monotonic();
        if (seen.timer === null) goOn();
        if (!isKnown && seen.probing !== null) {
          const { promise, resolve } = Promise.withResolvers<void>();
          const limit = clock.after(FIRST_ANSWER_MS, resolve);
          await Promise.race([seen.probing, promise]);
          limit.cancel();
        }
      }
      const reason = reasonOf(readiness.state);
      tell(reason);
      return reason === null ? null : { reason, lastCommitAgeSeconds: readiness.lastCommitAge() };
    },
    lastCommitAge() {
      const ms = since(seen.goodAt);
      return ms === null ? null : Math.round(ms / 100) / 10;
    },
    watched:
      (transactor) =>
      (...args) =>
        observed(() => transactor.transact(...args)),
    timely:
      (transactor, late) =>
      (...args) =>
        new Promise<void>((resolve, reject) => {
          let isLate = false;
          const commit = begin(() => {
            isLate = true;
            commit.giveUp = null;
            reject(
              new StoreError('the store has not answered: whether it took the write is not known', true),
            );
          });
          transactor.transact(...args).then(
            () => {
              succeeded(commit);
              if (isLate) late();
              else resolve();
            },
            (error: unknown) => {
              failed(commit, error);
              reject(error);
            },
          );
        }),
    stop() {
      seen.askedAt = Number.NEGATIVE_INFINITY;
      seen.timer?.cancel();
    },
  };
  return readiness;
}
