/**
 * Chooses and opens the store engine: embedded for one process, PostgreSQL for a cluster. Only this module
 * imports store engines.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config/config.ts';
import type { Cluster } from './ledger/cluster.ts';
import type { SharedUsage } from './limits/usage.ts';
import { type Clock, systemClock } from './runtime/clock.ts';
import type { Service } from './runtime/lifecycle.ts';
import type { Logger } from './runtime/logger.ts';
import type { ConnectionPermits } from './runtime/permits.ts';
import { createRandom } from './runtime/random.ts';
import { unwatched, type Watch } from './runtime/report.ts';
import type { KeyNotes } from './sealed/secret-key.ts';
import { joinCluster } from './store/postgres/cluster.ts';
import { createLazyConnection } from './store/postgres/lazy-connection.ts';
import { lookAtPostgres } from './store/postgres/look.ts';
import { migratePostgres } from './store/postgres/migrate.ts';
import { keepNodesOut } from './store/postgres/nodes.ts';
import { openPostgresStore } from './store/postgres/open.ts';
import { createPermits } from './store/postgres/permits.ts';
import type { ReadQueue } from './store/postgres/queue.ts';
import { analyseLarge } from './store/postgres/statistics.ts';
import { createSharedUsage } from './store/postgres/usage.ts';
import { readCursor } from './store/rows/spool.ts';
import { migrateAside } from './store/sqlite/aside.ts';
import { type BackupFacts, type BackupOptions, backUpSqlite } from './store/sqlite/backup.ts';
import { STORE_FILE, takeLock } from './store/sqlite/files.ts';
import { keyNotesIn, lookAtSqlite } from './store/sqlite/look.ts';
import { type Embedded, openSqliteStore } from './store/sqlite/open.ts';
import { type RestoreOptions, restoreSqlite } from './store/sqlite/restore.ts';
import { sqliteWords } from './store/sqlite/words.ts';
import { BackupError, type Store, type StoreLook } from './store/store.ts';
import { type ExportOptions, exportSqlite } from './store/transfer/export.ts';
import { type ImportOptions, importPostgres } from './store/transfer/import.ts';

type OnCommit = (info: { ops: number; ms: number }) => void;

/**
 * Opens the store for a command. Without `lock`, a service may keep running on it; with `lock`, no service
 * may run on an embedded store. Rejects with the signal's reason.
 */
export function openStore(
  config: Config,
  logger: Logger,
  lock: boolean,
  signal: AbortSignal = unwatched.signal,
): Promise<Store> {
  const common = { clock: systemClock, random: createRandom(), logger, signal };
  return config.store.kind === 'sqlite'
    ? openSqliteStore({ ...common, directory: config.store.directory, lock })
    : openPostgresStore({ ...common, url: config.store.url, member: null });
}

/**
 * Opens an existing store: a command that only reads makes no store. Rejects if the embedded store does not
 * exist.
 */
export async function openMadeStore(config: Config, logger: Logger, signal: AbortSignal): Promise<Store> {
  if (config.store.kind === 'sqlite' && !existsSync(join(config.store.directory, STORE_FILE)))
    throw new Error(
      `there is no store in ${config.store.directory}: set HIKYAKU_STORE to the directory of the store; \`hikyaku serve\` and \`hikyaku bootstrap\` create a store`,
    );
  return openStore(config, logger, false, signal);
}

/** While the result is not disposed, no service can run on the store. Rejects with StoreLocked if one runs. */
export async function keepServicesOut({ store }: Config, signal: AbortSignal): Promise<AsyncDisposable> {
  if (store.kind === 'postgres') return keepNodesOut(store.url, signal);
  const lock = takeLock(store.directory);
  return {
    async [Symbol.asyncDispose]() {
      lock.close();
    },
  };
}

/** What a service runs on. Disposing leaves the cluster and closes the store. */
export interface Ground extends AsyncDisposable {
  readonly store: Store;
  /** null unless one process keeps the store itself. */
  readonly embedded: Embedded | null;
  /** Wall time, the same for all nodes. */
  readonly clock: Clock;
  /** null with an embedded store: one process has its own store. */
  readonly shared: {
    readonly cluster: Cluster;
    readonly usage: SharedUsage;
    readonly permits: ConnectionPermits & Service;
    /** The waiting mail of all nodes. */
    readonly queue: ReadQueue;
  } | null;
}
export interface GroundOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connections: (site: string) => number;
  readonly onCommit: OnCommit;
  /** Called if the result of a commit is unknown: the commit may have happened. */
  readonly onUncertain: () => void;
  /** Called if another node declared this node dead. */
  readonly onFenced: () => void;
  /** Ends the opening, which rejects with its reason. */
  readonly signal: AbortSignal;
}
/**
 * Opens the store for a service. With PostgreSQL, joins the cluster as a member. Rejects with the reason if
 * the store cannot be opened.
 */
export async function openGround(config: Config, options: GroundOptions): Promise<Ground> {
  const { clock, logger, onCommit, signal } = options;
  const random = createRandom();
  await using opening = new AsyncDisposableStack();
  if (config.store.kind === 'sqlite') {
    const { directory } = config.store;
    const store = opening.use(
      await openSqliteStore({ directory, clock, random, logger, lock: true, onCommit, signal }),
    );
    const held = opening.move();
    return {
      store,
      embedded: store.embedded,
      clock,
      shared: null,
      [Symbol.asyncDispose]: () => held.disposeAsync(),
    };
  }
  const { url } = config.store;
  await migratePostgres(url, { ...unwatched, signal });
  const cluster = opening.use(
    await joinCluster({
      url,
      name: config.node,
      clock,
      byHand: clock !== systemClock,
      random,
      logger,
      signal,
    }),
  );
  signal.throwIfAborted();
  const store = opening.use(
    await openPostgresStore({
      url,
      member: cluster,
      clock: cluster.clock,
      random,
      logger,
      onCommit,
      onUncertain: options.onUncertain,
      onFenced: options.onFenced,
      signal,
    }),
  );
  opening.use(analyseLarge({ url, logger }));
  const line = createLazyConnection(url);
  opening.defer(() => line.close());
  const permits = opening.use(
    createPermits({ line, member: cluster.id, cap: options.connections, clock, logger }),
  );
  const held = opening.move();
  return {
    store,
    embedded: null,
    clock: cluster.clock,
    shared: { cluster, usage: createSharedUsage(store.pool), permits, queue: store.queue },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function embeddedDirectory({ store }: Config): string {
  if (store.kind !== 'sqlite')
    throw new Error(
      "HIKYAKU_STORE is not an embedded store: back up PostgreSQL with its own tools (pg_dump, the provider's snapshots)",
    );
  return store.directory;
}
/** The file of the embedded store. */
export function embeddedFile(config: Config): string {
  return join(embeddedDirectory(config), STORE_FILE);
}
/** What the embedded store says about its secret key; null if there is no store. Changes nothing. */
export const embeddedKeyNotes = (config: Config): KeyNotes | null => keyNotesIn(embeddedDirectory(config));
/** Makes a backup of the embedded store; the service may keep running. Throws BackupError. */
export function backUpStore(config: Config, options: Omit<BackupOptions, 'directory'>): Promise<BackupFacts> {
  return backUpSqlite({ ...options, directory: embeddedDirectory(config) });
}
/** Replaces the embedded store with a backup. Throws BackupError, StoreLocked, StoreTooNew. */
export function restoreStore(
  config: Config,
  options: Omit<RestoreOptions, 'directory'>,
): Promise<BackupFacts> {
  return restoreSqlite({ ...options, directory: embeddedDirectory(config) });
}
/**
 * Writes the embedded store into an export file; returns the number of rows by table. Throws StoreLocked
 * while a service runs on it.
 */
export function exportStore(config: Config, options: Omit<ExportOptions, 'directory'>) {
  return exportSqlite({ ...options, directory: embeddedDirectory(config) });
}
/**
 * Reads an export into an empty PostgreSQL store; returns the number of rows by table. Throws TransferError,
 * StoreError.
 */
export function importStore(config: Config, options: Omit<ImportOptions, 'url'>) {
  if (config.store.kind !== 'postgres')
    throw new Error(
      'HIKYAKU_STORE must name the PostgreSQL database to import into (for an embedded store, use `hikyaku restore`)',
    );
  return importPostgres({ ...options, url: config.store.url });
}
/** Returns the schema version after migrating. Throws StoreTooNew, StoreLocked, StoreError. */
export async function migrateStore({ store }: Config, watch: Watch): Promise<number> {
  if (store.kind === 'sqlite') return migrateAside(store.directory, watch);
  return (await migratePostgres(store.url, watch)).version;
}

/**
 * Reads the state of the store and changes nothing. Checks an embedded store for damage until `within`
 * aborts; waits no longer than that for a database, and then rejects with its reason. Throws StoreTooNew and StoreError, and BackupError if the store is damaged.
 */
export function lookAtStore({ store }: Config, within: AbortSignal): Promise<StoreLook> {
  return store.kind === 'sqlite' ? lookAtSqlite(store.directory, within) : lookAtPostgres(store.url, within);
}

/** Whether the cursor comes from a list of waiting recipients. */
export const isWaitingCursor = (cursor: string): boolean => readCursor(cursor) !== null;

/** The engine's error with advice on what to do; null if it is not an error that the operator can repair. */
export function storeWords(error: unknown): string | null {
  const said = error instanceof BackupError && error.cause instanceof Error ? error.cause : error;
  const { code, message } = said as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return `${message}: the disk is full: make room and try again; nothing is half done`;
  return sqliteWords(said);
}
