/**
 * Commits one batch of recorded transactions, sent without waiting for answers. As on SQLite, the batch is
 * first written without savepoints; if one of its transactions fails, the batch is undone and written again
 * with a savepoint for each. Invariants: COMMIT is sent only after every statement was answered and the fence
 * has held; before COMMIT is sent nothing can have been written; after it, the writer's mark (`batch_end`)
 * tells whether the batch was written.
 */
import type pg from 'pg';
import type { ItemOutcome } from '../../runtime/group-commit.ts';
import { StaleError, type StoreError } from '../../runtime/transactor.ts';
import type { BatchStatements } from './batch-statements.ts';
import { destroy, streamOf } from './connect.ts';
import { isLost, isOutdatedPlan, isTransient, isUnpartitioned, itemError, storeError } from './errors.ts';
import { LOCK_SPACE } from './migrate.ts';
import { plan, type Recorded, type Statement, sharedRows } from './plan.ts';

export type Attempt =
  | { readonly kind: 'done'; readonly outcomes: readonly ItemOutcome[] }
  /** Nothing was written; the same batch may succeed later. */
  | { readonly kind: 'again'; readonly error: StoreError; readonly unpartitioned: boolean }
  | { readonly kind: 'failed'; readonly error: StoreError }
  /** The connection broke after COMMIT was sent. */
  | { readonly kind: 'unknown'; readonly number: number; readonly outcomes: readonly ItemOutcome[] }
  | { readonly kind: 'fenced' };

type Answer =
  | { readonly ok: true; readonly result: pg.QueryResult }
  | { readonly ok: false; readonly error: Error };

/**
 * Every transaction that inserts events holds this lock (shared): a reader in the order of events must know
 * the running transactions.
 */
export const EVENT_LOCK = 1;
const FENCE = 'SELECT 1 FROM node WHERE id = $1 AND holder = $1 FOR SHARE';
const MARK = `INSERT INTO batch_end (writer, number) VALUES ($1, $2)
  ON CONFLICT (writer) DO UPDATE SET number = excluded.number`;
// The first statement, before the transaction gets its id, so that no id is ever without the lock
// (event-order.ts).
const ORDERED = `SELECT pg_advisory_xact_lock_shared(${LOCK_SPACE}, ${EVENT_LOCK})`;
/**
 * What happened to a batch: once its transaction has ended, for which this query waits, its number or a later
 * one is here if it was committed.
 */
export const LAST_BATCH = 'SELECT number FROM batch_end WHERE writer = $1 FOR UPDATE';

export interface Committer {
  /** null if the batch was committed; otherwise why the connection or the batch failed. */
  commit(client: pg.Client, batch: readonly Recorded[]): Promise<Attempt>;
}

/** `writer` identifies the batches of one open store; no other store uses it. */
export function createCommitter(texts: BatchStatements, member: string | null, writer: string): Committer {
  let last = 0;
  // the end of an id is random: two nodes rarely share rows of traffic, and sharing is harmless
  const part = Number.parseInt(writer.slice(-4), 16) || 0;
  const names = new Map<string, string>();
  function nameOf(text: string): string {
    let name = names.get(text);
    if (name === undefined) {
      name = `h${names.size}`;
      names.set(text, name);
    }
    return name;
  }
  function send(client: pg.Client, text: string, values?: readonly unknown[]): Promise<Answer> {
    return new Promise((resolve) => {
      const query =
        values === undefined ? { text } : { name: nameOf(text), text, values: values as unknown[] };
      client.query(query, (error: Error | null, result: pg.QueryResult) =>
        resolve(error ? { ok: false, error } : { ok: true, result }),
      );
    });
  }
  const sendAll = (client: pg.Client, statements: readonly Statement[]) =>
    statements.map(({ text, values }) => send(client, text, values));
  /** Sends BEGIN, the fence and the batch's mark; returns the number of the mark. */
  function sendHead(client: pg.Client, batch: readonly Recorded[]) {
    const number = ++last;
    const begun = send(client, 'BEGIN');
    const ordered = batch.some(({ hasEvents }) => hasEvents) ? send(client, ORDERED, []) : null;
    const fence = member === null ? null : send(client, FENCE, [member]);
    const mark = send(client, MARK, [writer, number]);
    return async (): Promise<Attempt | number> => {
      for (const answer of [await begun, await ordered, await fence, await mark]) {
        if (answer === null || answer.ok) continue;
        return undo(client, answer.error);
      }
      const held = await fence;
      if (held?.ok && held.result.rowCount === 0) {
        void send(client, 'ROLLBACK');
        return { kind: 'fenced' };
      }
      return number;
    };
  }
  function undo(client: pg.Client, error: unknown): Attempt {
    if (isLost(error) || isOutdatedPlan(error)) destroy(client);
    else void send(client, 'ROLLBACK');
    const unpartitioned = isUnpartitioned(error);
    if (isLost(error) || isTransient(error) || isOutdatedPlan(error) || unpartitioned)
      return { kind: 'again', error: storeError(error), unpartitioned };
    return { kind: 'failed', error: storeError(error) };
  }
  /** The first of these failures: of one item, or of the whole batch. */
  async function fateOf(
    statements: readonly Statement[],
    answers: readonly Promise<Answer>[],
  ): Promise<{ own: Error } | { whole: Error } | null> {
    let fate: { own: Error } | { whole: Error } | null = null;
    for (const [i, answer] of (await Promise.all(answers)).entries()) {
      const statement = statements[i]!;
      if (fate !== null && !('own' in fate && !answer.ok && isLost(answer.error))) continue;
      if (answer.ok) {
        if (statement.stale(answer.result)) fate = { own: new StaleError('the row has moved on or is gone') };
        continue;
      }
      const own = isUnpartitioned(answer.error) ? null : itemError(answer.error, statement.foreign);
      fate = own === null ? { whole: answer.error } : { own };
    }
    return fate;
  }
  async function finish(
    client: pg.Client,
    number: number,
    outcomes: readonly ItemOutcome[],
  ): Promise<Attempt> {
    const answer = await send(client, 'COMMIT');
    if (answer.ok) {
      if (answer.result.command === 'COMMIT') return { kind: 'done', outcomes };
      return { kind: 'again', error: storeError(new Error('the commit was undone')), unpartitioned: false };
    }
    if (!isLost(answer.error)) return undo(client, answer.error);
    destroy(client);
    return { kind: 'unknown', number, outcomes };
  }

  async function oneByOne(client: pg.Client, batch: readonly Recorded[]): Promise<Attempt> {
    const number = await sendHead(client, batch)();
    if (typeof number !== 'number') return number;
    const outcomes: ItemOutcome[] = [];
    for (const item of batch) {
      const statements = plan([item], texts);
      void send(client, 'SAVEPOINT item');
      const fate = await fateOf(statements, sendAll(client, statements));
      if (fate !== null && 'whole' in fate) return undo(client, fate.whole);
      if (fate !== null) void send(client, 'ROLLBACK TO item');
      void send(client, 'RELEASE item');
      outcomes.push(fate === null ? null : fate.own);
    }
    const written = batch.filter((_, i) => outcomes[i] === null);
    for (const answer of await Promise.all(sendAll(client, sharedRows(written, part))))
      if (!answer.ok) return undo(client, answer.error);
    return finish(client, number, outcomes);
  }

  return {
    async commit(client, batch) {
      const statements = [...plan(batch, texts), ...sharedRows(batch, part)];
      const stream = streamOf(client);
      stream.cork();
      const head = sendHead(client, batch);
      const answers = sendAll(client, statements);
      stream.uncork();
      const number = await head();
      const fate = await fateOf(statements, answers);
      if (typeof number !== 'number') return number;
      if (fate !== null && 'whole' in fate) return undo(client, fate.whole);
      if (fate === null)
        return finish(
          client,
          number,
          batch.map(() => null),
        );
      void send(client, 'ROLLBACK');
      if (batch.length === 1) return { kind: 'done', outcomes: [fate.own] };
      return oneByOne(client, batch);
    },
  };
}
