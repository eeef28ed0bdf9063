/**
 * Stores of every schema there was come to ours with all they have, as the store's own readers show it. A migration that
 * breaks off leaves the store as it was, or goes on where it was.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../runtime/clock.ts';
import type { MessageId, ProjectId, SubscriberId, TopicId } from '../../runtime/ids.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { unwatched } from '../../runtime/report.ts';
import { NAMELESS_ROWS, namelessAreGone } from '../conformance/nameless.ts';
import { CLAIM } from '../conformance/samples.ts';
import { SUSPENDER_ROWS, suspendersAreKnown } from '../conformance/suspenders.ts';
import { MIGRATIONS, OUR_VERSION } from '../migrations/sqlite/index.ts';
import { BODY_PART } from '../rows/spool.ts';
import { migrateAside } from './aside.ts';
import { migrate, migrating, openDatabase } from './files.ts';
import { openSqliteStore } from './open.ts';

const idOf = (kind: string, n = 0) =>
  `0190${kind.padStart(4, '0')}-0000-7000-8000-${String(n).padStart(12, '0')}`;
const [P, T, U, S] = [idOf('a'), idOf('b'), idOf('b', 1), idOf('c')];
const [M, R, E, D] = [idOf('d'), idOf('e'), idOf('f'), idOf('ab')];
/** Rows that refer to each other, in columns the first schema had. */
const ROWS = `
INSERT INTO project (id, name, sandbox, created_at) VALUES ('${P}', 'one', 0, 1);
INSERT INTO topic (project_id, id, name, created_at) VALUES ('${P}', '${T}', 'inbox', 1), ('${P}', '${U}', 'other', 1);
INSERT INTO subscriber (project_id, id, topic_id, type, url, inline, sealed_secret, created_at) VALUES ('${P}', '${S}', '${T}', 'http', 'x', 0, x'00', 1);
INSERT INTO message (project_id, id, domain_id, direction, source, mail_from, message_id_header, size, smtputf8, eight_bit, accepted_at, expires_at, facts)
  VALUES ('${P}', '${M}', NULL, 'outgoing', 'api', 'a@b', '<m>', 1, 0, 0, 1, 2, '{}');
INSERT INTO message_body (project_id, message_id, part, prefix, data) VALUES ('${P}', '${M}', 0, x'00', x'41');
INSERT INTO recipient (project_id, id, message_id, address, domain, state, lane, attempts, next_attempt_at, held_ms, created_at) VALUES ('${P}', '${R}', '${M}', 'c@d', 'd', 'queued', 'd', 1, 5, 0, 1);
INSERT INTO attempt (project_id, message_id, recipient_id, number, at, outcome, detail) VALUES ('${P}', '${M}', '${R}', 1, 3, 'deferred', '{"a":1}');
INSERT INTO event (project_id, id, topic_id, service, name, created_at, message_id) VALUES ('${P}', '${E}', '${T}', 'mta', 'accepted', 1, '${M}');
INSERT INTO subscriber_delivery (project_id, id, subscriber_id, event_id, state, attempts, next_attempt_at, created_at) VALUES ('${P}', '${D}', '${S}', '${E}', 'retry', 1, 7, 1);
`;

function directoryFor(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-migrations-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
/** A store as the program of that version left it. */
function storeOf(directory: string, version: number): DatabaseSync {
  const db = openDatabase(directory);
  db.enableDefensive(false);
  db.exec('CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT');
  for (const migration of MIGRATIONS.filter((each) => each.version <= version)) {
    db.exec(migration.sql);
    if (migration.version === 1) db.exec(ROWS);
    if ('moveSome' in migration) {
      while (migration.moveSome(db) > 0);
      db.exec(migration.behind);
    }
  }
  db.exec(`INSERT INTO meta VALUES ('version', ${version}), ('oldest_compatible', 1)`);
  db.enableDefensive(true);
  return db;
}
const open = (directory: string) =>
  openSqliteStore({ directory, clock: systemClock, random: createRandom(), logger: silentLogger });
const tablesOf = (db: DatabaseSync) =>
  db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all()
    .map(({ name }) => String(name));

for (const { version } of MIGRATIONS.slice(0, -1))
  test(`a store of schema ${version}`, async (t) => {
    const directory = directoryFor(t);
    storeOf(directory, version).close();
    {
      await using store = await open(directory);
      assert.equal(store.version, OUR_VERSION);
      const { read } = store;
      const [project, message] = [P as ProjectId, M as MessageId];
      const shown = await read.message(project, message);
      assert.equal(`${shown?.prefix}${shown?.raw}`, '\0A');
      assert.deepEqual([shown?.mailFrom, shown?.messageIdHeader, shown?.domainId], ['a@b', '<m>', null]);
      const recipients = await read.recipients(project, message);
      assert.deepEqual(
        recipients.map(({ id, projectId, messageId, address, state, nextAttemptAt }) => [
          ...[id, projectId, messageId],
          ...[address, state, nextAttemptAt],
        ]),
        [[R, P, M, 'c@d', 'queued', 5]],
      );
      const attempts = await read.attempts(project, message, [recipients[0]!.id]);
      assert.deepEqual(attempts[0], {
        ...{ projectId: P, messageId: M, recipientId: R, number: 1, at: 3 },
        ...{ outcome: 'deferred', detail: { a: 1 } },
      });
      const events = (await read.eventsAfter(project, T as TopicId, null, 9)).items;
      assert.deepEqual(
        events.map(({ id, name, messageId }) => [id, name, messageId]),
        [[E, 'accepted', M]],
      );
      const { due } = await read.dueDeliveries(9, CLAIM);
      assert.deepEqual(
        due.map(({ delivery: { id, eventId, subscriberId, state } }) => [id, eventId, subscriberId, state]),
        [[D, E, S, 'retry']],
      );
      assert.deepEqual(
        (await read.deliveries(project, S as SubscriberId, { limit: 9, cursor: null })).items,
        [due[0]!.delivery],
      );
    }
    const db = openDatabase(directory);
    t.after(() => db.close());
    assert.deepEqual(db.prepare('PRAGMA integrity_check').all(), [
      { __proto__: null, integrity_check: 'ok' },
    ]);
    assert.deepEqual(db.prepare('PRAGMA foreign_key_check').all(), []);
    assert.deepEqual(
      tablesOf(db).filter((name) => name.startsWith('old_')),
      [],
    );
    // the text of the schema is ours alone to change
    assert.throws(() => db.exec("UPDATE sqlite_schema SET sql = '' WHERE name = 'event'"));
    // nothing large refers to its owner, whose name is kept while it has left something
    db.exec(`DELETE FROM message; DELETE FROM topic WHERE id = '${T}'`);
    for (const table of ['recipient', 'attempt', 'event', 'subscriber_delivery'])
      assert.equal(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'], 1, table);
    assert.deepEqual(
      db
        .prepare('SELECT kind, id FROM leftover ORDER BY kind')
        .all()
        .map(({ kind, id }) => [kind, id]),
      [
        ['subscriber', S],
        ['topic', T],
      ],
    );
  });

test('a store brought up from any schema has the tables, indexes, checks and triggers of a fresh one', (t) => {
  const schemaOf = (db: DatabaseSync) =>
    db
      .prepare(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name",
      )
      .all()
      .map((row) =>
        Object.values(row)
          .map((text) => String(text).replace(/\s+/g, ' '))
          .join(' '),
      );
  const fresh = openDatabase(directoryFor(t));
  t.after(() => fresh.close());
  migrate(fresh);
  assert.ok(schemaOf(fresh).length > 60);
  for (const { version } of MIGRATIONS) {
    const db = storeOf(directoryFor(t), version);
    t.after(() => db.close());
    migrate(db);
    assert.deepEqual(schemaOf(db), schemaOf(fresh), `from ${version}`);
  }
});

test('names without a behaviour leave rules, roles and their holders; what has none left goes, and is audited', async (t) => {
  const directory = directoryFor(t);
  const db = storeOf(directory, 11);
  db.exec(NAMELESS_ROWS);
  db.close();
  await using store = await open(directory);
  await namelessAreGone(store);
});

test('suspensions that an older program stored are marked where the operator made them', async (t) => {
  const directory = directoryFor(t);
  const db = storeOf(directory, 14);
  db.exec(SUSPENDER_ROWS);
  db.close();
  await using store = await open(directory);
  await suspendersAreKnown(store);
});

test('a store that cannot take a migration stays as it was', (t) => {
  const db = storeOf(directoryFor(t), 9);
  t.after(() => db.close());
  db.exec('CREATE TABLE leftover (not_ours INTEGER)');
  const schema = (of: DatabaseSync) => of.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all();
  const before = schema(db);
  assert.throws(() => migrate(db), /leftover already exists/);
  const again = new DatabaseSync(db.location()!);
  t.after(() => again.close());
  assert.deepEqual(schema(again), before);
  again.exec(`PRAGMA foreign_keys = ON; DELETE FROM message WHERE id = '${M}'`);
  assert.deepEqual(again.prepare('SELECT * FROM recipient').all(), []);
});

test('no command but migrate brings the store to a form without a way back, and that one not beside a service', async (t) => {
  const directory = directoryFor(t);
  storeOf(directory, 10).close();
  const beside = { directory, clock: systemClock, random: createRandom(), logger: silentLogger, lock: false };
  {
    using service = new DatabaseSync(join(directory, 'hikyaku.lock'));
    service.exec('BEGIN EXCLUSIVE');
    await assert.rejects(openSqliteStore(beside), { name: 'StoreOutdated', message: /hikyaku migrate/ });
    await assert.rejects(migrateAside(directory, unwatched), {
      message: /service of an older version, stop it first/,
    });
    const db = openDatabase(directory);
    assert.equal(db.prepare("SELECT value FROM meta WHERE key = 'version'").get()?.['value'], 10);
    db.close();
  }
  // without one, only who is asked to
  await assert.rejects(openSqliteStore(beside), { name: 'StoreOutdated' });
  assert.equal(await migrateAside(directory, unwatched), OUR_VERSION);
  // nobody is kept out any more, and no lock is needed
  await using service = await open(directory);
  await using command = await openSqliteStore(beside);
  assert.deepEqual([service.version, command.version], [OUR_VERSION, OUR_VERSION]);
});

const MANY = 9_000;
/** Messages of two projects with octets of all sizes, some of which show another one's; most were handed out. */
function fillOld(db: DatabaseSync): void {
  const [a, b] = [idOf('a', 1), idOf('a', 2)];
  db.exec(`
INSERT INTO project (id, name, sandbox, created_at) VALUES ('${a}', 'two', 0, 1), ('${b}', 'three', 0, 1);
CREATE TEMP TABLE n AS WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${MANY}) SELECT n, iif(n % 2, '${a}', '${b}') AS p,
  printf('0190000d-0000-7000-8000-%012d', n) AS m, (n * 37) % 4000 + iif(n % 1000 = 0, ${BODY_PART}, 0) AS size, n % 50 = 2 AS shows FROM n;
INSERT INTO message (project_id, id, domain_id, direction, source, mail_from, message_id_header, size, smtputf8, eight_bit, accepted_at, expires_at, keep_until, facts, body_of)
  SELECT p, m, iif(n % 3, NULL, m), 'outgoing', 'api', 'a@b', '<' || n || '>', iif(shows, ((n + 2) * 37) % 4000, size), 0, 0, n, n, n, '{}', iif(shows, printf('0190000d-0000-7000-8000-%012d', n + 2), NULL) FROM n;
INSERT INTO message_body (project_id, message_id, part, prefix, data) SELECT p, m, 0, CAST('p' || n AS BLOB),
  iif(shows, x'', CAST(substr(replace(hex(zeroblob(min(size, ${BODY_PART}) / 2 + 1)), '0', char(97 + n % 26)), 1, min(size, ${BODY_PART})) AS BLOB)) FROM n;
INSERT INTO message_body (project_id, message_id, part, prefix, data) SELECT p, m, 1, NULL, zeroblob(size - ${BODY_PART}) FROM n WHERE size > ${BODY_PART};
INSERT INTO recipient (project_id, id, message_id, address, domain, state, lane, attempts, next_attempt_at, held_ms, created_at)
  SELECT p, printf('0190000e-%04d-7000-8000-%012d', k, n), m, 'r' || n, 'd', iif(n % 10, 'delivered', 'deferred'), 'd', 1, iif(n % 10, NULL, n), 0, 1 FROM n, (SELECT 1 AS k UNION SELECT 2);
INSERT INTO attempt (project_id, message_id, recipient_id, number, at, outcome) SELECT p, m, printf('0190000e-0001-7000-8000-%012d', n), 1, n, 'delivered' FROM n;
INSERT INTO topic (project_id, id, name, created_at) VALUES ('${a}', '${idOf('b', 5)}', 'x', 1);
INSERT INTO subscriber (project_id, id, topic_id, type, url, inline, sealed_secret, created_at) VALUES ('${a}', '${idOf('c', 5)}', '${idOf('b', 5)}', 'http', 'x', 0, x'00', 1);
INSERT INTO event (project_id, id, topic_id, service, name, created_at, message_id, keep_until) SELECT p, printf('0190000f-0000-7000-8000-%012d', n), '${idOf('b', 5)}', 'mta', 'accepted', n, iif(n % 2, m, NULL), n FROM n WHERE p = '${a}';
INSERT INTO subscriber_delivery (project_id, id, subscriber_id, event_id, state, attempts, next_attempt_at, created_at)
  SELECT p, printf('019000ab-0000-7000-8000-%012d', n), '${idOf('c', 5)}', printf('0190000f-0000-7000-8000-%012d', n), iif(n % 10, 'done', 'retry'), 1, iif(n % 10, NULL, n), 1 FROM n WHERE p = '${a}';
DROP TABLE n;
-- of a message that was removed: it goes with the old tables
INSERT INTO leftover (kind, project, id) VALUES ('message', '${a}', '${idOf('d', 999_999)}');
INSERT INTO recipient (project_id, id, message_id, address, domain, state, lane, attempts, held_ms, created_at) VALUES ('${a}', '${idOf('e', 999_999)}', '${idOf('d', 999_999)}', 'r', 'd', 'delivered', 'd', 1, 0, 1);
`);
}
/** All that was filled in, as the store's readers show it. */
async function everything(directory: string): Promise<unknown[]> {
  await using store = await open(directory);
  const { read } = store;
  const found: unknown[] = [];
  for (const project of [idOf('a'), idOf('a', 1), idOf('a', 2)] as ProjectId[]) {
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof read.messages>> = await read.messages(project, {
        limit: 500,
        cursor,
      });
      for (const { id } of page.items) {
        const recipients = await read.recipients(project, id);
        const attempts = await read.attempts(
          project,
          id,
          recipients.map((row) => row.id),
        );
        found.push([await read.message(project, id), recipients, attempts]);
      }
      cursor = page.nextCursor;
    } while (cursor !== null);
  }
  const [project, topic] = [idOf('a', 1) as ProjectId, idOf('b', 5) as TopicId];
  const events = (await read.eventsAfter(project, topic, null, 2 * MANY)).items;
  const page = { limit: 2 * MANY, cursor: null };
  const deliveries = await read.deliveries(project, idOf('c', 5) as SubscriberId, page);
  assert.deepEqual([found.length, events.length, deliveries.items.length], [MANY + 1, MANY / 2, MANY / 2]);
  return [...found, events, deliveries.items, await read.depth(null)];
}

test('rows are moved in portions: a kill at any time loses none, and the next start goes on', async (t) => {
  const [whole, killed] = [directoryFor(t), directoryFor(t)];
  for (const directory of [whole, killed]) {
    const db = storeOf(directory, 10);
    fillOld(db);
    db.close();
  }
  const wanted = await everything(whole);
  const first = (wanted[1] as [{ raw: Buffer; prefix: Buffer }])[0];
  assert.ok(first.raw.length > 0 && first.prefix.length > 0);

  let kills = 0;
  for (; kills < 20; kills += 1) {
    const fixture = fileURLToPath(new URL('./migrate-fixture.ts', import.meta.url));
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', fixture, killed], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    child.stdin.on('error', () => {});
    // it does one portion for each octet it is sent: here two, and the second is not waited for
    let lines = 0;
    for await (const chunk of child.stdout) {
      lines += String(chunk).split('\n').length - 1;
      child.stdin.write('.');
      if (lines > 1) child.kill('SIGKILL');
    }
    const [code] = await exited;
    if (code === 0) break;
    const db = new DatabaseSync(join(killed, 'hikyaku.sqlite'));
    // an older program leaves it alone
    assert.equal(db.prepare("SELECT value FROM meta WHERE key = 'oldest_compatible'").get()?.['value'], 11);
    db.close();
  }
  assert.ok(kills >= 2, `${kills} kills`);
  assert.deepEqual(await everything(killed), wanted);
});

test('a portion is small by its octets, too', (t) => {
  const db = storeOf(directoryFor(t), 10);
  t.after(() => db.close());
  db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
    INSERT INTO event (project_id, id, topic_id, service, name, created_at, keep_until, content)
    SELECT '${P}', printf('0190000f-0001-7000-8000-%012d', i), '${T}', 'mta', 'x', i, 0, '"' || hex(zeroblob(100000)) || '"' FROM n`);
  const portions = [...migrating(db)].map(({ done }) => done);
  // 60 MB of events and one small one, a message before
  assert.ok(portions.length > 5, portions.join(' '));
});

test('a disk that is full in the middle says so; with more room the same goes on', async (t) => {
  const directory = directoryFor(t);
  const db = storeOf(directory, 10);
  t.after(() => db.close());
  fillOld(db);
  const pages = Number(db.prepare('PRAGMA page_count').get()?.['page_count']);
  const steps = migrating(db);
  steps.next();
  steps.next();
  db.exec(`PRAGMA max_page_count = ${pages}`);
  const held = db.prepare('SELECT count(*) AS n FROM old_message').get()?.['n'];
  db.exec('CREATE TABLE ballast (octets BLOB)');
  for (const octets of [10_000_000, 100_000, 3_000])
    assert.throws(() => {
      for (;;) db.exec(`INSERT INTO ballast VALUES (zeroblob(${octets}))`);
    }, /full/);
  assert.throws(() => migrate(db), /full/);
  assert.ok(Number(db.prepare('SELECT count(*) AS n FROM old_message').get()?.['n']) <= Number(held));
  db.exec('PRAGMA max_page_count = 1000000');
  db.exec('DROP TABLE ballast');
  assert.equal(migrate(db), OUR_VERSION);
  assert.equal(db.prepare('SELECT count(*) AS n FROM message').get()?.['n'], MANY + 1);
});
