/**
 * Stores of every schema there was come to ours with all they have: nothing refers to its owner by a cascade any more,
 * and whoever has the store open sees that. A migration that breaks off leaves the store as it was.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { MIGRATIONS, OUR_VERSION } from '../migrations/sqlite/index.ts';
import { migrate, openDatabase } from './files.ts';

/** Rows that refer to each other, in columns the first schema had. */
const ROWS = `
INSERT INTO project (id, name, sandbox, created_at) VALUES ('p', 'one', 0, 1);
INSERT INTO topic (project_id, id, name, created_at) VALUES ('p', 't', 'inbox', 1), ('p', 'u', 'other', 1);
INSERT INTO subscriber (project_id, id, topic_id, type, url, inline, sealed_secret, created_at) VALUES ('p', 's', 't', 'http', 'x', 0, x'00', 1);
INSERT INTO message (project_id, id, domain_id, direction, source, mail_from, message_id_header, size, smtputf8, eight_bit, accepted_at, expires_at, facts)
  VALUES ('p', 'm', NULL, 'outgoing', 'api', 'a@b', '<m>', 1, 0, 0, 1, 2, '{}');
INSERT INTO message_body (project_id, message_id, part, prefix, data) VALUES ('p', 'm', 0, x'00', x'41');
INSERT INTO recipient (project_id, id, message_id, address, domain, state, lane, attempts, held_ms, created_at) VALUES ('p', 'r', 'm', 'c@d', 'd', 'delivered', 'd', 1, 0, 1);
INSERT INTO event (project_id, id, topic_id, service, name, created_at) VALUES ('p', 'e', 't', 'mta', 'accepted', 1);
INSERT INTO subscriber_delivery (project_id, id, subscriber_id, event_id, state, attempts, created_at) VALUES ('p', 'd', 's', 'e', 'done', 1, 1);
`;
const LARGE = ['message_body', 'recipient', 'event', 'subscriber_delivery'];

/** A store as the program of that version left it. */
function storeOf(t: TestContext, version: number): DatabaseSync {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-migrations-'));
  const db = openDatabase(directory);
  t.after(() => {
    db.close();
    rmSync(directory, { recursive: true, force: true });
  });
  db.exec('CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT');
  for (const migration of MIGRATIONS.filter((each) => each.version <= version)) {
    db.exec(migration.sql);
    if (migration.version === 1) db.exec(ROWS);
  }
  db.exec(`INSERT INTO meta VALUES ('version', ${version}), ('oldest_compatible', 1)`);
  return db;
}
const rowsOf = (db: DatabaseSync, table: string) => db.prepare(`SELECT * FROM ${table}`).all();

for (const { version } of MIGRATIONS.slice(0, -1))
  test(`a store of schema ${version}`, (t) => {
    const db = storeOf(t, version);
    const columns = new Map(LARGE.map((table) => [table, rowsOf(db, table)]));
    const beside = new DatabaseSync(db.location()!);
    t.after(() => beside.close());
    beside.exec('PRAGMA foreign_keys = ON');
    assert.equal(rowsOf(beside, 'recipient').length, 1);

    assert.equal(migrate(db), OUR_VERSION);
    assert.deepEqual(db.prepare('PRAGMA integrity_check').all(), [
      { __proto__: null, integrity_check: 'ok' },
    ]);
    assert.deepEqual(db.prepare('PRAGMA foreign_key_check').all(), []);
    for (const table of LARGE) {
      assert.deepEqual(db.prepare('SELECT * FROM pragma_foreign_key_list(?)').all(table), [], table);
      const [before] = columns.get(table)!;
      const [after] = rowsOf(db, table);
      assert.deepEqual({ ...after, ...before }, { ...after }, table);
    }
    // the text of the schema is ours alone to change
    assert.throws(() => db.exec("UPDATE sqlite_schema SET sql = '' WHERE name = 'event'"));
    // whoever had the store open goes by the new schema
    beside.exec("DELETE FROM message WHERE id = 'm'; DELETE FROM topic WHERE id = 't'");
    for (const table of LARGE) assert.equal(rowsOf(db, table).length, 1, table);
    const left = db.prepare('SELECT kind, id FROM leftover ORDER BY kind').all();
    assert.deepEqual(
      left.map(({ kind, id }) => [kind, id]),
      [
        ['subscriber', 's'],
        ['topic', 't'],
      ],
    );
  });

test('a store that cannot take a migration stays as it was', (t) => {
  const db = storeOf(t, 9);
  db.exec('CREATE TABLE leftover (not_ours INTEGER)');
  const schema = (of: DatabaseSync) => of.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all();
  const before = schema(db);
  assert.throws(() => migrate(db), /leftover already exists/);
  const again = new DatabaseSync(db.location()!);
  t.after(() => again.close());
  assert.deepEqual(schema(again), before);
  again.exec("PRAGMA foreign_keys = ON; DELETE FROM message WHERE id = 'm'");
  assert.deepEqual(rowsOf(again, 'recipient'), []);
});
