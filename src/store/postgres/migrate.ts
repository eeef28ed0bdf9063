/**
 * Migrates the database to our schema, forward only, under a lock that all nodes share; its errors say why it
 * cannot. An *era* is a run of transaction ids. If the database was moved to another cluster (dump and
 * restore), ids start again; without eras, later events would sort before earlier ones. Fails: StoreTooNew,
 * StoreError (openingError).
 */
import pg from 'pg';
import { type Report, unwatched, type Watch } from '../../runtime/report.ts';
import { StoreError } from '../../runtime/transactor.ts';
import { MIGRATIONS, OUR_VERSION } from '../migrations/postgres/index.ts';
import { StoreTooNew } from '../store.ts';
import { connectConfig, endOn, openingError } from './connect.ts';

/** The first octets of our advisory locks: 'HIKY'. */
export const LOCK_SPACE = 0x48494b59;
export const MIGRATION_LOCK = 0;
/** From 14 on the server has DETACH, xid8 and gen_random_uuid(); older versions get no fixes any more. */
const OLDEST_SERVER = 140_000;

export interface Schema {
  readonly version: number;
  readonly era: number;
}

/** Throws if we cannot use the server for writing. */
export async function checkServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ server: string; encoding: string; replica: boolean }>(
    `SELECT current_setting('server_version_num') AS server, current_setting('server_encoding') AS encoding,
      pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' AS replica`,
  );
  const { server, encoding, replica } = rows[0]!;
  if (Number(server) < OLDEST_SERVER)
    throw new StoreError(`postgres: the server is older than version 14 (${server})`, false);
  if (encoding !== 'UTF8')
    throw new StoreError(`postgres: the database's encoding is ${encoding}; it must be UTF8`, false);
  if (replica) throw Object.assign(new pg.DatabaseError('read-only', 0, 'error'), { code: '25006' });
}

/**
 * Returns the resulting schema version. Safe if several nodes start at once. Rejects with the signal's
 * reason.
 */
export async function migratePostgres(url: string, { report, signal }: Watch = unwatched): Promise<Schema> {
  signal.throwIfAborted();
  const client = new pg.Client(connectConfig(url, 'migration'));
  client.on('error', () => {});
  using _ = endOn(signal, client, url);
  try {
    await client.connect();
    await checkServer(client);
    await client.query('BEGIN');
    await client.query(`SET LOCAL lock_timeout = '60s'`);
    await client.query('SELECT pg_advisory_xact_lock($1, $2)', [LOCK_SPACE, MIGRATION_LOCK]);
    const schema = await migrate(client, report);
    signal.throwIfAborted();
    await client.query('COMMIT');
    return schema;
  } catch (error) {
    if (error instanceof StoreTooNew) throw error;
    signal.throwIfAborted();
    throw openingError(url, error);
  } finally {
    if (!signal.aborted) await client.end().catch(() => {});
  }
}

async function migrate(client: pg.Client, report: Report): Promise<Schema> {
  const { rows: there } = await client.query<{ meta: string | null }>(
    `SELECT to_regclass('meta')::text AS meta`,
  );
  if (there[0]!.meta === null)
    await client.query('CREATE TABLE meta (key TEXT PRIMARY KEY, value BIGINT NOT NULL)');
  const meta = async (key: string) =>
    (await client.query<{ value: number }>('SELECT value FROM meta WHERE key = $1', [key])).rows[0]?.value ??
    0;
  const write = (key: string, value: string | number) =>
    client.query(
      'INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      [key, value],
    );
  const oldest = await meta('oldest_compatible');
  if (oldest > OUR_VERSION) throw new StoreTooNew(oldest, OUR_VERSION);
  const before = await meta('version');
  const missing = MIGRATIONS.filter(({ version }) => version > before);
  for (const [done, migration] of missing.entries()) {
    report({ done, total: missing.length, unit: 'steps of the schema' });
    await client.query(migration.sql);
    await write('version', migration.version);
    await write('oldest_compatible', migration.oldestCompatible);
  }
  const { rows } = await client.query<{ same: boolean; system: string; owned: boolean }>(
    `SELECT s.system_identifier::text AS system,
      EXISTS (SELECT 1 FROM meta WHERE key = 'system' AND value = s.system_identifier) AS same,
      (SELECT bool_and(pg_has_role(relowner, 'MEMBER')) FROM pg_class
        WHERE oid IN ('message_body'::regclass, 'event'::regclass, 'attempt'::regclass)) AS owned
      FROM pg_control_system() s`,
  );
  const { same, system, owned } = rows[0]!;
  if (!owned)
    throw new StoreError(
      'postgres: the user must own the tables, because the service makes and drops their partitions',
      false,
    );
  if (!same) {
    await write('system', system);
    await write('era', (await meta('era')) + 1);
  }
  return { version: await meta('version'), era: await meta('era') };
}
