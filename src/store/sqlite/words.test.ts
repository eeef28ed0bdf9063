/** What SQLite says of a full or broken disk comes with what to do; what nobody can mend stays as it was said. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { storeError } from './errors.ts';
import { sqliteWords } from './words.ts';

function failing(act: () => void): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return assert.fail('it did not fail');
}

test('a full disk, no store, and a mistake of ours', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-words-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const db = new DatabaseSync(join(directory, 'a'));
  db.exec('PRAGMA max_page_count = 2; CREATE TABLE t (x)');
  const full = failing(() => db.exec('INSERT INTO t VALUES (zeroblob(100000))'));
  assert.match(sqliteWords(full)!, /: the disk is full: make room and try again/);
  const told = storeError(full);
  assert.ok(told.retryable);
  assert.match(told.message, /make room/);
  assert.equal(sqliteWords(failing(() => db.exec('SELECT nothing'))), null);
  db.close();
  writeFileSync(join(directory, 'b'), 'no store'.repeat(200));
  const none = failing(() => new DatabaseSync(join(directory, 'b')).exec('SELECT * FROM t'));
  assert.match(sqliteWords(none)!, /is not a store, or its beginning is damaged/);
  assert.equal(storeError(none).retryable, false);
});
