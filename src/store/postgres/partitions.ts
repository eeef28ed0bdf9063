/**
 * The tables whose rows go by the day: what is kept until some time lies in the partition of the UTC day after it, and
 * retention drops partitions whole. Invariants: a partition is there before the batch that needs it; several nodes may
 * make or drop the same ones at once. Making one does not hold up those who read or write: it is attached, not created in
 * place. Fails: the database's errors; what was not dropped is dropped the next time.
 */
import type pg from 'pg';
import { stateOf } from './errors.ts';
import { LOCK_SPACE } from './migrate.ts';

const DAY_MS = 86_400_000;
const TABLES = ['message_body', 'event', 'attempt'] as const;
const PARTITION_LOCK = 2;
const LONG_MS = 60_000;
/** Who writes waits as long behind a drop that waits for somebody who reads. */
const DROP_WAIT_MS = 100;
/** Others reach the database between two calls. */
const DROP_STEP_MS = 20;

/** The first day on which what is kept until `keepUntil` (wall ms) may go. */
export function dropDayOf(keepUntil: number): number {
  return Math.floor(keepUntil / DAY_MS) + 1;
}
export interface Partitions {
  /** Makes those of these days that are missing, and of the day after each. */
  ensure(client: pg.Client, days: Iterable<number>): Promise<void>;
  /** After one that was thought to be there was not. */
  forget(): void;
}

export function createPartitions(): Partitions {
  const known = new Set<number>();
  return {
    async ensure(client, days) {
      const missing = new Set<number>();
      for (const day of days) if (!known.has(day)) missing.add(day);
      if (missing.size === 0) return;
      for (const day of [...missing]) if (!known.has(day + 1)) missing.add(day + 1);
      await client.query('BEGIN');
      try {
        await client.query('SELECT pg_advisory_xact_lock($1, $2)', [LOCK_SPACE, PARTITION_LOCK]);
        for (const day of missing) for (const table of TABLES) await make(client, table, day);
        await client.query('COMMIT');
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {});
        throw error;
      }
      for (const day of missing) known.add(day);
    },
    forget: () => known.clear(),
  };
}
async function make(client: pg.Client, table: (typeof TABLES)[number], day: number): Promise<void> {
  if (!Number.isSafeInteger(day)) throw new RangeError(`no day: ${day}`);
  const name = `${table}_d${day}`;
  const { rows } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
    name,
  ]);
  if (rows[0]!.there) return;
  // Octets up to a page's size stay in the row: most messages cost no second look-up.
  const parameters = table === 'message_body' ? 'WITH (toast_tuple_target = 8160)' : '';
  await client.query(
    `CREATE TABLE ${name} (LIKE ${table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE) ${parameters}`,
  );
  await client.query(
    `ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM (${day}) TO (${day + 1})`,
  );
}
/** The UTC day of the partition; NaN: it has none. */
const dayOf = (name: string, parent: string): number =>
  name.startsWith(`${parent}_d`) ? Number(name.slice(`${parent}_d`.length)) : Number.NaN;

export interface Dropped {
  /** Rows in them, about. */
  readonly events: number;
  readonly attempts: number;
  readonly partitions: readonly string[];
  /** Who holds one that is over, and what to do about it; null: nobody. */
  readonly heldBy: string | null;
}
/**
 * Drops partitions of the days before `beforeDay`, the oldest first, for some 20 ms and at least one; the rows that refer
 * to them have gone before (sweep.ts). One that is in use is left for the next time.
 */
export async function dropPartitions(pool: pg.Pool, beforeDay: number): Promise<Dropped> {
  return withClient(pool, async (query) => {
    await query(`SET lock_timeout = ${DROP_WAIT_MS}`);
    const end = performance.now() + DROP_STEP_MS;
    const { rows } = await query<{ name: string; parent: (typeof TABLES)[number]; about: number }>(
      `SELECT c.relname AS name, p.relname AS parent, c.reltuples::int8 AS about
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
        WHERE i.inhparent = ANY (ARRAY['message_body', 'event', 'attempt']::regclass[]) ORDER BY (regexp_match(c.relname, '_d(\\d+)$'))[1]::int8, c.relname`,
    );
    const partitions: string[] = [];
    let heldBy: string | null = null;
    const counts = { message_body: 0, event: 0, attempt: 0 };
    for (const { name, parent, about } of rows) {
      if (!(dayOf(name, parent) < beforeDay)) continue;
      if (partitions.length > 0 && performance.now() >= end) break;
      try {
        // Never analyzed: small enough to be counted.
        const exact = async () =>
          (await query<{ n: number }>(`SELECT count(*) AS n FROM ${name}`)).rows[0]!.n;
        const count = parent === 'message_body' ? 0 : about >= 0 ? about : await exact();
        await query(`DROP TABLE IF EXISTS ${name}`);
        partitions.push(name);
        counts[parent] += count;
      } catch (error) {
        if (stateOf(error) !== '55P03') throw error;
        heldBy = await holderOf(query, name);
        // whoever holds one holds others: each would be waited for
        break;
      }
    }
    return { events: counts.event, attempts: counts.attempt, partitions, heldBy };
  });
}

/** In words for the log. Nothing that a statement holds is shown. */
async function holderOf(query: Asking, name: string): Promise<string> {
  const { rows } = await query<{ pid: number; application: string; state: string; since: Date | null }>(
    `SELECT a.pid, a.application_name AS application, a.state, a.xact_start AS since FROM pg_locks l
      JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.relation = to_regclass($1) AND l.granted AND l.pid <> pg_backend_pid()
      ORDER BY a.xact_start LIMIT 1`,
    [name],
  );
  const found = rows[0];
  if (found === undefined) return `${name} was held for a moment`;
  const since = found.since === null ? '' : ` since ${found.since.toISOString()}`;
  return `${name} is held by session ${found.pid} of the database (${found.application || 'no name'}, ${found.state}${since}): if it does not let go, end it with SELECT pg_terminate_backend(${found.pid})`;
}

export type Asking = <R extends pg.QueryResultRow>(
  text: string,
  values?: readonly unknown[],
) => Promise<pg.QueryResult<R>>;
/** Work that may take a while, on one connection of the pool, which afterwards is as before or gone. */
export async function withClient<T>(
  pool: pg.Pool,
  work: (query: Asking, client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  const query: Asking = (text, values = []) =>
    client.query({ text, values: [...values], query_timeout: LONG_MS } as pg.QueryConfig) as never;
  let broken: Error | undefined;
  try {
    await query(`SET statement_timeout = ${LONG_MS}`);
    const done = await work(query, client as unknown as pg.Client);
    await query('RESET statement_timeout');
    await query('RESET lock_timeout');
    return done;
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    client.release(broken);
  }
}
