/** The write-ahead log: it is copied and made shorter beside the mail; no reading of ours stands in its way for long. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Project } from '../../iam/projects.ts';
import { systemClock } from '../../runtime/clock.ts';
import { type Logger, silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { foldLog } from '../../testing/fold-log.ts';
import { sweepAll } from '../conformance/retention-conformance.ts';
import * as make from '../conformance/samples.ts';
import type { Store } from '../store.ts';
import { createLogWatch } from './log-watch.ts';
import { openSqliteStore, type SqliteStore } from './open.ts';
import { createStatements } from './statements.ts';

const MIB = 1024 * 1024;

async function opened(t: TestContext): Promise<{ directory: string; store: SqliteStore }> {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-log-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const common = { clock: systemClock, random: createRandom(), logger: silentLogger };
  return { directory, store: await openSqliteStore({ directory, ...common }) };
}
const accept = (store: Store, project: Project, octets: number) =>
  store.transact(
    project.id,
    (tx) => {
      const message = make.message(project, { raw: Buffer.alloc(octets, 'a') });
      tx.insertMessage(message);
      tx.insertRecipient(make.recipient(message));
    },
    true,
  );
/** Looks until it is so; the test's own time limit bounds it. */
async function seen(t: TestContext, holds: () => boolean): Promise<void> {
  while (!holds()) await delay(10, undefined, { signal: t.signal });
}

test('a log that a reader let grow is copied and made shorter when it lets go, though nobody writes', async (t) => {
  const { directory, store: made } = await opened(t);
  await using store = made;
  const project = await make.withProject(store);
  const size = () => statSync(join(directory, 'hikyaku.sqlite-wal')).size;
  const reader = new DatabaseSync(join(directory, 'hikyaku.sqlite'));
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM project').get();
  for (let octets = 0; octets < 120 * MIB; octets += 4 * MIB) await accept(store, project, 4 * MIB);
  assert.ok(size() > 110 * MIB, 'mail goes on while it is held');
  const { frames, checkpointed, octets } = store.embedded.logFigures();
  assert.equal(octets, size());
  assert.ok(frames - checkpointed > 25_000);
  reader.exec('COMMIT');
  reader.close();
  await seen(t, () => size() <= 64 * MIB);
  await seen(t, () => store.embedded.logFigures().frames < 1000);
});

test('while a reader lets the log grow retention removes nothing, and goes on when it lets go', async (t) => {
  const { directory, store: made } = await opened(t);
  await using store = made;
  const project = await make.withProject(store);
  const over = make.message(project, { keepUntil: make.NOW });
  await store.transact(project.id, (tx) => tx.insertMessage(over));
  const reader = new DatabaseSync(join(directory, 'hikyaku.sqlite'));
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM project').get();
  for (let octets = 0; octets < 140 * MIB; octets += 4 * MIB) await accept(store, project, 4 * MIB);
  for (let i = 0; i < 3; i += 1) {
    const { more, removed } = await store.sweep(make.NOW);
    assert.deepEqual([more, removed.messages], [true, 0]);
  }
  assert.ok((await store.read.message(project.id, over.id)) !== null);
  reader.exec('COMMIT');
  reader.close();
  await seen(t, () => store.embedded.logFigures().frames < 1000);
  assert.equal((await sweepAll(store, make.NOW)).removed.messages, 1);
});

test('mail by itself keeps the log small', async (t) => {
  const { directory, store: made } = await opened(t);
  await using store = made;
  const project = await make.withProject(store);
  let most = 0;
  for (let octets = 0; octets < 100 * MIB; octets += 200_000) {
    await accept(store, project, 200_000);
    most = Math.max(most, statSync(join(directory, 'hikyaku.sqlite-wal')).size);
  }
  assert.ok(most <= 64 * MIB, `${most} octets`);
});

test('no reading of the store holds on to the log when it has answered', async (t) => {
  const { directory, store: made } = await opened(t);
  await using store = made;
  const project = await make.withProject(store);
  const topic = make.topic(project);
  const messages = [make.message(project, { raw: Buffer.alloc(600_000, 'b') }), make.message(project)];
  await store.transact(project.id, (tx) => {
    tx.insertTopic(topic);
    tx.insertSubscriber(make.subscriber(topic));
    for (const message of messages) {
      tx.insertMessage(message);
      tx.insertRecipient(make.recipient(message));
      tx.insertRecipient(make.recipient(message));
      tx.insertEvent(make.event(topic));
    }
  });
  const page = { limit: 1, cursor: null };
  const now = make.NOW * 2;
  const { read } = store;
  const lanes = (await read.lanes('all')).map(({ lane }) => ({ project: project.id, lane }));
  assert.ok(lanes.length > 0);
  // Each has more to give than is asked for, so that a statement is left in the middle.
  const readings: Readonly<Record<string, () => Promise<unknown>>> = {
    due: () => read.due(lanes, now, 1, new Set()),
    dueDeliveries: () =>
      read.dueDeliveries(now, {
        perSubscriber: { of: () => 1, most: 1, full: [] },
        limit: 1,
        perProject: () => 1,
        round: { after: null, until: null },
        exclude: new Set(),
      }),
    message: () => read.message(project.id, messages[0]!.id),
    octets: () => read.octets(project.id, messages[0]!.id, 0, 10),
    waiting: () => read.waiting({ project: null }, page),
    messages: () => read.messages(project.id, page),
    events: () => read.events(project.id, topic.id, page),
    eventsAfter: () => read.eventsAfter(project.id, topic.id, null, 1),
    depth: () => read.depth(null),
    // Removes one message, more are due.
    sweep: () => store.sweep(now),
  };
  using beside = new DatabaseSync(join(directory, 'hikyaku.sqlite'), { timeout: 0 });
  for (const [name, reading] of Object.entries(readings)) {
    await reading();
    await assert.doesNotReject(foldLog(t, beside), name);
    await accept(store, project, 10);
  }
});

test('a read transaction that would wait is refused', () => {
  using db = new DatabaseSync(':memory:');
  const statements = createStatements(db);
  assert.throws(() => statements.together(async () => {}), /must not wait/);
  assert.equal(db.isTransaction, false);
});

test('a large log is told of once, and once when it is small again', () => {
  const lines: string[] = [];
  const logger = {
    ...silentLogger,
    warn: (_: object, text: string) => lines.push(`warn ${text}`),
    info: (_: object, text: string) => lines.push(`info ${text}`),
  } as Logger;
  const watch = createLogWatch('/nowhere', logger);
  for (const frames of [1000, 60_000, 66_000, 70_000, 60_000, 66_000, 200, 300, 70_000])
    watch.told({ frames, checkpointed: 0 });
  assert.deepEqual(
    lines.map((line) => line.split(' ')[0]),
    ['warn', 'info', 'warn'],
  );
  assert.match(lines[0]!, /another process keeps reading the store/);
  assert.deepEqual(watch.figures(), { frames: 70_000, checkpointed: 0, octets: 0 });
});
