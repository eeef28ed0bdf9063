/** Membership on a real PostgreSQL: names, death, take-over, the fence, chores, clocks that differ. Time is moved by hand. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import type { Cluster, ClusterListener } from '../../ledger/cluster.ts';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { createFakeClock, type FakeClock } from '../../testing/fake-clock.ts';
import { startPostgres, type TestPostgres } from '../../testing/postgres.ts';
import { joinCluster, NodeNameTaken } from './cluster.ts';
import { migratePostgres } from './migrate.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await startPostgres({ fsync: 'off' });
});
after(() => postgres[Symbol.asyncDispose]());

async function database() {
  const url = await postgres.database();
  await migratePostgres(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    url,
    query: async (sql: string, params: unknown[] = []) => (await client.query(sql, params)).rows,
    [Symbol.asyncDispose]: () => client.end(),
  };
}
const join = (url: string, name: string, clock: Clock, byHand = true) =>
  joinCluster({ url, name, clock, byHand, random: createRandom(), logger: silentLogger });

interface Heard {
  adopted: string[];
  fenced: number;
  lost: number;
  corrected: number[];
}
function listenTo(cluster: Cluster, answer: (question: unknown) => unknown = () => null): Heard {
  const heard: Heard = { adopted: [], fenced: 0, lost: 0, corrected: [] };
  const listener: ClusterListener = {
    adopted: (members) => void heard.adopted.push(...members),
    lost: () => void heard.lost++,
    found() {},
    fenced: () => void heard.fenced++,
    clockCorrected: (ms) => void heard.corrected.push(ms),
    refresh: async () => {},
    asked: async (question) => answer(question),
  };
  cluster.listen(listener);
  return heard;
}
/** Walks the clock until the condition holds, no faster than the database answers: beats must get their time. */
async function until(
  { query }: { query: (sql: string) => Promise<unknown> },
  clock: FakeClock,
  met: () => Promise<boolean> | boolean,
): Promise<void> {
  for (let steps = 0; steps < 5000; steps++) {
    if (await met()) return;
    await clock.advance(50);
    await query('SELECT 1');
  }
  assert.fail('it did not come to that');
}

test('two runs under one name: the second is refused, and takes the first one over once that is gone', async () => {
  await using db = await database();
  const clock = createFakeClock();
  const first = await join(db.url, 'a', clock);
  await assert.rejects(join(db.url, 'a', clock), NodeNameTaken);
  await using other = await join(db.url, 'b', clock);
  await first[Symbol.asyncDispose]();
  await using second = await join(db.url, 'a', clock);
  assert.deepEqual(second.owners(), [second.id, first.id]);
  assert.deepEqual(other.owners(), [other.id]);
});

test('a member whose beat stands still is taken over after 5 s, not before, by one of those that live', async () => {
  await using db = await database();
  const clock = createFakeClock();
  await using dead = await join(db.url, 'dead', clock); // it never begins to beat
  await using alive = await join(db.url, 'alive', clock);
  const heard = listenTo(alive);
  const stop = new AbortController();
  const began = clock.monotonic();
  await alive.start(stop.signal);
  await until(db, clock, () => heard.adopted.length > 0);
  assert.ok(clock.monotonic() - began >= 5000);
  assert.deepEqual(heard.adopted, [dead.id]);
  assert.deepEqual(alive.owners(), [alive.id, dead.id]);
  assert.deepEqual(
    alive.nodes().map(({ id }) => id),
    [alive.id],
  );
  // What comes back from a pause finds itself held by another.
  const late = listenTo(dead);
  await dead.start(stop.signal);
  await until(db, clock, () => late.fenced > 0);
  assert.equal(dead.alive(), false);
});

test('one that leaves in order is taken over at once', async () => {
  await using db = await database();
  const clock = createFakeClock();
  const leaving = await join(db.url, 'leaving', clock);
  await using staying = await join(db.url, 'staying', clock);
  const heard = listenTo(staying);
  await staying.start(new AbortController().signal);
  await leaving[Symbol.asyncDispose]();
  await until(db, clock, () => heard.adopted.length > 0);
  const [row] = await db.query('SELECT beat FROM node WHERE id = $1', [staying.id]);
  assert.ok(Number(row.beat) <= 3, `after ${row.beat} beats`);
});

test('a chore has one member at a time, and another when that is gone', async () => {
  await using db = await database();
  const clock = createFakeClock();
  const one = await join(db.url, 'one', clock);
  await using two = await join(db.url, 'two', clock);
  for (const member of [one, two]) {
    listenTo(member);
    await member.start(new AbortController().signal);
  }
  assert.equal(await one.mayDo('sweep'), true);
  assert.equal(await two.mayDo('sweep'), false);
  assert.equal(await one.mayDo('sweep'), true);
  await one[Symbol.asyncDispose]();
  await until(db, clock, () => two.mayDo('sweep'));
});

test('a question is answered by every other member', async () => {
  await using db = await database();
  const clock = createFakeClock();
  await using one = await join(db.url, 'one', clock);
  await using two = await join(db.url, 'two', clock);
  await using three = await join(db.url, 'three', clock);
  for (const [i, member] of [one, two, three].entries()) {
    listenTo(member, (question) => ({ member: i, question }));
    await member.start(new AbortController().signal);
  }
  await until(db, clock, () => one.nodes().length === 3);
  const state: { answers: readonly unknown[] | null } = { answers: null };
  void one.ask({ what: 'x' }).then((answers) => {
    state.answers = answers;
  });
  await until(db, clock, () => state.answers !== null);
  assert.deepEqual(
    [...(state.answers as { member: number }[])].sort((a, b) => a.member - b.member),
    [
      { member: 1, question: { what: 'x' } },
      { member: 2, question: { what: 'x' } },
    ],
  );
});

test('a node that gives no answer in time is null among the answers', async () => {
  await using db = await database();
  const clock = createFakeClock();
  await using one = await join(db.url, 'one', clock);
  await using two = await join(db.url, 'two', clock);
  listenTo(one, () => null);
  listenTo(two, () => new Promise(() => {}));
  for (const member of [one, two]) await member.start(new AbortController().signal);
  await until(db, clock, () => one.nodes().length === 2);
  const state: { answers: readonly unknown[] | null } = { answers: null };
  void one.ask({ what: 'x' }).then((answers) => {
    state.answers = answers;
  });
  await until(db, clock, () => state.answers !== null);
  assert.deepEqual(state.answers, [null]);
});

test('nodes whose clocks are minutes apart agree on the time', async () => {
  await using db = await database();
  const off = (ms: number): Clock => ({ ...systemClock, now: () => Date.now() + ms });
  await using slow = await join(db.url, 'slow', off(-300_000), false);
  await using fast = await join(db.url, 'fast', off(300_000), false);
  const [row] = await db.query('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms');
  for (const member of [slow, fast]) assert.ok(Math.abs(member.clock.now() - Number(row.ms)) < 2000);
});
