/** Retention on PostgreSQL gives its room back to the disk: what went lay in partitions of its own. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import pg from 'pg';
import { systemClock } from '../../runtime/clock.ts';
import { type Logger, silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { startPostgres } from '../../testing/postgres.ts';
import * as make from '../conformance/samples.ts';
import type { Removed } from '../retention.ts';
import { createSweeper } from '../sweeper.ts';
import { joinCluster } from './cluster.ts';
import { migratePostgres } from './migrate.ts';
import { openPostgresStore } from './open.ts';

const DAY_MS = 86_400_000;
const server = await startPostgres({ fsync: 'off' });
after(() => server[Symbol.asyncDispose]());

test('after the sweep the database is smaller on the disk, and what stays is whole', async () => {
  const url = await server.database();
  await using store = await openPostgresStore({
    url,
    member: null,
    clock: systemClock,
    random: createRandom(),
    logger: silentLogger,
  });
  const p = await make.withProject(store);
  const raw = createRandom().bytes(500_000);
  const kept = make.message(p, { raw, keepUntil: make.NOW + 10 * DAY_MS });
  for (let i = 0; i < 30; i += 1)
    await store.transact(p.id, (tx) => tx.insertMessage(make.message(p, { raw, keepUntil: make.NOW })));
  await store.transact(p.id, (tx) => tx.insertMessage(kept));
  const size = async () => {
    const { rows } = await store.pool.query('SELECT pg_database_size(current_database()) AS size');
    return Number(rows[0].size);
  };
  const before = await size();
  assert.ok(before > 30 * raw.length);
  let more = true;
  for (let steps = 0; more && steps < 1000; steps += 1)
    more = (await store.sweep(make.NOW + 3 * DAY_MS)).more;
  assert.equal(more, false);
  const left = await size();
  assert.ok(left < before - 25 * raw.length, `${before} octets became ${left}`);
  assert.deepEqual(await store.read.message(p.id, kept.id), kept);
});

test('a session that holds what is over is named, with what to do; the rest of the round goes on', async () => {
  const url = await server.database();
  const common = { clock: systemClock, random: createRandom(), logger: silentLogger };
  await using store = await openPostgresStore({ ...common, url, member: null });
  const p = await make.withProject(store);
  await store.transact(p.id, (tx) => {
    for (const days of [0, 1, 2]) tx.insertMessage(make.message(p, { keepUntil: make.NOW + days * DAY_MS }));
    tx.insertSuspension({
      ...{ id: make.newId(), filter: { project: null }, reason: '', actor: '', byOperator: true },
      ...{ createdAt: make.NOW, expiresAt: make.NOW + 1 },
    });
  });
  const holder = new pg.Client({ connectionString: url, application_name: 'a report' });
  await holder.connect();
  try {
    await holder.query('BEGIN');
    await holder.query('SELECT count(*) FROM message_body');
    const { rows } = await holder.query('SELECT pg_backend_pid() AS pid');
    const now = make.NOW + 9 * DAY_MS;
    const told: string[] = [];
    let records = 0;
    for (let more = true, steps = 0; more; steps += 1) {
      assert.ok(steps < 100);
      const swept = await store.sweep(now);
      if (swept.heldBy) told.push(swept.heldBy);
      records += swept.removed.records;
      more = swept.more;
    }
    assert.equal(told.length, 1);
    assert.match(
      told[0]!,
      /^session \d+ of the database \(a report, idle in transaction since .*\) holds a lock on message_body_d\d+: /,
    );
    assert.match(told[0]!, new RegExp(`SELECT pg_terminate_backend\\(${rows[0].pid}\\)$`));
    assert.equal(records, 1);
  } finally {
    await holder.end();
  }
  const left = async () =>
    (await store.pool.query("SELECT FROM pg_inherits WHERE inhparent = 'message_body'::regclass")).rows
      .length;
  const before = await left();
  for (let more = true; more; ) ({ more } = await store.sweep(make.NOW + 9 * DAY_MS + 1));
  assert.ok((await left()) < before);
});

test('partitions go by the time of the database, however wrong the clock of the node, and what went is counted', async () => {
  const url = await server.database();
  await migratePostgres(url);
  const random = createRandom();
  // six years behind
  const own = createFakeClock(Date.UTC(2020, 0, 1));
  await using cluster = await joinCluster({ url, name: 'node', clock: own, random, logger: silentLogger });
  const { clock } = cluster;
  await using store = await openPostgresStore({
    url,
    member: { id: cluster.id, owners: cluster.owners },
    clock,
    random,
    logger: silentLogger,
  });
  const p = await make.withProject(store);
  const topic = make.topic(p);
  const { rows } = await store.pool.query(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8 AS now',
  );
  const now: number = rows[0].now;
  await store.transact(p.id, (tx) => {
    tx.insertTopic(topic);
    tx.insertSubscriber(make.subscriber(topic));
  });
  for (const keepUntil of [now - 3 * DAY_MS, now - DAY_MS, now + 2 * DAY_MS])
    await store.transact(p.id, (tx) => {
      const message = make.message(p, { keepUntil });
      const [delivered, bounced] = [make.recipient(message), make.recipient(message)];
      tx.insertMessage(message);
      for (const row of [delivered, bounced])
        tx.insertRecipient({ ...row, state: 'delivered', nextAttemptAt: null, settledAt: make.NOW });
      tx.insertAttempt({
        projectId: p.id,
        messageId: message.id,
        recipientId: delivered.id,
        number: 1,
        at: make.NOW,
        outcome: 'deferred',
        detail: null,
      });
      tx.insertEvent(make.event(topic, { keepUntil }));
    });
  const days = async () =>
    (
      await store.pool.query<{ name: string }>(
        `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = ANY (ARRAY['message_body', 'event', 'attempt']::regclass[])`,
      )
    ).rows.map(({ name }) => Number(name.replace(/^.*_d/, '')));
  const today = Math.floor(now / DAY_MS);
  assert.ok((await days()).some((day) => day <= today));
  const removed: Removed[] = [];
  const info = (facts: { removed?: Removed }, text: string) =>
    text === 'retention removed expired data' && removed.push(facts.removed!);
  const logger = { ...silentLogger, info, error: assert.fail } as unknown as Logger;
  await using sweeper = createSweeper({ store, clock, logger });
  await sweeper.start(new AbortController().signal);
  for (let steps = 0; removed.length === 0; steps += 1) {
    assert.ok(steps < 10_000, 'nothing was removed');
    await own.advance(100);
    await store.pool.query('SELECT 1');
  }
  const { messages, recipients, attempts, events, deliveries } = removed[0]!;
  assert.deepEqual(
    { messages, recipients, attempts, events, deliveries },
    { messages: 2, recipients: 4, attempts: 2, events: 2, deliveries: 2 },
  );
  const left = await days();
  assert.ok(left.length > 0 && left.every((day) => day > today), left.join(' '));
  assert.deepEqual(await store.overdue(now), { since: null, messages: 0 });
});
