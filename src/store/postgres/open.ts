/**
 * The store on PostgreSQL, for one node of several: one writing connection with group commit, a pool for
 * reads, and one connection that learns of others' changes. All of them reconnect by themselves after the
 * database was away. Invariants: a resolved `transact` is on the database's disk, and the next read sees it;
 * every `transact` is answered within 4.5 s, and every read within 4 s, except reads that scan everything;
 * waiting rows have the member that inserted them. Fails: StoreTooNew and StoreError on opening; later only
 * retryable StoreErrors, except if the member was fenced.
 */

import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import pg from 'pg';
import { floorTo, TRAFFIC_KINDS, WIDTHS } from '../../limits/traffic.ts';
import { DAY_MS, DEFAULT_SENDING } from '../../limits/usage.ts';
import type { Clock } from '../../runtime/clock.ts';
import { collectEffects } from '../../runtime/effects.ts';
import { createGroupCommit, OWN } from '../../runtime/group-commit.ts';
import { unlessStopped } from '../../runtime/lifecycle.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Random } from '../../runtime/random.ts';
import { unwatched } from '../../runtime/report.ts';
import type { Ask, SqlValue } from '../command.ts';
import { accessReader, accessTx } from '../control/access.ts';
import { auditReader, auditTx } from '../control/audit.ts';
import { dnsAccountReader, dnsAccountTx } from '../control/dns-accounts.ts';
import { domainReader, domainTx } from '../control/domains.ts';
import { expectations } from '../control/expectations.ts';
import { iamReader, iamTx } from '../control/iam.ts';
import { ledgerReader, ledgerTx, limitTx } from '../control/ledger.ts';
import { limitsReader, limitsTx } from '../control/limits.ts';
import { peopleReader, peopleTx } from '../control/people.ts';
import { secretKeyReader, secretKeyTx } from '../control/secret-key.ts';
import { topicReader, topicTx } from '../control/topics.ts';
import { cacheDirectory } from '../directory-cache.ts';
import type { Tables } from '../schema/tables.ts';
import type { Store, StoreReader, StoreTx } from '../store.ts';
import { createUnreadableRows, type UnreadableRow } from '../unreadable-rows.ts';
import { createBatchStatements } from './batch-statements.ts';
import { createCommitter } from './commit.ts';
import { connectConfig, destroy, openingError } from './connect.ts';
import { createDirectoryChanges } from './directory-changes.ts';
import { postgresEventReader, postgresEventTx } from './edj.ts';
import { createEventOrder } from './event-order.ts';
import { migratePostgres } from './migrate.ts';
import { createOwners, type Member } from './owners.ts';
import { createPartitions, dropDayOf, withClient } from './partitions.ts';
import type { Recorded } from './plan.ts';
import { postgresQueue, type ReadQueue } from './queue.ts';
import { createReading } from './reading.ts';
import { createReconnectingConnection } from './reconnecting.ts';
import { createRecorder } from './recorder.ts';
import { postgresSpoolReader } from './spool.ts';
import { postgresSpoolTx } from './spool-tx.ts';
import { postgresRetention } from './sweep.ts';
import { ANSWER_MS, createWriter } from './writer.ts';

export interface PostgresStoreOptions {
  /** postgres://user:password@host/database */
  readonly url: string;
  /** null for a command next to the nodes; it treats every waiting row as its own. */
  readonly member: Member | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onCommit?: (info: { ops: number; ms: number }) => void;
  /**
   * It was not known in time whether a batch was committed, and it was: there are rows that no memory knows.
   */
  readonly onUncertain?: () => void;
  /** Another member declared this one dead: nothing may be written any more. */
  readonly onFenced?: () => void;
  /** Ends the opening, which rejects with its reason. */
  readonly signal?: AbortSignal;
}
export type PostgresStore = Store & { readonly pool: pg.Pool; readonly queue: ReadQueue };

const READERS = 8;
/** Together with connectionTimeoutMillis of connect.ts it is less than 4 s. */
const READ_MS = 2300;
/** The server ends queries that nobody waits for any more. */
const LONGEST_READ_MS = 30_000;
/** What a read that still runs gets when the store is closed. */
const LAST_READ_MS = 1000;
const WRITER_LIMITS = {
  statement_timeout: 4000,
  lock_timeout: 3000,
  // for a session that the node has lost and the server has not noticed
  idle_in_transaction_session_timeout: 10_000,
};
const SHELVE =
  'INSERT INTO corrupt (table_name, key, reason, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING';

export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const { url, member, clock, random, logger, signal = unwatched.signal } = options;
  const { version, era } = await migratePostgres(url, { ...unwatched, signal });
  await using opening = new AsyncDisposableStack();
  const pool = new pg.Pool({
    ...connectConfig(url, 'reader'),
    max: READERS,
    query_timeout: READ_MS,
    statement_timeout: LONGEST_READ_MS,
  });
  pool.on('error', (error) => logger.debug({ err: error }, 'an idle connection to the database broke'));
  // A connection in use that breaks rejects its query and also emits an error; nobody else listens while it
  // is in use.
  const clients = new Set<pg.PoolClient>();
  pool.on('connect', (client) => clients.add(client.on('error', () => {})));
  pool.on('remove', (client) => clients.delete(client));
  opening.defer(async () => {
    const ended = pool.end();
    // Whoever asked is gone.
    const limit = clock.after(LAST_READ_MS, () => {
      for (const client of clients) destroy(client as unknown as pg.Client);
    });
    await ended;
    limit.cancel();
  });
  const all = createReading(pool);
  const owners = createOwners(all, member);

  const closing = new AbortController();
  const connection = createReconnectingConnection({
    config: { ...connectConfig(url, 'writer'), ...WRITER_LIMITS, pipeline: true } as pg.ClientConfig,
    async prepare(client) {
      const { rows } = await client.query<{ replica: boolean }>('SELECT pg_is_in_recovery() AS replica');
      if (rows[0]!.replica) throw new Error('the server is a read-only replica now');
    },
    clock,
    random,
    logger,
  });
  opening.defer(() => connection.close());
  opening.defer(() => closing.abort());
  const partitions = createPartitions();
  // The partitions that mail needs today, so that the first message does not wait for them; if this fails,
  // mail makes them itself.
  if (member !== null)
    await unlessStopped(signal, () =>
      withClient(pool, (_, client) =>
        partitions.ensure(client, [dropDayOf(clock.now() + DEFAULT_SENDING.retentionDays * DAY_MS)]),
      ).catch((error: unknown) =>
        logger.debug({ err: error }, 'making partitions failed; mail makes them later'),
      ),
    );
  const mark = random.id();
  const writer = createGroupCommit<Recorded>({
    commit: createWriter({
      connection,
      committer: createCommitter(createBatchStatements(member?.id ?? '', era), member?.id ?? null, mark),
      writer: mark,
      partitions,
      clock,
      logger,
      onCommit: options.onCommit ?? (() => {}),
      onUncertain: options.onUncertain ?? (() => {}),
      onFenced: options.onFenced ?? (() => {}),
      signal: closing.signal,
    }),
    weigh: (recorded) => recorded.bytes,
  });

  const rows = await unlessStopped(signal, () =>
    all<UnreadableRow>('SELECT table_name, key FROM corrupt').catch((error: unknown) => {
      throw openingError(url, error);
    }),
  );
  const stamp = opening.use(await createDirectoryChanges({ url, all, clock, random, logger }));
  const recorder = createRecorder();
  async function write(record: () => void, share: string, urgent = false): Promise<void> {
    let recorded: ReturnType<typeof recorder.record> = null;
    const effects = collectEffects(() => {
      recorded = recorder.record(record, clock.monotonic() + ANSWER_MS);
    });
    await written(recorded, share, urgent).catch((error: unknown) => {
      effects.failed();
      throw error;
    });
    effects.committed();
  }
  async function written(
    recorded: ReturnType<typeof recorder.record>,
    share: string,
    urgent: boolean,
  ): Promise<void> {
    if (recorded === null) return;
    try {
      await writer.submit(recorded, share, urgent);
    } finally {
      if (recorded.directory) stamp.changed();
    }
  }
  const unreadable = createUnreadableRows({
    rows,
    clock,
    logger,
    note: (...params) => write(() => recorder.pushApart({ sql: SHELVE, params }), OWN),
  });

  const queries = new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (k) => new PostgresIntrospector(k),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
  const ask: Ask = <R>(query: { compile(): { sql: string; parameters: readonly unknown[] } }) => {
    const { sql, parameters } = query.compile();
    return all<R>(sql, parameters as readonly SqlValue[]);
  };
  const tx: StoreTx = {
    ...iamTx(queries, recorder.pushDirectory, recorder.pushApart),
    ...peopleTx(queries, recorder.pushApart),
    ...accessTx(queries, recorder.pushApart, recorder.pushDirectory),
    ...auditTx(queries, recorder.pushApart),
    ...domainTx(queries, recorder.pushDirectory),
    ...topicTx(queries, recorder.pushDirectory),
    ...limitTx(queries, recorder.push, recorder.pushDirectory),
    ...limitsTx(queries, recorder.pushApart),
    ...expectations(queries, recorder.push),
    ...ledgerTx(queries, recorder.pushApart),
    ...dnsAccountTx(queries, recorder.push),
    ...secretKeyTx(queries, recorder.pushDirectory),
    ...postgresSpoolTx(recorder),
    ...postgresEventTx(recorder),
    addUsage(project, domain, atSeconds, recipients) {
      for (const width of [1, 60])
        recorder.usage(project, domain ?? '', width, Math.floor(atSeconds / width) * width, recipients);
    },
    addTraffic(project, domain, at, counts) {
      const start = floorTo(WIDTHS.minute, at / 1000);
      recorder.traffic(
        project,
        domain,
        start,
        TRAFFIC_KINDS.map((kind) => counts[kind] ?? 0),
      );
    },
  };
  const read: StoreReader = {
    ...iamReader(queries, ask),
    ...peopleReader(queries, ask),
    ...accessReader(queries, ask),
    ...auditReader(queries, ask),
    ...domainReader(queries, ask),
    ...topicReader(queries, ask),
    ...ledgerReader(queries, ask),
    ...limitsReader(queries, ask),
    ...dnsAccountReader(queries, ask),
    ...secretKeyReader(queries, ask),
    ...postgresSpoolReader({ all, owners, unreadable }),
    ...postgresEventReader({ all, owners, order: createEventOrder(all, era, clock), era, unreadable }),
  };
  signal.throwIfAborted();
  const held = opening.move();
  return {
    version,
    pool,
    read: cacheDirectory(read, stamp.read),
    queue: postgresQueue({ all, owners, clock }),
    transact: (project, record, urgent) => write(() => record(tx), project, urgent),
    // the mark of its batch is what is written
    probe: () =>
      writer.submit(
        {
          steps: [],
          bytes: 0,
          days: [],
          directory: false,
          hasEvents: false,
          deadline: clock.monotonic() + ANSWER_MS,
        },
        OWN,
        true,
      ),
    ...postgresRetention(pool, partitions),
    async [Symbol.asyncDispose]() {
      await writer.close();
      // Its loss would do no harm, so it does not wait for a standby.
      await withClient(pool, async (_, client) => {
        await client.query('BEGIN; SET LOCAL synchronous_commit TO local');
        await client.query('DELETE FROM batch_end WHERE writer = $1', [mark]);
        await client.query('COMMIT');
      }).catch(() => {});
      await held.disposeAsync();
    },
  };
}
