/**
 * The tables that are partitioned by day. A row that is kept until some time is in the partition of the UTC
 * day after that time, and retention drops whole partitions. Invariants: a partition exists before the batch
 * that needs it; several nodes may make or drop the same partitions at once. Making a partition does not
 * block readers or writers: it is attached, not created in place. Fails with the database's errors; a
 * partition that was not dropped is dropped the next time.
 */
import type pg from 'pg';
import { stateOf } from './errors.ts';
import { LOCK_SPACE } from './migrate.ts';

const DAY_MS = 86_400_000;
const TABLES = ['message_body', 'event', 'attempt'] as const;
const PARTITION_LOCK = 2;
const LONG_MS = 60_000;
/** A drop that waits for a reader makes writers wait for the same time. */
const DROP_WAIT_MS = 100;
/** Other queries reach the database between two calls. */
const DROP_STEP_MS = 20;

/** The first day on which rows that are kept until `keepUntil` (wall ms) may be removed. */
export function dropDayOf(keepUntil: number): number {
  return Math.floor(keepUntil / DAY_MS) + 1;
}
export interface Partitions {
  /** Makes the missing partitions of these days, and of the day after each. */
  ensure(client: pg.Client, days: Iterable<number>): Promise<void>;
  /** Call it if a partition that was believed to exist does not. */
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
  // Octets up to the size of a page stay in the row: most messages need no second lookup.
  const parameters = table === 'message_body' ? 'WITH (toast_tuple_target = 8160)' : '';
  await client.query(
    `CREATE TABLE ${name} (LIKE ${table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE) ${parameters}`,
  );
  await client.query(
    `ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM (${day}) TO (${day + 1})`,
  );
}
/** The UTC day of the partition; NaN if it has none. */
const dayOf = (name: string, parent: string): number =>
  name.startsWith(`${parent}_d`) ? Number(name.slice(`${parent}_d`.length)) : Number.NaN;

export interface Dropped {
  /** Approximate number of rows. */
  readonly events: number;
  readonly attempts: number;
  readonly partitions: readonly string[];
  /** Who blocks an expired partition, and what to do about it; null if nobody does. */
  readonly heldBy: string | null;
}
/**
 * Drops partitions of the days before `beforeDay`, the oldest first, for about 20 ms and at least one. The
 * rows that refer to them are already removed (sweep.ts). A partition in use is left for the next time.
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
        // Never analyzed, so it is small enough to be counted.
        const exact = async () =>
          (await query<{ n: number }>(`SELECT count(*) AS n FROM ${name}`)).rows[0]!.n;
        const count = parent === 'message_body' ? 0 : about >= 0 ? about : await exact();
        await query(`DROP TABLE IF EXISTS ${name}`);
        partitions.push(name);
        counts[parent] += count;
      } catch (error) {
        if (stateOf(error) !== '55P03') throw error;
        heldBy = await holderOf(query, name);
        // whoever blocks one partition blocks others: each would cost a wait
        break;
      }
    }
    return { events: counts.event, attempts: counts.attempt, partitions, heldBy };
  });
}

/** A text for the log. It shows no content of a statement. */
async function holderOf(query: Asking, name: string): Promise<string> {
  const { rows } = await query<{ pid: number; application: string; state: string; since: Date | null }>(
    `SELECT a.pid, a.application_name AS application, a.state, a.xact_start AS since FROM pg_locks l
      JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.relation = to_regclass($1) AND l.granted AND l.pid <> pg_backend_pid()
      ORDER BY a.xact_start LIMIT 1`,
    [name],
  );
  const found = rows[0];
  if (found === undefined) return `${name} was locked for a moment`;
  const since = found.since === null ? '' : ` since ${found.since.toISOString()}`;
  return `session ${found.pid} of the database (${found.application || 'no name'}, ${found.state}${since}) holds a lock on ${name}: if it does not release the lock, end it with SELECT pg_terminate_backend(${found.pid})`;
}

export type Asking = <R extends pg.QueryResultRow>(
  text: string,
  values?: readonly unknown[],
) => Promise<pg.QueryResult<R>>;
/** Longer work on one connection of the pool. Afterwards the connection is as before, or closed. */
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
