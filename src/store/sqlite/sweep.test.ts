/** The sweep on SQLite where there is more than a step: what was owned is hidden at once, goes in steps, and leaves nothing. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { sweepAll } from '../conformance/retention-conformance.ts';
import { ALL } from '../conformance/running.ts';
import * as make from '../conformance/samples.ts';
import { NOW } from '../conformance/samples.ts';
import { openSqliteStore } from './open.ts';

const DAY_MS = 86_400_000;
const SETTLED = { state: 'delivered', nextAttemptAt: null, settledAt: NOW } as const;

/** A store, and a connection beside it that counts the rows of a table. */
async function prepared(t: TestContext) {
  const directory = join(mkdtempSync(join(tmpdir(), 'hikyaku-sweep-')), 'data');
  const store = await openSqliteStore({
    directory,
    clock: systemClock,
    random: createRandom(),
    logger: silentLogger,
  });
  const db = new DatabaseSync(join(directory, 'hikyaku.sqlite'));
  t.after(async () => {
    db.close();
    await store[Symbol.asyncDispose]();
    rmSync(join(directory, '..'), { recursive: true, force: true });
  });
  const count = (table: string) => Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()!['n']);
  return { store, db, count, project: await make.withProject(store) };
}

test('a topic with many events is deleted by one row; what it leaves is hidden and goes in steps', async (t) => {
  const { store, count, project } = await prepared(t);
  const [topic, other] = [make.topic(project), make.topic(project, 'other')];
  const subscriber = make.subscriber(topic);
  const kept = make.event(other);
  const EVENTS = 1_500;
  await store.transact(project.id, (tx) => {
    for (const each of [topic, other]) tx.insertTopic(each);
    for (const each of [subscriber, make.subscriber(other)]) tx.insertSubscriber(each);
    for (let i = 0; i < EVENTS; i += 1) tx.insertEvent(make.event(topic));
    tx.insertEvent(kept);
  });
  const { items } = await store.read.events(project.id, topic.id, ALL);
  await store.transact(project.id, (tx) => tx.deleteTopic(project.id, topic.id));
  assert.deepEqual([count('event'), count('subscriber_delivery')], [EVENTS + 1, EVENTS + 1]);
  assert.equal(count('leftover'), 2);

  assert.equal(await store.read.event(project.id, items[0]!.id), null);
  assert.deepEqual((await store.read.eventsAfter(project.id, topic.id, null, 9)).items, []);
  assert.deepEqual((await store.read.events(project.id, topic.id, ALL)).items, []);
  assert.deepEqual((await store.read.deliveries(project.id, subscriber.id, ALL)).items, []);
  const owed = async () => (await store.read.dueDeliveries(NOW, make.CLAIM)).due.map(({ event }) => event.id);
  assert.deepEqual(await owed(), [kept.id]);

  const first = await store.sweep(NOW);
  assert.ok(first.more && first.removed.events < EVENTS);
  const { removed } = await sweepAll(store, NOW);
  assert.equal(removed.events + first.removed.events, EVENTS);
  assert.equal(removed.deliveries + first.removed.deliveries, EVENTS);
  assert.deepEqual([count('event'), count('subscriber_delivery'), count('leftover')], [1, 1, 0]);
  assert.deepEqual(await owed(), [kept.id]);
  assert.deepEqual(await store.read.event(project.id, kept.id), kept);
});

test('a message that is more than a step is there whole or not at all, and leaves nothing', async (t) => {
  const { store, count, project } = await prepared(t);
  const large = make.message(project, { raw: Buffer.alloc(3_000_000, 'x'), keepUntil: NOW });
  const small = make.message(project, { keepUntil: NOW + 1 });
  await store.transact(project.id, (tx) => {
    for (const each of [large, small]) tx.insertMessage(each);
    for (let i = 0; i < 500; i += 1) {
      const row = make.recipient(large, SETTLED);
      const { projectId, messageId, id: recipientId } = row;
      tx.insertRecipient(row);
      tx.insertAttempt({
        projectId,
        messageId,
        recipientId,
        number: 1,
        at: 1,
        outcome: 'bounced',
        detail: null,
      });
    }
  });
  let [steps, gone] = [0, 0];
  for (let more = true; more; steps += 1) {
    ({ more } = await store.sweep(NOW + DAY_MS));
    const shown = await store.read.message(project.id, large.id);
    if (shown === null) gone += 1;
    else assert.equal(shown.raw.length, large.raw.length);
  }
  assert.ok(gone > 2 && steps > 10, `${steps} steps, ${gone} without the message`);
  for (const table of ['message', 'message_part', 'recipient', 'attempt', 'leftover'])
    assert.equal(count(table), 0, table);
});

test('an event with many deliveries goes after them', async (t) => {
  const { store, count, project } = await prepared(t);
  const topic = make.topic(project);
  await store.transact(project.id, (tx) => {
    tx.insertTopic(topic);
    for (let i = 0; i < 700; i += 1) tx.insertSubscriber(make.subscriber(topic));
    tx.insertEvent(make.event(topic, { keepUntil: NOW }));
  });
  const first = await store.sweep(NOW);
  assert.deepEqual([first.removed.events, first.removed.deliveries < 700], [0, true]);
  const { removed } = await sweepAll(store, NOW);
  assert.deepEqual([removed.events, removed.deliveries + first.removed.deliveries], [1, 700]);
  assert.deepEqual([count('event'), count('subscriber_delivery')], [0, 0]);
});

test('whose octets are shown by a message that waits is put off with it, and stands in nobody’s way', async (t) => {
  const { store, db, project } = await prepared(t);
  const [holder, sharer] = [
    make.message(project, { keepUntil: NOW }),
    make.message(project, { keepUntil: NOW }),
  ];
  const row = make.recipient(sharer);
  await store.transact(project.id, (tx) => {
    tx.insertMessage(holder);
    tx.insertRecipient(make.recipient(holder, SETTLED));
    tx.insertMessage({ ...sharer, raw: holder.raw }, holder.id);
    tx.insertRecipient(row);
  });
  const { waiting, removed } = await sweepAll(store, NOW);
  assert.deepEqual([waiting, removed.messages], [[sharer.id], 0]);
  await sweepAll(store, NOW);
  const kept = db.prepare('SELECT DISTINCT keep_until AS at FROM message').all();
  assert.deepEqual(
    kept.map(({ at }) => at),
    [NOW + DAY_MS],
  );
  assert.deepEqual((await store.read.message(project.id, sharer.id))?.raw, holder.raw);
});

test('a step that fails did nothing, and the next does it', async (t) => {
  const { store, db, count, project } = await prepared(t);
  await store.transact(project.id, (tx) => tx.insertMessage(make.message(project, { keepUntil: NOW })));
  db.exec(`CREATE TRIGGER no BEFORE DELETE ON message BEGIN SELECT RAISE(ABORT, 'not now'); END`);
  await assert.rejects(store.sweep(NOW));
  assert.equal(count('message'), 1);
  db.exec('DROP TRIGGER no');
  const { removed } = await sweepAll(store, NOW);
  assert.deepEqual([removed.messages, count('message')], [1, 0]);
});
