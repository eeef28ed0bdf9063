/**
 * The store on an embedded SQLite file: WAL, every commit synced, one writer with group commit. In a service
 * the writer has its own thread; reads stay on the caller's thread and see every answered commit. Invariants:
 * a resolved `transact` survives a kill; a rejected one left nothing; one server per directory. Fails:
 * StoreLocked, StoreOutdated, StoreTooNew on opening; StoreError from writes, permanently after an I/O error.
 */

import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { Clock } from '../../runtime/clock.ts';
import { collectEffects, type Effects } from '../../runtime/effects.ts';
import { createGroupCommit, OWN } from '../../runtime/group-commit.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Random } from '../../runtime/random.ts';
import type { Report } from '../../runtime/report.ts';
import type { Ask, Command, Push, SqlValue } from '../command.ts';
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
import type { Store, StoreTx } from '../store.ts';
import { createUnreadableRows, type UnreadableRow } from '../unreadable-rows.ts';
import type { Recorded } from './commit.ts';
import { sqliteEventReader, sqliteEventTx } from './edj.ts';
import { migrating, openDatabase, refuseOneWay, STORE_FILE, takeLock } from './files.ts';
import { createLogWatch, type LogFigures } from './log-watch.ts';
import { sqliteSpoolReader, sqliteSpoolTx } from './spool.ts';
import { createStatements, type Statements } from './statements.ts';
import { sqliteRetention } from './sweep.ts';
import { createOwnWriter, createThreadWriter } from './writer.ts';

export interface SqliteStoreOptions {
  /** Made with mode 0700 if it is missing; ':memory:' keeps nothing. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** false: next to a running server, as for commands. Default true. */
  readonly lock?: boolean;
  /** false: nothing waits for the disk; for a store that can be made again. Default true. */
  readonly durable?: boolean;
  /** The most pages of 4 KiB of the file; beyond it, writes fail as on a full disk. */
  readonly maxPages?: number;
  readonly onCommit?: (info: { ops: number; ms: number }) => void;
  /** Called once with the text of each statement of this thread. */
  readonly onPrepare?: (sql: string) => void;
  /** Ends a migration between two steps: the opening rejects with its reason, and the next opening continues. */
  readonly signal?: AbortSignal;
}

/**
 * The most settlements in one batch. Each changes rows everywhere in the file: with 200 of them, a batch took
 * 30 ms and more, and accepting commits waited for two such batches.
 */
const MOST_LATER = 50;
const SHELVE = 'INSERT INTO corrupt (table_name, key, reason, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING';

/** The weight of a command in octets, in addition to its long values. */
const COMMAND_BYTES = 256;

function weigh(command: Command): number {
  let bytes = COMMAND_BYTES;
  for (const value of command.params) {
    if (typeof value === 'string' || value instanceof Uint8Array) bytes += value.length;
  }
  return bytes;
}

/** A commit that changes nothing would not be written. */
const PROBE = `INSERT INTO meta (key, value) VALUES ('probe', 1) ON CONFLICT (key) DO UPDATE SET value = 1 - value`;
const BUMP = `INSERT INTO meta (key, value) VALUES ('directory', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1`;
/** ms after which a change of the directory by another process is seen at the latest */
const LOOK_MS = 20;

/**
 * Tells that the directory has changed: at once for this process's changes, and after LOOK_MS for those of
 * commands that run next to it.
 */
function createDirectoryChanges(statements: Statements, clock: Clock) {
  const ask = () =>
    statements.all<{ value: number }>("SELECT value FROM meta WHERE key = 'directory'")[0]?.value ?? 0;
  let own = 0;
  let seen = ask();
  let lookedAt = clock.monotonic();
  return {
    changed() {
      own += 1;
    },
    read() {
      const now = clock.monotonic();
      if (now - lookedAt >= LOOK_MS) {
        lookedAt = now;
        const value = ask();
        if (value !== seen) own += 1;
        seen = value;
      }
      return own;
    },
  };
}

/** Functions that exist only if the store is a file of the process that serves it. */
export interface Embedded {
  /** Its path. */
  readonly file: string;
  /** Figures of the write-ahead log, as this process sees it. */
  logFigures(): LogFigures;
  /**
   * Copies the store while it is served, as of the end of the copy, into an existing empty file. Rejects with
   * BackupError; then the content of the file is undefined.
   */
  copyInto(file: string, report: Report, signal: AbortSignal): Promise<void>;
}
export interface SqliteStore extends Store {
  readonly embedded: Embedded;
}

/** ms between two log lines about the progress of a migration. */
const TOLD_MS = 10_000;

/**
 * Migrates the store to our schema. If that takes long, logs its progress; signals are handled between two
 * steps.
 */
async function brought(
  db: DatabaseSync,
  { clock, logger, signal }: Pick<SqliteStoreOptions, 'clock' | 'logger' | 'signal'>,
): Promise<number> {
  const steps = migrating(db);
  const began = clock.monotonic();
  let toldAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    const { done, total } = step.value;
    const now = clock.monotonic();
    if (now - toldAt >= TOLD_MS) {
      toldAt = now;
      const secondsLeft =
        done === 0 || total === null ? null : Math.ceil((((now - began) / done) * (total - done)) / 1000);
      logger.info(
        { done, total, secondsLeft },
        'the service is migrating the store to a new schema; mail waits until it is done',
      );
    }
    await setImmediate();
    signal?.throwIfAborted();
  }
}

export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const { directory, clock, random, logger } = options;
  const db = openDatabase(directory, options.durable);
  await using opening = new AsyncDisposableStack();
  opening.defer(() => db.close());
  if (directory !== ':memory:' && options.lock !== false) {
    const lock = takeLock(directory);
    opening.defer(() => lock.close());
  }
  if (options.lock === false) refuseOneWay(db, directory);
  const version = await brought(db, options);
  if (options.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${Math.floor(options.maxPages)}`);
  db.function('hikyaku_id', () => random.id());

  const statements = createStatements(db, options.onPrepare);
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
  const onCommit = options.onCommit ?? (() => {});
  const watch = createLogWatch(directory, logger);
  const threaded = directory !== ':memory:' && options.lock !== false && options.durable !== false;
  const committer = threaded
    ? await createThreadWriter(directory, options.maxPages ?? null, onCommit, watch.told)
    : createOwnWriter(db, statements, () => clock.monotonic(), onCommit);
  opening.defer(() => committer.close());
  const writer = createGroupCommit<Recorded>({
    commit: committer.commit,
    weigh: (recorded) => recorded.bytes,
    maxLater: MOST_LATER,
  });
  let recording: { commands: Command[]; bytes: number; directory: boolean } | null = null;
  const push: Push = (command) => {
    if (recording === null) throw new Error('a transaction records only during its callback');
    recording.commands.push(command);
    recording.bytes += weigh(command);
  };
  const pushDirectory: Push = (command) => {
    push(command);
    recording!.directory = true;
  };
  const directoryStamp = createDirectoryChanges(statements, clock);
  async function write(record: () => void, share: string, urgent = false): Promise<void> {
    const outer = recording;
    const mine = { commands: [] as Command[], bytes: 0, directory: false };
    recording = mine;
    let effects: Effects;
    try {
      effects = collectEffects(record);
      if (mine.directory) push({ sql: BUMP, params: [] });
    } finally {
      recording = outer;
    }
    try {
      if (mine.commands.length > 0) await writer.submit(mine, share, urgent);
    } catch (error) {
      effects.failed();
      throw error;
    } finally {
      if (mine.directory) directoryStamp.changed();
    }
    effects.committed();
  }
  const unreadable = createUnreadableRows({
    rows: statements.all<UnreadableRow>('SELECT table_name, key FROM corrupt'),
    clock,
    logger,
    note: (...params) => write(() => push({ sql: SHELVE, params }), OWN),
  });
  const tx: StoreTx = {
    ...iamTx(queries, pushDirectory, push),
    ...peopleTx(queries, push),
    ...accessTx(queries, push, pushDirectory),
    ...auditTx(queries, push),
    ...domainTx(queries, pushDirectory),
    ...topicTx(queries, pushDirectory),
    ...limitTx(queries, push, pushDirectory),
    ...limitsTx(queries, push),
    ...ledgerTx(queries, push),
    ...dnsAccountTx(queries, push),
    ...secretKeyTx(queries, pushDirectory),
    ...expectations(queries, push),
    ...sqliteSpoolTx(push),
    ...sqliteEventTx(push),
  };
  const read = {
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
    ...sqliteSpoolReader(statements, unreadable),
    ...sqliteEventReader(statements, unreadable),
  };
  const stopping = new AbortController();
  const held = opening.move();
  return {
    version,
    read: cacheDirectory(read, directoryStamp.read),
    transact: (project, record, urgent) => write(() => record(tx), project, urgent),
    probe: () => write(() => push({ sql: PROBE, params: [] }), OWN, true),
    ...sqliteRetention({
      statements,
      async write(record) {
        const commands: Command[] = [];
        record((command) => void commands.push(command));
        return commands.length === 0 ? 0 : committer.commitAlone({ commands, bytes: 0 });
      },
      shrink: committer.shrink,
      isLogFull: watch.isFull,
    }),
    embedded: {
      file: join(directory, STORE_FILE),
      logFigures: watch.figures,
      copyInto: (file, report, signal) =>
        committer.copy(file, report, AbortSignal.any([signal, stopping.signal])),
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await writer.close();
      await held.disposeAsync();
    },
  };
}
