/**
 * Reads the state of an embedded store and changes nothing. A read-only connection reads its schema; a
 * separate process checks its structure until the caller's signal aborts. Throws StoreTooNew, BackupError if
 * the store is damaged, and SQLite's errors.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { KeyNotes } from '../../sealed/secret-key.ts';
import { OUR_VERSION } from '../migrations/sqlite/index.ts';
import { BackupError, type StoreLook, StoreTooNew } from '../store.ts';
import { lookAside } from './aside.ts';
import { STORE_FILE } from './files.ts';
import { DAMAGED } from './words.ts';

/** ms to wait for another process's transaction */
const BUSY_TIMEOUT = 5000;

/** `within`: when it aborts, the check for damage ends without a result. */
export async function lookAtSqlite(directory: string, within: AbortSignal): Promise<StoreLook> {
  const file = join(directory, STORE_FILE);
  if (!existsSync(file)) return { kind: 'none' };
  const schema = schemaOf(file);
  if (schema !== null && schema.oldest > OUR_VERSION) throw new StoreTooNew(schema.oldest, OUR_VERSION);
  const lookedThrough = await lookThrough(file, within);
  if (schema === null) return { kind: 'empty' };
  const { version, moving, keyCheck, replacement } = schema;
  return { kind: 'there', version, ours: OUR_VERSION, moving, keyCheck, replacement, lookedThrough };
}
/** What the store says about its secret key; null if there is no store. */
export function keyNotesIn(directory: string): KeyNotes | null {
  const file = join(directory, STORE_FILE);
  return existsSync(file) ? schemaOf(file) : null;
}
interface SchemaFacts extends KeyNotes {
  readonly version: number;
  readonly oldest: number;
  readonly moving: boolean;
}

/** null if the file does not have our schema. */
function schemaOf(file: string): SchemaFacts | null {
  const db = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT });
  try {
    const has = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta'");
    if (has.get() === undefined) return null;
    const read = db.prepare('SELECT value FROM meta WHERE key = ?');
    const metaOf = (key: string) => Number(read.get(key)?.['value'] ?? 0);
    const numberOf = (key: string) => {
      const value = read.get(key)?.['value'];
      return value === undefined ? null : Number(value);
    };
    return {
      version: metaOf('version'),
      oldest: metaOf('oldest_compatible'),
      moving: read.get('moving') !== undefined,
      keyCheck: numberOf('key_check'),
      replacement: numberOf('key_replacement'),
    };
  } finally {
    db.close();
  }
}

/** Whether everything was checked in time. */
async function lookThrough(file: string, within: AbortSignal): Promise<boolean> {
  try {
    await lookAside(file, { report: () => {}, signal: within });
    return true;
  } catch (error) {
    if (within.aborted) return false;
    throw error instanceof BackupError && !error.message.includes(DAMAGED)
      ? new BackupError(`${error.message}; ${DAMAGED}`)
      : error;
  }
}
