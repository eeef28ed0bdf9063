/** Nothing of a closed project is forgotten: every table with a project_id is in the list of what goes. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { CONTROL_ROWS } from './removal.ts';
import { migrate } from './sqlite/files.ts';
import { TABLES } from './transfer/format.ts';

/** The store's own: its version, and what is left of rows that are gone (what is hidden is not moved). */
const STAY = ['meta', 'leftover'];

/** On SQLite these go by their owners: a message's, a topic's, a subscriber's. */
const MAIL = ['attempt', 'event', 'message', 'message_part', 'recipient', 'subscriber_delivery'];

function schema() {
  const db = new DatabaseSync(':memory:');
  migrate(db);
  const tables = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
    .all()
    .map((row) => String(row['name']));
  const columns = (table: string) =>
    db
      .prepare('SELECT name FROM pragma_table_info(?)')
      .all(table)
      .map((row) => String(row['name']));
  return { tables, columns };
}

test('every table that names a project is removed with it, by columns it has', () => {
  const { tables, columns } = schema();
  const mail = tables.filter((table) => MAIL.includes(table));
  assert.deepEqual(mail, MAIL);
  const ofProjects = tables.filter((table) => columns(table).includes('project_id') && !MAIL.includes(table));
  assert.ok(ofProjects.length > 20);
  assert.deepEqual(CONTROL_ROWS.map(({ table }) => table).sort(), ofProjects.sort());
  for (const { table, key } of CONTROL_ROWS)
    for (const column of key) assert.ok(columns(table).includes(column), `${table}.${column}`);
});

test('every table goes along when a store is moved', () => {
  const { tables } = schema();
  const moved = TABLES.map((table) => (table === 'message_body' ? 'message_part' : table));
  assert.deepEqual(moved.sort(), tables.filter((table) => !STAY.includes(table)).sort());
});
