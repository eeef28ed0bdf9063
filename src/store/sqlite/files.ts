/** The store's files: the database, brought to our schema, and the lock that keeps a second server out. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { MIGRATIONS, OUR_VERSION } from '../migrations/sqlite/index.ts';
import { StoreLocked, StoreTooNew } from '../store.ts';
import { isBusy, storeError } from './errors.ts';

export const STORE_FILE = 'hikyaku.sqlite';
/** ms a writer waits for another process's transaction */
const BUSY_TIMEOUT = 5000;

export function openDatabase(directory: string, durable = true): DatabaseSync {
  const inMemory = directory === ':memory:';
  if (!inMemory) mkdirSync(directory, { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(inMemory ? directory : join(directory, STORE_FILE), {
    timeout: BUSY_TIMEOUT,
  });
  // auto_vacuum counts only before the first table
  db.exec(
    `PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = ${durable ? 'FULL' : 'OFF'}; PRAGMA foreign_keys = ON`,
  );
  db.exec('PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY');
  return db;
}
/**
 * Takes the lock by holding an exclusive transaction on a file of its own: the system lets go of it however the
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
 * Gives up to so many free pages at the end of the file back: the file shrinks with the next checkpoint. By `exec`,
 * since one step of the statement frees one page. Throws StoreError; settles nothing.
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
 * Runs the migrations that are missing, in one transaction; returns the version. `onStep` is told before each, and at
 * the end. Throws StoreTooNew.
 */
export function migrate(db: DatabaseSync, onStep: (done: number, total: number) => void = () => {}): number {
  // some change the schema's text, which is refused otherwise
  db.enableDefensive(false);
  db.exec('BEGIN IMMEDIATE');
  try {
    db.exec('CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT');
    const read = db.prepare('SELECT value FROM meta WHERE key = ?');
    const write = db.prepare(
      'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    );
    const metaValue = (key: string) => Number(read.get(key)?.['value'] ?? 0);
    if (metaValue('oldest_compatible') > OUR_VERSION)
      throw new StoreTooNew(metaValue('oldest_compatible'), OUR_VERSION);
    const missing = MIGRATIONS.filter((m) => m.version > metaValue('version'));
    for (const [done, migration] of missing.entries()) {
      onStep(done, missing.length);
      db.exec(migration.sql);
      write.run('version', migration.version);
      write.run('oldest_compatible', migration.oldestCompatible);
    }
    const version = metaValue('version');
    onStep(missing.length, missing.length);
    db.exec('COMMIT');
    return version;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  } finally {
    db.enableDefensive(true);
  }
}
