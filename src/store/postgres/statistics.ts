/**
 * The planner's statistics of large tables. A table that was filled at once, by an import or a restored dump,
 * has no statistics until autovacuum analyses it, and until then bad plans make mail wait. So this module
 * analyses such tables. Invariants: tables and partitions are analysed one by one, never a partitioned table
 * as a whole, which would block writers that attach a day; mail is accepted in the meantime; one of several
 * nodes does it. Failures are logged and left to autovacuum.
 */
import pg from 'pg';
import type { Logger } from '../../runtime/logger.ts';
import type { Report } from '../../runtime/report.ts';
import { connectConfig, destroy } from './connect.ts';
import { LOCK_SPACE } from './migrate.ts';

const STATISTICS_LOCK = 3;
/** About 10,000 rows of 200 octets. */
export const LARGE_OCTETS = 2 * 1024 * 1024;
/**
 * Recognised by the missing statistics, not by the time of the last analysis: a server that crashed forgets
 * the times.
 */
const UNKNOWN = `SELECT relname AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
    AND pg_relation_size(oid) > $1 AND relname <> ALL (ARRAY(SELECT tablename FROM pg_stats WHERE schemaname = current_schema()))
  ORDER BY pg_relation_size(oid) DESC`;
/**
 * Waiting rows are counted from their index alone; for this, the server must know which pages are
 * all-visible.
 */
const COUNTED_BY_INDEX = 'recipient';

/**
 * Analyses the tables over `octets` without statistics. Returns how many there were. Rejects as the database
 * does.
 */
export async function analyse(client: pg.Client, octets: number, report: Report = () => {}): Promise<number> {
  const { rows } = await client.query<{ name: string }>(UNKNOWN, [octets]);
  for (const [done, { name }] of rows.entries()) {
    report({ done, total: rows.length, unit: 'tables analysed' });
    const table = client.escapeIdentifier(name);
    // A locked table is being analysed by autovacuum or is being dropped.
    await client.query(
      name === COUNTED_BY_INDEX ? `VACUUM (ANALYZE, SKIP_LOCKED) ${table}` : `ANALYZE (SKIP_LOCKED) ${table}`,
    );
  }
  return rows.length;
}

/** Starts to analyse the large tables and returns at once; disposing ends it. `done` never rejects. */
export function analyseLarge({
  url,
  logger,
}: {
  url: string;
  logger: Logger;
}): AsyncDisposable & { readonly done: Promise<void> } {
  const client = new pg.Client(connectConfig(url, 'statistics'));
  client.on('error', () => {});
  const state = { closed: false };
  async function run(): Promise<void> {
    await client.connect();
    const { rows } = await client.query<{ mine: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS mine', [
      LOCK_SPACE,
      STATISTICS_LOCK,
    ]);
    if (rows[0]!.mine !== true) return;
    const began = performance.now();
    const tables = await analyse(client, LARGE_OCTETS);
    if (tables > 0)
      logger.info(
        { tables, ms: Math.round(performance.now() - began) },
        'the service analysed large tables without statistics',
      );
  }
  const done = run()
    .catch((error: unknown) => {
      if (!state.closed) logger.warn({ err: error }, 'analysing large tables failed');
    })
    .finally(() => client.end().catch(() => {}));
  return {
    done,
    async [Symbol.asyncDispose]() {
      state.closed = true;
      destroy(client);
      await done;
    },
  };
}
