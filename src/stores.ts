/**
 * Which engine keeps the store, and how it is opened: embedded for one process, PostgreSQL for a cluster of them.
 * The only importer of store engines.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config/config.ts';
import type { Cluster } from './ledger/cluster.ts';
import type { SharedUsage } from './limits/types.ts';
import { type Clock, systemClock } from './runtime/clock.ts';
import type { Service } from './runtime/lifecycle.ts';
import type { Logger } from './runtime/logger.ts';
import { ownFile } from './runtime/own-file.ts';
import type { ConnectionPermits } from './runtime/permits.ts';
import { createRandom } from './runtime/random.ts';
import type { Watch } from './runtime/report.ts';
import { createSealer, type Sealer } from './runtime/sealing.ts';
import { joinCluster } from './store/postgres/cluster.ts';
import { createLine } from './store/postgres/line.ts';
import { lookAtPostgres } from './store/postgres/look.ts';
import { migratePostgres } from './store/postgres/migrate.ts';
import { openPostgresStore } from './store/postgres/open.ts';
import { createPermits } from './store/postgres/permits.ts';
import type { ReadQueue } from './store/postgres/queue.ts';
import { analyseLarge } from './store/postgres/statistics.ts';
import { createSharedUsage } from './store/postgres/usage.ts';
import { readCursor } from './store/rows/spool.ts';
import { migrateAside } from './store/sqlite/aside.ts';
import { type BackupFacts, type BackupOptions, backUpSqlite } from './store/sqlite/backup.ts';
import { STORE_FILE } from './store/sqlite/files.ts';
import { lookAtSqlite } from './store/sqlite/look.ts';
import { type Embedded, openSqliteStore } from './store/sqlite/open.ts';
import { type RestoreOptions, restoreSqlite } from './store/sqlite/restore.ts';
import { sqliteWords } from './store/sqlite/words.ts';
import { BackupError, type Store, type StoreLook } from './store/store.ts';
import { type ExportOptions, exportSqlite } from './store/transfer/export.ts';
import { type ImportOptions, importPostgres } from './store/transfer/import.ts';

/** In the data directory, where the environment gives no key. */
export const SECRET_KEY_FILE = 'secret.key';

/** The instance's sealer: its key from the environment, or made at first start in the data directory. */
export async function openSealer(config: Config): Promise<Sealer> {
  const made = () => ownFile(config.dataDir, SECRET_KEY_FILE, () => randomBytes(32));
  return createSealer(config.secretKey ?? (await made()));
}

type OnCommit = (info: { ops: number; ms: number }) => void;

/** The store for a command: beside a running service, or (`lock`) in place of one where it is embedded. */
export function openStore(config: Config, logger: Logger, lock: boolean): Promise<Store> {
  const common = { clock: systemClock, random: createRandom(), logger };
  return config.store.kind === 'sqlite'
    ? openSqliteStore({ ...common, directory: config.store.directory, lock })
    : openPostgresStore({ ...common, url: config.store.url, member: null });
}

/** The same, where there is one: a command that only looks makes none. Rejects where the embedded one is not there. */
export async function openMadeStore(config: Config, logger: Logger): Promise<Store> {
  if (config.store.kind === 'sqlite' && !existsSync(join(config.store.directory, STORE_FILE)))
    throw new Error(
      `there is no store in ${config.store.directory}: HIKYAKU_STORE names its directory; \`hikyaku serve\` and \`hikyaku bootstrap\` make one`,
    );
  return openStore(config, logger, false);
}

/** What a service stands on. Disposing leaves the cluster and closes the store. */
export interface Ground extends AsyncDisposable {
  readonly store: Store;
  /** Where one process keeps the store itself. */
  readonly embedded: Embedded | null;
  /** Wall time that all nodes share. */
  readonly clock: Clock;
  /** null: one process, one store. */
  readonly shared: {
    readonly cluster: Cluster;
    readonly usage: SharedUsage;
    readonly permits: ConnectionPermits & Service;
    /** What waits at all nodes. */
    readonly queue: ReadQueue;
  } | null;
}
export interface GroundOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connections: (site: string) => number;
  readonly onCommit: OnCommit;
  /** A commit whose end was not seen may have happened. */
  readonly onUncertain: () => void;
  /** Another node took this one for dead. */
  readonly onFenced: () => void;
}
/** The store to serve, joined as a member where others serve it, too. Rejects with what keeps it from being opened. */
export async function openGround(config: Config, options: GroundOptions): Promise<Ground> {
  const { clock, logger, onCommit } = options;
  const random = createRandom();
  await using opening = new AsyncDisposableStack();
  if (config.store.kind === 'sqlite') {
    const { directory } = config.store;
    const store = opening.use(
      await openSqliteStore({ directory, clock, random, logger, lock: true, onCommit }),
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
  await migratePostgres(url);
  const cluster = opening.use(
    await joinCluster({
      url,
      name: config.node,
      clock,
      byHand: clock !== systemClock,
      random,
      logger,
    }),
  );
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
    }),
  );
  opening.use(analyseLarge({ url, logger }));
  const line = createLine(url);
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
      "HIKYAKU_STORE is no embedded store: back PostgreSQL up by its own means (pg_dump, the provider's snapshots)",
    );
  return store.directory;
}
/** The file that the embedded store is in. */
export function embeddedFile(config: Config): string {
  return join(embeddedDirectory(config), STORE_FILE);
}
/** A backup of the embedded store, also beside a running service. Throws BackupError. */
export function backUpStore(config: Config, options: Omit<BackupOptions, 'directory'>): Promise<BackupFacts> {
  return backUpSqlite({ ...options, directory: embeddedDirectory(config) });
}
/** A backup becomes the embedded store. Throws BackupError, StoreLocked, StoreTooNew. */
export function restoreStore(
  config: Config,
  options: Omit<RestoreOptions, 'directory'>,
): Promise<BackupFacts> {
  return restoreSqlite({ ...options, directory: embeddedDirectory(config) });
}
/** The embedded store into an export file; rows by table. Throws StoreLocked while it is served. */
export function exportStore(config: Config, options: Omit<ExportOptions, 'directory'>) {
  return exportSqlite({ ...options, directory: embeddedDirectory(config) });
}
/** An export into an empty PostgreSQL store; rows by table. Throws TransferError, StoreError. */
export function importStore(config: Config, options: Omit<ImportOptions, 'url'>) {
  if (config.store.kind !== 'postgres')
    throw new Error(
      'HIKYAKU_STORE must name the PostgreSQL database to import into (an embedded store is restored)',
    );
  return importPostgres({ ...options, url: config.store.url });
}
/** The schema's version after migrating. Throws StoreTooNew, StoreLocked, StoreError. */
export async function migrateStore({ store }: Config, watch: Watch): Promise<number> {
  if (store.kind === 'sqlite') return migrateAside(store.directory, watch);
  return (await migratePostgres(store.url, watch)).version;
}

/**
 * How the store stands; it is only read. An embedded one is looked through for damage until the signal says that it was
 * long enough. Throws StoreTooNew, StoreError, BackupError where it is damaged.
 */
export function lookAtStore({ store }: Config, within: AbortSignal): Promise<StoreLook> {
  return store.kind === 'sqlite' ? lookAtSqlite(store.directory, within) : lookAtPostgres(store.url);
}

/** Whether a list of waiting recipients has given the cursor. */
export const isWaitingCursor = (cursor: string): boolean => readCursor(cursor) !== null;

/** What the engine said, with what to do about it; null where it said nothing that somebody could mend. */
export function storeWords(error: unknown): string | null {
  const said = error instanceof BackupError && error.cause instanceof Error ? error.cause : error;
  const { code, message } = said as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return `${message}: the disk is full: make room and try again; nothing was left half`;
  return sqliteWords(said);
}
