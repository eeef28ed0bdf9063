/**
 * A backup: the embedded store as of one moment in one SQLite file, with a table that describes it. The
 * process that serves the store makes the copy. If no process serves it, or that process cannot, this process
 * copies (VACUUM INTO reads one snapshot and blocks no writer, but the log of a store in use grows in the
 * meantime). Invariants: the file gets its name only when it is complete, checked and synced; only its owner
 * can read it; it contains the secret key only if the key was given. Fails with BackupError and leaves
 * nothing behind. A process that is killed leaves `<file>.partial-<pid>`, which the next backup into that
 * file removes.
 */
import { closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { unwatched, type Watch } from '../../runtime/report.ts';
import { OUR_VERSION } from '../migrations/sqlite/index.ts';
import { partialOf } from '../partial.ts';
import { BackupError, StoreTooNew } from '../store.ts';
import { checkAside, copyAside } from './aside.ts';
import { DAMAGED, sqliteWords } from './words.ts';

/** "HIKB" in the header of every backup (https://www.sqlite.org/fileformat.html, 1.3.15); a store in use has 0. */
export const APPLICATION_ID = 0x48494b42;
/** The version of the table `backup`. */
const FORMAT = 1;
const MAGIC = 'SQLite format 3\0';
/** ms to wait for another process's transaction */
const BUSY_TIMEOUT = 5000;

export interface BackupOptions {
  /** of the store */
  readonly directory: string;
  /** Replaced if it is a backup; otherwise an existing file is refused. */
  readonly file: string;
  /** Written into the file if it is given. */
  readonly secretKey: Buffer | null;
  /** Identifies the key without revealing it; null if there is no key. */
  readonly keyId: string | null;
  /** wall time, ms */
  readonly takenAt: number;
  /**
   * Asks the process that serves the store to copy it into this file, which exists and is empty; false if no
   * process can.
   */
  readonly copyServed: (partial: string) => Promise<boolean>;
  readonly watch?: Watch;
}
export interface BackupFacts {
  readonly version: number;
  readonly takenAt: number;
  /** octets */
  readonly size: number;
  /** recipients that wait for an attempt */
  readonly waiting: number;
  readonly secretKey: Buffer | null;
  readonly keyId: string | null;
}

export async function backUpSqlite(options: BackupOptions): Promise<BackupFacts> {
  const { directory, file, secretKey, keyId, takenAt, copyServed, watch = unwatched } = options;
  const source = join(directory, 'hikyaku.sqlite');
  if (!existsSync(source)) throw new BackupError(`there is no store in ${directory}`);
  if (existsSync(file) && !isBackup(file))
    throw new BackupError(`${file} exists and is not a backup, so it is not replaced`);
  let partial: string | null = null;
  try {
    partial = partialOf(file);
    // Both ways of copying need an empty file, so the copy never has another mode.
    closeSync(openSync(partial, 'wx', 0o600));
    if (!(await copyServed(partial))) await copyAside(source, partial, watch);
    await checkAside(partial, source, watch).catch((error: unknown) => {
      throw error instanceof BackupError ? new BackupError(`${error.message}; ${DAMAGED}`) : error;
    });
    const copy = new DatabaseSync(partial);
    try {
      // A copy of all pages says that it has its own log, as the store does.
      copy.exec('PRAGMA journal_mode = DELETE');
      // Only now does the file say that it is a backup: a file left by a kill does not.
      copy.exec(
        `CREATE TABLE backup (format INTEGER NOT NULL, taken_at INTEGER NOT NULL, key_id TEXT, secret_key BLOB) STRICT; PRAGMA application_id = ${APPLICATION_ID}`,
      );
      copy.prepare('INSERT INTO backup VALUES (?, ?, ?, ?)').run(FORMAT, takenAt, keyId, secretKey);
    } finally {
      copy.close();
    }
    const facts = readFacts(partial);
    syncPath(partial);
    renameSync(partial, file);
    syncPath(dirname(file));
    return facts;
  } catch (error) {
    throw watch.signal.aborted ? watch.signal.reason : backupError(error);
  } finally {
    if (partial !== null)
      for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(`${partial}${suffix}`, { force: true });
  }
}

/** One SQLite call that takes minutes: see aside.ts. */
export function copyUnserved(source: string, partial: string): void {
  const store = new DatabaseSync(source, { timeout: BUSY_TIMEOUT });
  try {
    store.prepare('VACUUM INTO ?').run(partial);
  } finally {
    store.close();
  }
}

/** Whether the file's header says that it is a backup; false if that cannot be read. */
export function isBackup(file: string): boolean {
  const header = Buffer.alloc(100);
  let descriptor: number | null = null;
  try {
    descriptor = openSync(file, 'r');
    readSync(descriptor, header, 0, header.length, 0);
  } catch {
    return false;
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
  return header.toString('latin1', 0, 16) === MAGIC && header.readInt32BE(68) === APPLICATION_ID;
}

/** What a backup says about itself. Throws BackupError, StoreTooNew. */
export function readFacts(file: string): BackupFacts {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const about = db.prepare('SELECT format, taken_at, key_id, secret_key FROM backup').get();
    if (about === undefined || Number(about['format']) > FORMAT)
      throw new BackupError(`${file} has a backup format that this program does not know`);
    const meta = db.prepare('SELECT value FROM meta WHERE key = ?');
    const oldest = Number(meta.get('oldest_compatible')?.['value'] ?? 0);
    if (oldest > OUR_VERSION) throw new StoreTooNew(oldest, OUR_VERSION);
    const waiting = tablesOf(db, ['recipient', 'old_recipient']).reduce((sum, table) => {
      const counted = db
        .prepare(`SELECT count(*) AS n FROM ${table} WHERE next_attempt_at IS NOT NULL`)
        .get();
      return sum + Number(counted?.['n']);
    }, 0);
    const key = about['secret_key'];
    return {
      version: Number(meta.get('version')?.['value'] ?? 0),
      takenAt: Number(about['taken_at']),
      size: statSync(file).size,
      waiting,
      secretKey: key instanceof Uint8Array ? Buffer.from(key) : null,
      keyId: typeof about['key_id'] === 'string' ? about['key_id'] : null,
    };
  } finally {
    db.close();
  }
}

/** Those of the tables that exist: rows that a migration has not moved yet are in another table. */
function tablesOf(db: DatabaseSync, names: readonly string[]): string[] {
  const has = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?");
  return names.filter((name) => has.get(name) !== undefined);
}

/** Throws BackupError with SQLite's first complaints. One SQLite call that takes minutes: see aside.ts. */
export function checkIntegrity(db: DatabaseSync, what: string): void {
  let complaints: string[];
  try {
    const found = db.prepare('PRAGMA integrity_check(5)').all();
    complaints = found.map((row) => String(row['integrity_check'])).filter((text) => text !== 'ok');
  } catch (error) {
    // Some damage ends the check itself.
    complaints = [(error as Error).message];
  }
  if (complaints.length > 0) throw new BackupError(`${what} is damaged: ${complaints.join('; ')}`);
}

/** When this returns, a file's octets, or a directory's names, are on the disk. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** An error of the system or of SQLite as a failure of this backup; an interruption stays one. */
export function backupError(error: unknown): Error {
  if (error instanceof Error && ['AbortError', 'BrokenOff'].includes(error.name)) return error;
  if (error instanceof BackupError || error instanceof StoreTooNew) return error;
  return new BackupError(
    sqliteWords(error) ?? (error instanceof Error ? error.message : String(error)),
    error,
  );
}
