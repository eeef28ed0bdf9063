/** The process of aside.ts: `check FILE NAME` or `migrate DIRECTORY`; a line of JSON for each thing it tells, the last its end. */
import { writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Progress } from '../../runtime/report.ts';
import { StoreTooNew } from '../store.ts';
import { checkIntegrity } from './backup.ts';
import { migrate, openDatabase } from './files.ts';

export type Told =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'done'; readonly value: number }
  | { readonly kind: 'too new'; readonly oldest: number; readonly ours: number }
  | { readonly kind: 'failed'; readonly message: string };

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
function migrateIn(directory: string): number {
  const db = openDatabase(directory);
  try {
    return migrate(db, (done, total) =>
      tell({ kind: 'progress', progress: { done, total, unit: 'steps of the schema' } }),
    );
  } finally {
    db.close();
  }
}
const [action, place = '', what = ''] = process.argv.slice(2);
try {
  tell({ kind: 'done', value: action === 'check' ? check(place, what) : migrateIn(place) });
} catch (error) {
  if (error instanceof StoreTooNew)
    tell({ kind: 'too new', oldest: error.oldestCompatible, ours: error.ours });
  else tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}
