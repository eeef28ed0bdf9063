/** SQLite: the conformance suite, and what is its own: the kill, the lock, the version, a full disk, unreadable rows. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../runtime/clock.ts';
import type { MessageId, ProjectId } from '../../runtime/ids.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { StoreError } from '../../runtime/transactor.ts';
import { foldLog } from '../../testing/fold-log.ts';
import { sweepAll } from '../conformance/retention-conformance.ts';
import * as make from '../conformance/samples.ts';
import { storeConformance } from '../conformance/store-conformance.ts';
import { OUR_VERSION } from '../migrations/sqlite/index.ts';
import { openSqliteStore, type SqliteStoreOptions } from './open.ts';

const open = (directory: string, over: Partial<SqliteStoreOptions> = {}) =>
  openSqliteStore({ directory, clock: systemClock, random: createRandom(), logger: silentLogger, ...over });
storeConformance({ name: 'sqlite', open: (directory) => open(directory) });

function directoryFor(t: TestContext): string {
  const directory = join(mkdtempSync(join(tmpdir(), 'hikyaku-store-')), 'data');
  t.after(() => rmSync(join(directory, '..'), { recursive: true, force: true }));
  return directory;
}

test('kill -9 under load loses nothing acknowledged', async (t) => {
  const directory = directoryFor(t);
  const fixture = fileURLToPath(new URL('./load-fixture.ts', import.meta.url));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', fixture, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const exit = once(child, 'exit');
  const acked: [ProjectId, MessageId][] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [project, id] = line.split(' ');
    if (id?.length === 36) acked.push([project as ProjectId, id as MessageId]);
    if (acked.length === 300) child.kill('SIGKILL');
  }
  await exit;
  assert.ok(acked.length >= 300);
  await using store = await open(directory);
  for (const [project, id] of acked) {
    assert.equal((await store.read.message(project, id))?.raw.length, 4096);
    assert.equal((await store.read.recipients(project, id)).length, 1);
  }
});

test('a second server is refused; a command may open beside it, and its writes are seen at once', async (t) => {
  const directory = directoryFor(t);
  await using server = await open(directory);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  await assert.rejects(open(directory), { name: 'StoreLocked' });
  await using beside = await open(directory, { lock: false });
  const p = await make.withProject(beside);
  assert.deepEqual(await server.read.project(p.id), p);
});

test('a store that needs a newer program is refused, naming both versions', async (t) => {
  const directory = directoryFor(t);
  await (await open(directory))[Symbol.asyncDispose]();
  const db = new DatabaseSync(join(directory, 'hikyaku.sqlite'));
  db.exec("UPDATE meta SET value = 99 WHERE key = 'version'");
  const store = await open(directory);
  assert.equal(store.version, 99);
  await store[Symbol.asyncDispose]();
  db.exec("UPDATE meta SET value = 98 WHERE key = 'oldest_compatible'");
  db.close();
  await assert.rejects(open(directory), { name: 'StoreTooNew', oldestCompatible: 98, ours: OUR_VERSION });
});

test('a full store refuses with a retryable error, keeps what it has and takes small writes again', async (t) => {
  const directory = directoryFor(t);
  await using store = await open(directory, { maxPages: 150 });
  const p = await make.withProject(store);
  const m = make.message(p, { raw: Buffer.alloc(1_000_000, 'x') });
  await assert.rejects(
    store.transact(p.id, (tx) => tx.insertMessage(m)),
    { name: 'StoreError', retryable: true },
  );
  assert.equal(await store.read.message(p.id, m.id), null);
  await store.transact(p.id, (tx) => tx.insertMessage(make.message(p)));
});

test('retention: the file gets smaller when what is over has gone, and what stays is whole', async (t) => {
  const directory = directoryFor(t);
  const file = join(directory, 'hikyaku.sqlite');
  await using store = await open(directory);
  const p = await make.withProject(store);
  const raw = Buffer.alloc(500_000, 'x');
  const kept = make.message(p, { raw, keepUntil: make.NOW + 1e9 });
  for (let i = 0; i < 30; i += 1)
    await store.transact(p.id, (tx) => tx.insertMessage(make.message(p, { raw, keepUntil: make.NOW })));
  await store.transact(p.id, (tx) => tx.insertMessage(kept));
  const shrunk = async () => {
    const db = new DatabaseSync(file);
    await foldLog(t, db);
    const check = db.prepare('PRAGMA integrity_check').get()?.['integrity_check'];
    db.close();
    assert.equal(check, 'ok');
    return statSync(file).size;
  };
  const before = await shrunk();
  assert.ok(before > 30 * raw.length);
  const { removed } = await sweepAll(store, make.NOW + 1);
  assert.equal(removed.messages, 30);
  assert.deepEqual(await store.read.message(p.id, kept.id), kept);
  const after = await shrunk();
  assert.ok(after < before / 5, `${before} octets became ${after}`);
});

test('rows that cannot be read go to the list of unreadable rows and stop nobody', async (t) => {
  const directory = directoryFor(t);
  const errors: string[] = [];
  const logger = { ...silentLogger, error: (_: object, text: string) => void errors.push(text) };
  await using store = await open(directory, { logger });
  const p = await make.withProject(store);
  const topic = make.topic(p);
  const [bad, good] = [make.message(p), make.message(p)];
  await store.transact(p.id, (tx) => {
    for (const m of [bad, good]) {
      tx.insertMessage(m);
      tx.insertRecipient(make.recipient(m));
    }
    tx.insertTopic(topic);
    tx.insertSubscriber(make.subscriber(topic));
    for (const name of ['accepted', 'delivered']) tx.insertEvent(make.event(topic, { name }));
  });
  const db = new DatabaseSync(join(directory, 'hikyaku.sqlite'));
  db.prepare("UPDATE message SET facts = '{' WHERE id = unhex(?, '-')").run(bad.id);
  db.exec("UPDATE event SET content = 'no' WHERE name = 'accepted'");
  for (let round = 0; round < 2; round += 1) {
    assert.deepEqual(
      (await store.read.due([{ project: p.id, lane: 'example.net' }], make.NOW, 9, new Set()))[0]!.rows.map(
        (d) => d.message.id,
      ),
      [good.id],
    );
    assert.deepEqual(
      (await store.read.dueDeliveries(make.NOW, make.CLAIM)).due.map((d) => d.event.name),
      ['delivered'],
    );
  }
  assert.equal(errors.length, 2);
  await store.transact(p.id, (tx) => tx.insertTopic(make.topic(p, 'another')));
  assert.equal(db.prepare('SELECT count(*) AS n FROM corrupt').get()?.['n'], 2);
  // those before it are shown, it is an error where it is asked for first
  const { shownOf } = store.read;
  assert.deepEqual(await shownOf(p.id, [good.id, bad.id], 9_999), [await store.read.shown(p.id, good.id)]);
  await assert.rejects(shownOf(p.id, [bad.id, good.id], 9_999), StoreError);
  db.close();
});
