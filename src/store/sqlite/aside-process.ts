/**
 * The process of aside.ts: `check FILE NAME`, `look FILE`, `copy FROM TO` or `migrate DIRECTORY`. It writes
 * one line of JSON for each report; the last line is the result.
 */
import { writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { BackupError, StoreTooNew } from '../store.ts';
import type { Told } from './aside.ts';
import { checkIntegrity, copyUnserved } from './backup.ts';
import { lockToMigrate, migrate, openDatabase } from './files.ts';
import { sqliteWords } from './words.ts';

const tell = (told: Told) => void writeSync(1, `${JSON.stringify(told)}\n`);

function check(file: string, what: string): number {
  const db = new DatabaseSync(file);
  try {
    checkIntegrity(db, what);
    return 0;
  } finally {
    db.close();
  }
}
function look(file: string): number {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  try {
    const said = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
    if (said !== 'ok') throw new BackupError(`the store is damaged: ${String(said).replaceAll('\n', ' ')}`);
    return 0;
  } finally {
    db.close();
  }
}
function copy(from: string, to: string): number {
  copyUnserved(from, to);
  return 0;
}
function migrateIn(directory: string): number {
  const db = openDatabase(directory);
  let lock: DatabaseSync | null = null;
  try {
    lock = lockToMigrate(db, directory);
    return migrate(db, (progress) => tell({ kind: 'progress', progress }));
  } finally {
    lock?.close();
    db.close();
  }
}
const ACTIONS: Readonly<Record<string, (place: string, other: string) => number>> = {
  check,
  look,
  copy,
  migrate: migrateIn,
};
const [action = '', place = '', other = ''] = process.argv.slice(2);
try {
  tell({ kind: 'done', value: ACTIONS[action]!(place, other) });
} catch (error) {
  if (error instanceof StoreTooNew)
    tell({ kind: 'too new', oldest: error.oldestCompatible, ours: error.ours });
  else
    tell({
      kind: 'failed',
      message: sqliteWords(error) ?? (error instanceof Error ? error.message : String(error)),
    });
}
