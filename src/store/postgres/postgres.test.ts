/** PostgreSQL: what many nodes at one database must see of each other. The conformance suite runs in plans.test.ts. */
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import pg from 'pg';
import type { EventRow } from '../../edj/topics.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import type { Page } from '../../runtime/transactor.ts';
import { startPostgres } from '../../testing/postgres.ts';
import { CAPS, manyAtOnce } from '../conformance/caps-conformance.ts';
import * as make from '../conformance/samples.ts';
import { OUR_VERSION } from '../migrations/postgres/index.ts';
import { widen } from './event-order.ts';
import { openPostgresStore, type PostgresStoreOptions } from './open.ts';

const server = await startPostgres();
after(() => server[Symbol.asyncDispose]());
const open = (url: string, over: Partial<PostgresStoreOptions> = {}) =>
  openPostgresStore({
    url,
    member: null,
    clock: systemClock,
    random: createRandom(),
    logger: silentLogger,
    ...over,
  });
async function connect(t: TestContext, url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  t.after(() => client.end());
  return client;
}
/** Asks until the answer is as wished; the test's own time limit ends it. */
async function until<T>(ask: () => Promise<T>, wished: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (wished(answer)) return answer;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a change of the directory by one node is seen by the other, told or found', {
  timeout: 20_000,
}, async (t) => {
  const url = await server.database();
  await using one = await open(url);
  await using two = await open(url);
  const p = make.project();
  assert.equal(await two.read.project(p.id), null);
  await one.transact(p.id, (tx) => tx.insertProject(p));
  assert.deepEqual(
    await until(
      () => two.read.project(p.id),
      (found) => found !== null,
    ),
    p,
  );
  // Nobody is told of this one: the poll finds it.
  const client = await connect(t, url);
  await client.query(`UPDATE project SET name = 'another'`);
  await client.query(`UPDATE meta SET value = value + 1 WHERE key = 'directory'`);
  for (const store of [one, two])
    await until(
      () => store.read.project(p.id),
      (found) => found?.name === 'another',
    );
});

test('a role is removed by one node or granted by another, but not both', async () => {
  const url = await server.database();
  await using one = await open(url);
  await using two = await open(url);
  const p = await make.withProject(one);
  for (let i = 0; i < 20; i += 1) {
    const role = {
      id: make.newId<'role'>(),
      projectId: p.id,
      name: `role-${i}`,
      operations: [],
      createdAt: 1,
    };
    await one.transact(p.id, (tx) => tx.insertRole(role));
    const roles = [role.name];
    const results = await Promise.allSettled([
      one.transact(p.id, (tx) => {
        tx.expectRole(role);
        tx.deleteRole(role);
      }),
      two.transact(p.id, (tx) => {
        tx.expectRole(role);
        tx.insertApiClient(make.client(p, { name: role.name, roles }));
      }),
    ]);
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  }
});

test('each member is given its own waiting rows and those it took over; people see all', async (t) => {
  const url = await server.database();
  await using plain = await open(url);
  const client = await connect(t, url);
  for (const id of ['a', 'b'])
    await client.query('INSERT INTO node (id, name, holder, beat, started_at) VALUES ($1, $1, $1, 0, 0)', [
      id,
    ]);
  const owners = { a: ['a'], b: ['b'] };
  await using a = await open(url, { member: { id: 'a', owners: () => owners.a } });
  await using b = await open(url, { member: { id: 'b', owners: () => owners.b } });
  const p = await make.withProject(plain);
  const topic = make.topic(p);
  const lane = { project: p.id, lane: 'example.net' };
  await plain.transact(p.id, (tx) => {
    tx.insertTopic(topic);
    tx.insertSubscriber(make.subscriber(topic));
  });
  const rows = { a: make.message(p), b: make.message(p) };
  for (const [name, store] of [['a', a] as const, ['b', b] as const]) {
    const row = make.recipient(rows[name], { nextAttemptAt: make.NOW + (name === 'a' ? 5 : 0) });
    await store.transact(p.id, (tx) => {
      tx.insertMessage(rows[name]);
      tx.insertRecipient(row);
      tx.insertEvent(make.event(topic, { name }));
    });
  }
  const later = make.NOW + 10;
  const sees = async (store: typeof a) => ({
    due: (await store.read.due([lane], later, 9, new Set()))[0]!.rows.map(({ message }) => message.id),
    next: (await store.read.due([lane], make.NOW - 1, 0, new Set()))[0]!.next,
    lanes: (await store.read.lanes()).map(({ queued }) => queued),
    deliveries: (await store.read.dueDeliveries(make.NOW, make.CLAIM)).due
      .map(({ event }) => event.name)
      .sort(),
    nextDelivery: await store.read.nextDeliveryAfter(make.NOW - 1),
  });
  const [nextDelivery, ofA] = [
    make.NOW,
    { due: [rows.a.id], next: make.NOW + 5, lanes: [1], deliveries: ['a'] },
  ];
  assert.deepEqual(await sees(a), { ...ofA, nextDelivery });
  assert.deepEqual(await sees(b), {
    due: [rows.b.id],
    next: make.NOW,
    lanes: [1],
    deliveries: ['b'],
    nextDelivery,
  });
  for (const store of [a, b, plain]) {
    assert.equal((await store.read.depth(p.id)).queued, 2);
    assert.equal((await store.read.waiting({ project: p.id }, { limit: 9, cursor: null })).items.length, 2);
  }
  owners.b = ['b', 'a'];
  const both = {
    due: [rows.b.id, rows.a.id],
    next: make.NOW,
    // once for each of those it was of
    lanes: [1, 1],
    deliveries: ['a', 'b'],
    nextDelivery,
  };
  assert.deepEqual(await sees(b), both);
  assert.deepEqual(await sees(plain), both);
});

test('a lane of many due rows is walked past those that are held already', async () => {
  await using store = await open(await server.database());
  const p = await make.withProject(store);
  const m = make.message(p);
  const rows = Array.from({ length: 900 }, (_, i) =>
    make.recipient(m, { nextAttemptAt: make.NOW + Math.floor(i / 7) }),
  );
  await store.transact(p.id, (tx) => {
    tx.insertMessage(m);
    for (const row of rows) tx.insertRecipient(row);
  });
  const lane = { project: p.id, lane: 'example.net' };
  const held = new Set(rows.slice(0, 650).map(({ id }) => id));
  const due = (await store.read.due([lane], make.NOW + 1000, 60, held))[0]!.rows;
  assert.deepEqual(
    due.map(({ row }) => row.nextAttemptAt),
    rows.slice(650, 710).map(({ nextAttemptAt }) => nextAttemptAt),
  );
  assert.equal((await store.read.due([lane], make.NOW + 1000, 9000, held))[0]!.rows.length, 250);
});

test('an event of a batch under way is not passed by: readers wait for it, and see it in its place', async (t) => {
  const url = await server.database();
  await using store = await open(url);
  const p = await make.withProject(store);
  const topic = make.topic(p);
  const [first, second] = [make.event(topic, { name: 'first' }), make.event(topic, { name: 'second' })];
  await store.transact(p.id, (tx) => {
    tx.insertTopic(topic);
    tx.insertEvent(first);
  });
  const names = (events: readonly EventRow[]) => events.map(({ name }) => name);
  // Another node's batch: it has its id already and will commit after the next one of ours.
  const other = await connect(t, url);
  await other.query('BEGIN');
  await other.query(`SELECT pg_advisory_xact_lock_shared(${0x48494b59}, 1), pg_current_xact_id()`);
  await store.transact(p.id, (tx) => tx.insertEvent(second));
  const answers: string[] = [];
  const after = store.read.eventsAfter(p.id, topic.id, first.id, 9).then(({ items }) => {
    answers.push('reader');
    return items;
  });
  const page = store.read.events(p.id, topic.id, { limit: 9, cursor: null });
  await other.query(
    `INSERT INTO event (project_id, id, topic_id, service, name, created_at, keep_until, drop_day, era, seq)
      SELECT project_id, $2, topic_id, service, 'between', created_at, keep_until, drop_day, era, 1 FROM event WHERE id = $1`,
    [first.id, make.newId()],
  );
  // Readers ask again every few ms: this many questions later they are still waiting.
  for (let i = 0; i < 50; i += 1) await other.query('SELECT 1');
  answers.push('commit');
  await other.query('COMMIT');
  assert.deepEqual(names(await after), ['between', 'second']);
  assert.deepEqual(answers, ['commit', 'reader']);
  assert.deepEqual(names((await page).items), ['second', 'between', 'first']);
  // A transaction of another program holds nobody up.
  await other.query('BEGIN');
  await other.query(`SELECT pg_current_xact_id()`);
  const third = make.event(topic, { name: 'third' });
  await store.transact(p.id, (tx) => tx.insertEvent(third));
  assert.deepEqual(names((await store.read.eventsAfter(p.id, topic.id, second.id, 9)).items), ['third']);
  await other.query('ROLLBACK');
});

test('two writers and a reader at once: the reader misses nothing and sees nothing twice', async () => {
  const url = await server.database();
  await using one = await open(url);
  await using two = await open(url);
  const p = await make.withProject(one);
  const topic = make.topic(p);
  await one.transact(p.id, (tx) => tx.insertTopic(topic));
  const written: string[] = [];
  const seen: string[] = [];
  const write = async (store: typeof one) => {
    for (let i = 0; i < 60; i += 1) {
      const event = make.event(topic);
      await store.transact(p.id, (tx) => tx.insertEvent(event));
      written.push(event.id);
    }
  };
  const state = { writing: true };
  const writing = Promise.all([write(one), write(two)]).finally(() => {
    state.writing = false;
  });
  for (let over = false; !over; ) {
    over = !state.writing;
    const { items: events }: Page<EventRow> = await two.read.eventsAfter(
      p.id,
      topic.id,
      (seen.at(-1) ?? null) as EventRow['id'] | null,
      7,
    );
    seen.push(...events.map(({ id }) => id));
    if (events.length === 7) over = false;
  }
  await writing;
  assert.equal(new Set(seen).size, seen.length);
  assert.deepEqual(seen.toSorted(), written.toSorted());
});

test('transaction ids of 32 bits find their place near one of 64', () => {
  const era = 7 * 2 ** 32;
  assert.equal(widen(5, era + 9), era + 5);
  assert.equal(widen(12, era + 9), era + 12);
  assert.equal(widen(2 ** 32 - 1, era + 9), era - 1);
  assert.equal(widen(2, era - 3), era + 2);
});

test('events keep their order where the database was moved to a cluster with lower transaction ids', async (t) => {
  const url = await server.database();
  const p = make.project();
  const topic = make.topic(p);
  const [before, later] = [make.event(topic, { name: 'before' }), make.event(topic, { name: 'later' })];
  {
    await using store = await open(url);
    await store.transact(p.id, (tx) => {
      tx.insertProject(p);
      tx.insertTopic(topic);
      tx.insertEvent(before);
    });
  }
  const client = await connect(t, url);
  await client.query(`UPDATE event SET xid = '99999999999'`);
  await client.query(`UPDATE meta SET value = 1 WHERE key = 'system'`);
  await using store = await open(url);
  await store.transact(p.id, (tx) => tx.insertEvent(later));
  const names = (await store.read.eventsAfter(p.id, topic.id, null, 9)).items.map(({ name }) => name);
  assert.deepEqual(names, ['before', 'later']);
});

test('messages are shown up to the one that cannot be read, which is an error where it is the first', async (t) => {
  const url = await server.database();
  await using store = await open(url);
  const p = await make.withProject(store);
  const [good, unreadable, bodiless] = [make.message(p), make.message(p), make.message(p)];
  await store.transact(p.id, (tx) => {
    for (const message of [good, unreadable, bodiless]) tx.insertMessage(message);
  });
  const other = await connect(t, url);
  await other.query("UPDATE message SET facts = '{' WHERE id = $1", [unreadable.id]);
  await other.query('DELETE FROM message_body WHERE message_id = $1', [bodiless.id]);
  for (const bad of [unreadable, bodiless]) {
    const first = await store.read.shownOf(p.id, [good.id, bad.id], 9_999);
    assert.deepEqual(first, [await store.read.shown(p.id, good.id)]);
    await assert.rejects(store.read.shownOf(p.id, [bad.id, good.id], 9_999));
  }
});

test('what is over goes with its partitions; those of later days stay', async (t) => {
  const url = await server.database();
  await using store = await open(url);
  const p = await make.withProject(store);
  const day = 86_400_000;
  for (const days of [1, 5])
    await store.transact(p.id, (tx) =>
      tx.insertMessage(make.message(p, { keepUntil: make.NOW + days * day })),
    );
  const client = await connect(t, url);
  const there = async () =>
    (
      await client.query<{ name: string }>(
        `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'message_body'::regclass ORDER BY 1`,
      )
    ).rows.map(({ name }) => Number(name.replace('message_body_d', '')) - make.NOW / day);
  assert.deepEqual(await there(), [2, 3, 6, 7]);
  for (let more = true; more; ) ({ more } = await store.sweep(make.NOW + 3 * day));
  assert.deepEqual(await there(), [6, 7]);
  assert.equal((await store.read.messages(p.id, { limit: 9, cursor: null })).items.length, 1);
  // A day whose partition has gone is made again.
  await store.transact(p.id, (tx) => tx.insertMessage(make.message(p, { keepUntil: make.NOW + day })));
});

test('several nodes open an empty database at once and make the same partitions', async () => {
  const url = await server.database();
  const stores = await Promise.all([open(url), open(url), open(url)]);
  const p = await make.withProject(stores[0]!);
  await Promise.all(stores.map((store) => store.transact(p.id, (tx) => tx.insertMessage(make.message(p)))));
  assert.equal((await stores[1]!.read.messages(p.id, { limit: 9, cursor: null })).items.length, 3);
  for (const store of stores) {
    assert.equal(store.version, OUR_VERSION);
    await store[Symbol.asyncDispose]();
  }
});

test('text that PostgreSQL cannot hold is stored with a replacement, and fails nobody else', async () => {
  await using store = await open(await server.database());
  const p = await make.withProject(store);
  const [odd, plain] = [
    make.message(p, { messageIdHeader: `<a\0"b\\{}${'\u{d800}'}@c>`, facts: { helo: 'x\0y' } }),
    make.message(p, { messageIdHeader: `<${'é'.repeat(5000)}@c>` }),
  ];
  await Promise.all([odd, plain].map((m) => store.transact(p.id, (tx) => tx.insertMessage(m))));
  const back = await store.read.message(p.id, odd.id);
  assert.equal(back?.messageIdHeader, '<a\u{fffd}"b\\{}\u{fffd}@c>');
  assert.equal(back?.facts.helo, 'x\0y');
  const page = { limit: 9, cursor: null, messageIdHeader: plain.messageIdHeader };
  assert.deepEqual(
    (await store.read.messages(p.id, page)).items.map(({ id }) => id),
    [plain.id],
  );
});

test('rows that cannot be read go to the list of unreadable rows and stop nobody', async (t) => {
  const url = await server.database();
  const errors: string[] = [];
  const logger = { ...silentLogger, error: (_: object, text: string) => void errors.push(text) };
  await using store = await open(url, { logger });
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
  const client = await connect(t, url);
  await client.query(`UPDATE message SET facts = '{' WHERE id = $1`, [bad.id]);
  await client.query(`UPDATE event SET content = 'no' WHERE name = 'accepted'`);
  const claim = { ...make.CLAIM, perSubscriber: make.atMost(1) };
  await store.read.dueDeliveries(make.NOW, { ...claim, perSubscriber: make.atMost(2) });
  for (let round = 0; round < 2; round += 1) {
    const due = (await store.read.due([{ project: p.id, lane: 'example.net' }], make.NOW, 9, new Set()))[0]!
      .rows;
    assert.deepEqual(
      due.map(({ message }) => message.id),
      [good.id],
    );
    const owed = (await store.read.dueDeliveries(make.NOW, claim)).due;
    assert.deepEqual(
      owed.map(({ event }) => event.name),
      ['delivered'],
    );
  }
  assert.equal(errors.length, 2);
  await store.transact(p.id, (tx) => tx.insertTopic(make.topic(p, 'another')));
  assert.equal((await client.query('SELECT FROM corrupt')).rowCount, 2);
});

test('counted caps are exact when 60 callers come at once over three nodes', async () => {
  const url = await server.database();
  await using one = await open(url);
  await using two = await open(url);
  await using three = await open(url);
  for (const [name, prepare] of Object.entries(CAPS)) {
    // each needs the rows that it made for itself: a project of the same name is another one
    const capped = await prepare(one).catch((error: unknown) => {
      throw new Error(name, { cause: error });
    });
    assert.equal(await manyAtOnce([one, two, three], capped, 20), 20, name);
    assert.equal(await capped.count(two), 20, name);
  }
});
