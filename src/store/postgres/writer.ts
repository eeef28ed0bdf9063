/**
 * The writer: one connection, one batch at a time, tried again until its time is over. Invariants: every
 * batch is answered by its deadline; a batch whose COMMIT was sent is written a second time only if it is
 * known that the first was not committed. Fails with a retryable StoreError, whatever happened to the
 * database; with a final one only if fenced.
 */
import type pg from 'pg';
import type { Clock } from '../../runtime/clock.ts';
import type { ItemOutcome } from '../../runtime/group-commit.ts';
import type { Logger } from '../../runtime/logger.ts';
import { StoreError } from '../../runtime/transactor.ts';
import { type Committer, LAST_BATCH } from './commit.ts';
import { destroy } from './connect.ts';
import { isLost, storeError } from './errors.ts';
import type { Partitions } from './partitions.ts';
import type { Recorded } from './plan.ts';
import type { ReconnectingConnection } from './reconnecting.ts';

/** ms in which a transaction is answered; one that waited as long behind others may take LEAST_MS more. */
export const ANSWER_MS = 4200;
/**
 * The part of the remaining time that the batch itself may take; the rest is for learning what happened to
 * it.
 */
const OWN_SHARE = 0.7;
/** An item with less time than this is not begun. */
const LEAST_MS = 250;
const AGAIN_MS = 20;
const ASK_AGAIN_MS = 100;

export interface WriterDeps {
  readonly connection: ReconnectingConnection;
  readonly committer: Committer;
  /** Identifies the marks of the committer's batches. */
  readonly writer: string;
  readonly partitions: Partitions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onCommit: (info: { ops: number; ms: number }) => void;
  readonly onUncertain: () => void;
  readonly onFenced: () => void;
  readonly signal: AbortSignal;
}
type Fate = 'committed' | 'aborted';

export function createWriter(
  deps: WriterDeps,
): (batch: readonly Recorded[]) => Promise<readonly ItemOutcome[]> {
  const { connection, committer, partitions, clock, logger, signal } = deps;
  const delay = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  const left = (until: number) => until - clock.monotonic();

  /** What happened to a batch; null if that cannot be learnt in time. */
  async function fateOf(number: number, until: number): Promise<Fate | null> {
    while (left(until) > 0 && !signal.aborted) {
      try {
        const client = await connection.take(Math.min(left(until), 5000));
        const limit = clock.after(Math.min(Math.max(left(until), 1), 2000), () => destroy(client));
        try {
          // Rolled back: a row that is only read needs no commit, which might have to wait for a standby.
          void client.query('BEGIN').catch(() => {});
          const asked = client.query<{ number: number }>(LAST_BATCH, [deps.writer]);
          void client.query('ROLLBACK').catch(() => {});
          const { rows } = await asked;
          return (rows[0]?.number ?? 0) >= number ? 'committed' : 'aborted';
        } finally {
          limit.cancel();
        }
      } catch (error) {
        logger.debug({ err: error, number }, 'querying the result of a batch failed');
      }
      await delay(Math.min(ASK_AGAIN_MS, Math.max(left(until), 1)));
    }
    return null;
  }
  /** Continues to ask after the caller has been answered. */
  async function learnLater(number: number): Promise<void> {
    logger.warn({ number }, 'the result of a batch is not known yet');
    const fate = await fateOf(number, Number.POSITIVE_INFINITY);
    if (fate === null) return;
    logger.warn({ number, fate }, 'the result of a batch is known now');
    if (fate === 'committed') deps.onUncertain();
  }

  /** One attempt within `until`. */
  async function attempt(client: pg.Client, batch: readonly Recorded[], until: number) {
    const limit = clock.after(Math.max(left(until), 1), () => destroy(client));
    try {
      const days = new Set(batch.flatMap(({ days }) => days));
      try {
        await partitions.ensure(client, days);
      } catch (error) {
        if (isLost(error)) destroy(client);
        return { kind: 'again', error: storeError(error), unpartitioned: false } as const;
      }
      return await committer.commit(client, batch);
    } finally {
      limit.cancel();
    }
  }

  async function commit(batch: readonly Recorded[], deadline: number): Promise<readonly ItemOutcome[]> {
    const until = clock.monotonic() + OWN_SHARE * left(deadline);
    for (let error: StoreError | null = null; ; ) {
      if (left(until) <= 0 || signal.aborted) throw error ?? late();
      const client = await connection.take(left(until));
      const began = clock.monotonic();
      const tried = await attempt(client, batch, until);
      switch (tried.kind) {
        case 'done':
          deps.onCommit({ ops: batch.length, ms: clock.monotonic() - began });
          return tried.outcomes;
        case 'again':
          error = tried.error;
          if (tried.unpartitioned) partitions.forget();
          await delay(AGAIN_MS);
          break;
        case 'failed':
          throw tried.error;
        case 'fenced':
          deps.onFenced();
          throw new StoreError(
            'another node declared this node dead and replaced it: restart this node',
            false,
          );
        case 'unknown': {
          const fate = await fateOf(tried.number, deadline);
          if (fate === 'committed') return tried.outcomes;
          if (fate === null) {
            void learnLater(tried.number);
            throw new StoreError('postgres: the result of the commit is not known', true);
          }
          error = new StoreError('postgres: the connection broke and the commit was undone', true);
        }
      }
    }
  }
  const late = () => new StoreError('postgres: no answer in time', true);

  return async (batch) => {
    const now = clock.monotonic();
    const timely = batch.filter(({ deadline }) => deadline - now >= LEAST_MS);
    if (timely.length === 0) throw late();
    // Late items are answered with the others, only a little later.
    const longest = timely.length < batch.length ? now + LEAST_MS : Number.POSITIVE_INFINITY;
    const deadline = Math.min(longest, ...timely.map((item) => item.deadline));
    try {
      const outcomes = await commit(timely, deadline);
      if (timely.length === batch.length) return outcomes;
      const own = new Map(timely.map((item, i) => [item, outcomes[i] ?? null]));
      return batch.map((item) => (own.has(item) ? own.get(item)! : late()));
    } catch (error) {
      throw storeError(error);
    }
  };
}
