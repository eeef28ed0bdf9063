/** Databases of every schema there was come to ours, and are then as one that was made today. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import pg from 'pg';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { startPostgres } from '../../testing/postgres.ts';
import { NAMELESS_ROWS, namelessAreGone } from '../conformance/nameless.ts';
import { SUSPENDER_ROWS, suspendersAreKnown } from '../conformance/suspenders.ts';
import { MIGRATIONS, OUR_VERSION } from '../migrations/postgres/index.ts';
import { migratePostgres } from './migrate.ts';
import { openPostgresStore } from './open.ts';

const server = await startPostgres({ fsync: 'off' });
after(() => server[Symbol.asyncDispose]());

/** A database as the program of that version left it, and then `rows`. */
async function databaseOf(version: number, rows = ''): Promise<string> {
  const url = await server.database();
  await using client = await connected(url);
  await client.query('CREATE TABLE meta (key TEXT PRIMARY KEY, value BIGINT NOT NULL)');
  for (const migration of MIGRATIONS.filter((each) => each.version <= version))
    await client.query(migration.sql);
  await client.query(`INSERT INTO meta VALUES ('version', ${version}), ('oldest_compatible', 1)`);
  await client.query(rows);
  return url;
}
async function connected(url: string) {
  const client = new pg.Client(url);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}
/** Tables with their columns, indexes, constraints and triggers, and functions; of partitions their tables alone. */
async function schemaOf(url: string): Promise<string[]> {
  await using client = await connected(url);
  const { rows } = await client.query<{ line: string }>(`
    WITH ours AS (SELECT c.oid, c.relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND NOT relispartition AND relkind IN ('r', 'p'))
    SELECT concat_ws(' ', 'column', relname, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)) AS line
      FROM ours JOIN pg_attribute a ON attrelid = oid LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0 AND NOT attisdropped
    UNION ALL SELECT 'index ' || pg_get_indexdef(indexrelid) FROM ours JOIN pg_index ON indrelid = oid
    UNION ALL SELECT concat_ws(' ', 'constraint', relname, conname, pg_get_constraintdef(c.oid)) FROM ours JOIN pg_constraint c ON conrelid = ours.oid
    UNION ALL SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM ours JOIN pg_trigger t ON tgrelid = ours.oid WHERE NOT tgisinternal
    UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    ORDER BY line`);
  return rows.map(({ line }) => line);
}

test('a database brought up from any schema has the columns, indexes, checks and triggers of a fresh one', async () => {
  const fresh = await server.database();
  assert.equal((await migratePostgres(fresh)).version, OUR_VERSION);
  const wanted = await schemaOf(fresh);
  assert.ok(wanted.length > 200, `${wanted.length} lines`);
  for (const { version } of MIGRATIONS) {
    const url = await databaseOf(version);
    await migratePostgres(url);
    assert.deepEqual(await schemaOf(url), wanted, `from ${version}`);
  }
});

test('names without a behaviour leave rules, roles and their holders; what has none left goes, and is audited', async () => {
  const url = await databaseOf(10, NAMELESS_ROWS);
  await using store = await openPostgresStore({
    ...{ url, member: null, clock: systemClock, random: createRandom(), logger: silentLogger },
  });
  await namelessAreGone(store);
});

test('suspensions that an older program stored are marked where the operator made them', async () => {
  const url = await databaseOf(14, SUSPENDER_ROWS);
  await using store = await openPostgresStore({
    ...{ url, member: null, clock: systemClock, random: createRandom(), logger: silentLogger },
  });
  await suspendersAreKnown(store);
});
