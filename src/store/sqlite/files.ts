/** The store's files: the database, migrated to our schema, and the lock that keeps a second server out. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Progress, Report } from '../../runtime/report.ts';
import type { MovingMigration } from '../migrations/migration.ts';
import { MIGRATIONS, OUR_VERSION } from '../migrations/sqlite/index.ts';
import { StoreLocked, StoreOutdated, StoreTooNew } from '../store.ts';
import { isBusy, storeError } from './errors.ts';
import { pack } from './pack.ts';

export const STORE_FILE = 'hikyaku.sqlite';
/** ms a writer waits for another process's transaction */
const BUSY_TIMEOUT = 5000;
/** KiB of pages kept in memory, as a negative number (https://www.sqlite.org/pragma.html#pragma_cache_size). */
const CACHE = -8192;
/** The same while rows are moved: they come from everywhere in the old tables. */
const MOVING_CACHE = -65_536;

export function openDatabase(directory: string, durable = true): DatabaseSync {
  const inMemory = directory === ':memory:';
  if (!inMemory) mkdirSync(directory, { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(inMemory ? directory : join(directory, STORE_FILE), {
    timeout: BUSY_TIMEOUT,
  });
  // auto_vacuum takes effect only before the first table
  db.exec(
    `PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = ${durable ? 'FULL' : 'OFF'}; PRAGMA foreign_keys = ON`,
  );
  db.exec(`PRAGMA cache_size = ${CACHE}; PRAGMA temp_store = MEMORY`);
  db.function('hikyaku_pack', { deterministic: true }, (octets) => pack(octets as Uint8Array));
  return db;
}
/**
 * Takes the lock by holding an exclusive transaction on a separate file: the system releases it however the
 * process ends. Throws StoreLocked.
 */
export function takeLock(directory: string): DatabaseSync {
  const lock = new DatabaseSync(join(directory, 'hikyaku.lock'), { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (isBusy(error)) throw new StoreLocked(directory);
    throw error;
  }
}
/**
 * Gives back up to this many free pages at the end of the file; the file shrinks with the next checkpoint. It
 * uses `exec`, because one step of the statement frees one page. Throws StoreError; returns no outcomes.
 */
export function shrinkFile(db: DatabaseSync, pages: number): readonly [] {
  try {
    db.exec(`PRAGMA incremental_vacuum(${Math.floor(pages)})`);
    return [];
  } catch (error) {
    throw storeError(error);
  }
}
/**
 * Migrates the store to our schema; returns its version. The schema's steps up to one that moves rows are one
 * transaction. Rows are moved in portions, each in its own transaction: after an interruption the next call
 * continues. Yields the progress between two transactions. Throws StoreTooNew and SQLite's errors.
 */
export function* migrating(db: DatabaseSync): Generator<Progress, number> {
  // some steps change the schema's text, which is otherwise refused
  db.enableDefensive(false);
  try {
    for (;;) {
      if (isOlder(db)) yield { done: 0, total: null, unit: 'changing the schema' };
      const { version, moving } = inTransaction(db, () => changeSchema(db));
      if (moving === null) return version;
      db.exec(`PRAGMA cache_size = ${MOVING_CACHE}`);
      const total = moving.left(db);
      for (let done = 0; ; ) {
        yield { done, total, unit: 'messages and events' };
        const moved = inTransaction(db, () => moving.moveSome(db));
        if (moved === 0) break;
        done += moved;
      }
      inTransaction(db, () => {
        db.exec(moving.behind);
        db.exec("DELETE FROM meta WHERE key = 'moving'");
      });
    }
  } finally {
    db.exec(`PRAGMA cache_size = ${CACHE}`);
    db.enableDefensive(true);
  }
}
/** The schema version in it; null if there is none yet. */
function versionOf(db: DatabaseSync): number | null {
  const has = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta'").get();
  const version = has && db.prepare("SELECT value FROM meta WHERE key = 'version'").get()?.['value'];
  return version === undefined ? null : Number(version);
}
const isOlder = (db: DatabaseSync): boolean => (versionOf(db) ?? OUR_VERSION) < OUR_VERSION;
/**
 * Whether programs of the previous schema could not use our schema, or the store is on the way to such a
 * schema.
 */
function isOneWay(db: DatabaseSync): boolean {
  const version = versionOf(db);
  if (version === null) return false;
  const begun = db.prepare("SELECT 1 FROM meta WHERE key = 'moving'").get() !== undefined;
  return begun || MIGRATIONS.some((each) => each.version > version && each.oldestCompatible > version);
}
/**
 * For a command that migrates: takes the lock if a running program could not use our schema, otherwise null.
 * Throws StoreLocked if such a program runs.
 */
export function lockToMigrate(db: DatabaseSync, directory: string): DatabaseSync | null {
  if (!isOneWay(db)) return null;
  try {
    return takeLock(directory);
  } catch (error) {
    if (!(error instanceof StoreLocked)) throw error;
    throw new StoreLocked(
      directory,
      ': if it is a service of an older version, stop it first; if it is migrating the store, wait until it is done',
    );
  }
}
/**
 * For other commands: throws StoreOutdated if they would have to migrate the store to our schema with no way
 * back.
 */
export function refuseOneWay(db: DatabaseSync, directory: string): void {
  if (isOneWay(db)) throw new StoreOutdated(directory);
}
/** The same in one call. */
export function migrate(db: DatabaseSync, report: Report = () => {}): number {
  const steps = migrating(db);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    report(value);
  }
}
/** Up to the step after which rows are to be moved, if there is one. */
function changeSchema(db: DatabaseSync): { version: number; moving: MovingMigration | null } {
  db.exec('CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT');
  const read = db.prepare('SELECT value FROM meta WHERE key = ?');
  const write = db.prepare(
    'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
  );
  const metaValue = (key: string) => Number(read.get(key)?.['value'] ?? 0);
  if (metaValue('oldest_compatible') > OUR_VERSION)
    throw new StoreTooNew(metaValue('oldest_compatible'), OUR_VERSION);
  const movedBy = (version: number) =>
    MIGRATIONS.find((one): one is MovingMigration => one.version === version && 'moveSome' in one) ?? null;
  const begun = movedBy(metaValue('moving'));
  if (begun !== null) return { version: metaValue('version'), moving: begun };
  for (const migration of MIGRATIONS) {
    if (migration.version <= metaValue('version')) continue;
    db.exec(migration.sql);
    write.run('version', migration.version);
    write.run('oldest_compatible', migration.oldestCompatible);
    const moving = movedBy(migration.version);
    if (moving === null) continue;
    write.run('moving', moving.version);
    return { version: moving.version, moving };
  }
  return { version: metaValue('version'), moving: null };
}
function inTransaction<R>(db: DatabaseSync, work: () => R): R {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}
