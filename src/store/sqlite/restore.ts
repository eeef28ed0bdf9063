/**
 * Restores a backup: it becomes the store of a directory that no server serves. Invariants: the copy is
 * checked and synced before anything in the directory is touched; then it takes the store's name in one step,
 * so after a kill either the old or the new store is there; without `force` nothing is ever replaced. Fails
 * with StoreLocked, StoreTooNew, BackupError.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { unwatched, type Watch } from '../../runtime/report.ts';
import { BackupError } from '../store.ts';
import { checkAside } from './aside.ts';
import { type BackupFacts, backupError, isBackup, readFacts, syncPath } from './backup.ts';
import { copyFile } from './copy-file.ts';
import { isBusy } from './errors.ts';
import { takeLock } from './files.ts';

// https://www.sqlite.org/rescode.html
const CORRUPT = 11;
const NOTADB = 26;

export interface RestoreOptions {
  readonly directory: string;
  readonly file: string;
  /** Replaces an existing store. */
  readonly force: boolean;
  /**
   * Called when the copy is ready and nothing has been touched. It throws to stop, or returns a function that
   * puts the key in place.
   */
  planKey(facts: BackupFacts): () => void;
  /** It can be ended until the copy takes the store's name. */
  readonly watch?: Watch;
}

export async function restoreSqlite(options: RestoreOptions): Promise<BackupFacts> {
  const { directory, file, force, planKey, watch = unwatched } = options;
  if (!existsSync(file)) throw new BackupError(`${file} does not exist`);
  if (!isBackup(file)) throw new BackupError(`${file} is not a Hikyaku backup`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const store = join(directory, 'hikyaku.sqlite');
  // The lock is held, so the name can be fixed; the next restore removes what a killed one left.
  const copy = join(directory, 'hikyaku.sqlite.restoring');
  const lock = takeLock(directory);
  try {
    const replaces = existsSync(store);
    if (replaces && !force)
      throw new BackupError(
        `there is a store in ${directory}; --force replaces it, including all of its mail`,
      );
    rmSync(copy, { force: true });
    await copyFile(file, copy, watch);
    await checkAside(copy, file, watch);
    const facts = readFacts(copy);
    const db = new DatabaseSync(copy);
    try {
      // The key must not stay in the store, nor in its freed pages. A crash here only costs the copy.
      db.exec(
        'PRAGMA journal_mode = MEMORY; PRAGMA secure_delete = ON; DROP TABLE backup; PRAGMA application_id = 0',
      );
    } finally {
      db.close();
    }
    syncPath(copy);
    watch.signal.throwIfAborted();
    const placeKey = planKey(facts);
    if (replaces) quiesce(store);
    placeKey();
    renameSync(copy, store);
    syncPath(directory);
    return facts;
  } catch (error) {
    throw watch.signal.aborted ? watch.signal.reason : backupError(error);
  } finally {
    rmSync(copy, { force: true });
    lock.close();
  }
}

/**
 * Copies the old store's log into its file: a log next to the new file would be taken for the new file's.
 * Throws if a command still has the store open. If SQLite cannot read the store any more, nothing in its log
 * can be kept.
 */
function quiesce(store: string): void {
  try {
    const old = new DatabaseSync(store, { timeout: 1000 });
    try {
      old.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      old.exec('PRAGMA journal_mode = DELETE');
    } finally {
      old.close();
    }
  } catch (error) {
    if (isBusy(error)) throw new BackupError('the store is in use by another command; try again');
    const code = (error as { errcode?: number }).errcode ?? 0;
    if (code !== CORRUPT && code !== NOTADB) throw error;
  }
  for (const suffix of ['-wal', '-shm', '-journal']) rmSync(`${store}${suffix}`, { force: true });
}
