/**
 * The store on an embedded SQLite file: WAL, every commit synced, one writer with group commit.
 * Invariants: a resolved `transact` survives a kill; a rejected one left nothing; one server per directory.
 * Fails: StoreLocked, StoreTooNew on opening; StoreError from writes, for good after an I/O error.
 */
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { Clock } from '../../runtime/clock.ts';
import { createGroupCommit } from '../../runtime/group-commit.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Random } from '../../runtime/random.ts';
import type { Ask, Command, Push, SqlValue } from '../command.ts';
import { domainReader, domainTx } from '../control/domains.ts';
import { iamReader, iamTx } from '../control/iam.ts';
import { ledgerReader, ledgerTx } from '../control/ledger.ts';
import { topicReader, topicTx } from '../control/topics.ts';
import type { Tables } from '../schema/tables.ts';
import type { Store, StoreTx } from '../store.ts';
import { commitBatch, type Recorded } from './commit.ts';
import { createShelf } from './corrupt.ts';
import { sqliteEventReader, sqliteEventTx } from './edj.ts';
import { migrate, openDatabase, takeLock } from './files.ts';
import { sqliteSpoolReader, sqliteSpoolTx } from './spool.ts';
import { createStatements } from './statements.ts';

export interface SqliteStoreOptions {
  /** Made with mode 0700 where missing; ':memory:' keeps nothing. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** false: beside a running server, as the commands do. Default true. */
  readonly lock?: boolean;
  /** Pages of 4 KiB the file may grow to; beyond it writes fail as on a full disk. */
  readonly maxPages?: number;
  readonly onCommit?: (info: { ops: number; ms: number }) => void;
}

/** Octets a command weighs beside its long values. */
const COMMAND_BYTES = 256;

function weigh(command: Command): number {
  let bytes = COMMAND_BYTES;
  for (const value of command.params) {
    if (typeof value === 'string' || value instanceof Uint8Array) bytes += value.length;
  }
  return bytes;
}

export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { directory, clock, random, logger } = options;
  const db = openDatabase(directory);
  await using opening = new AsyncDisposableStack();
  opening.defer(() => db.close());
  if (directory !== ':memory:' && options.lock !== false) {
    const lock = takeLock(directory);
    opening.defer(() => lock.close());
  }
  const version = migrate(db);
  if (options.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${Math.floor(options.maxPages)}`);
  db.function('hikyaku_id', () => random.id());

  const statements = createStatements(db);
  const queries = new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (k) => new SqliteIntrospector(k),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
  const ask: Ask = async <R>(query: { compile(): { sql: string; parameters: readonly unknown[] } }) => {
    const { sql, parameters } = query.compile();
    return statements.all<R>(sql, ...(parameters as SqlValue[]));
  };
  const writer = createGroupCommit<Recorded>({
    commit: (batch) => commitBatch(db, statements, batch),
    weigh: (recorded) => recorded.bytes,
    monotonic: () => clock.monotonic(),
    ...(options.onCommit === undefined ? {} : { onCommit: options.onCommit }),
  });
  let recording: { commands: Command[]; bytes: number } | null = null;
  const push: Push = (command) => {
    if (recording === null) throw new Error('a transaction records only during its callback');
    recording.commands.push(command);
    recording.bytes += weigh(command);
  };
  async function write(record: () => void): Promise<void> {
    const outer = recording;
    const mine = { commands: [], bytes: 0 };
    recording = mine;
    try {
      record();
    } finally {
      recording = outer;
    }
    if (mine.commands.length > 0) await writer.submit(mine);
  }
  const shelf = createShelf({ statements, clock, logger, write: (record) => write(() => record(push)) });
  const tx: StoreTx = {
    ...iamTx(queries, push),
    ...domainTx(queries, push),
    ...topicTx(queries, push),
    ...ledgerTx(queries, push),
    ...sqliteSpoolTx(push),
    ...sqliteEventTx(push),
  };
  const held = opening.move();
  return {
    version,
    read: {
      ...iamReader(queries, ask),
      ...domainReader(queries, ask),
      ...topicReader(queries, ask),
      ...ledgerReader(queries, ask),
      ...sqliteSpoolReader(statements, shelf),
      ...sqliteEventReader(statements, shelf),
    },
    transact: (_project, record) => write(() => record(tx)),
    async [Symbol.asyncDispose]() {
      await writer.close();
      await held.disposeAsync();
    },
  };
}
