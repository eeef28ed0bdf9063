/** Held mail over a store in memory and the real limiter: what goes first, and what stands in nobody's way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter } from '../limits/limiter.ts';
import type { DomainId } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { HELD_LANES } from '../spool/messages.ts';
import * as make from '../store/conformance/samples.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { flowHeld, LONGEST_HOLD_MS } from './held.ts';
import { createSuspensions } from './suspensions.ts';

const MINUTE = 60_000;

async function setUp(perMinute: number) {
  const clock = createFakeClock(make.NOW);
  const store = await openSqliteStore({
    directory: ':memory:',
    clock,
    random: createRandom(),
    logger: silentLogger,
  });
  const project = await make.withProject(store);
  const topic = make.topic(project);
  let order = 0;
  const trusted = { now: true };
  await store.transact(project.id, (tx) => tx.insertTopic(topic));
  const deps = {
    read: store.read,
    transactor: store,
    limiter: createLimiter({
      reader: store.read,
      clock,
      defaults: { perMinute, perDay: 0 },
      tellExceeded: async () => {},
      noticed() {},
    }),
    suspensions: createSuspensions(),
    clock,
    timeIsTrusted: () => trusted.now,
  };
  return {
    trusted,
    clock,
    store,
    /** A sending domain with a limit of its own, or null. */
    async domain(name: string, limitPerMinute: number | null): Promise<DomainId> {
      const owned = make.owned(project, name);
      const domain = make.domain(owned, topic, { limitPerMinute, limitPerDay: null });
      await store.transact(project.id, (tx) => {
        tx.insertOwnedDomain(owned);
        tx.insertDomain(domain);
      });
      return domain.id;
    },
    /** Mail held now for `ms`. */
    async hold(domainId: DomainId, address: string, ms: number, priority = false): Promise<void> {
      const message = make.message(project, { domainId, facts: priority ? { priority } : {} });
      const lane = priority ? HELD_LANES.priority : HELD_LANES.quota;
      const row = make.recipient(message, {
        address,
        lane,
        state: 'held',
        heldSince: clock.now(),
        // one after the other: ids of one millisecond have no order
        nextAttemptAt: clock.now() + ms - 100 + order,
      });
      order += 1;
      await store.transact(project.id, (tx) => {
        tx.insertMessage(message);
        tx.insertRecipient(row);
      });
    },
    async flow(lane: string = HELD_LANES.quota, early = false) {
      const { released, overheld, again } = await flowHeld({ project: project.id, lane }, deps, early);
      return {
        released: released.map(({ row, from }) => `${row.address} from ${from}`),
        states: released.map(({ row }) => `${row.state} in ${row.lane}`),
        overheld: overheld.map(({ row }) => row.address),
        again: again === null ? null : again - clock.now(),
      };
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

test('what hurries goes before what was held earlier, as far as the window allows', async () => {
  await using s = await setUp(2);
  const domain = await s.domain('example.com', null);
  for (const name of ['a', 'b', 'c']) await s.hold(domain, name, MINUTE);
  await s.clock.advance(1000);
  for (const name of ['x', 'y', 'z']) await s.hold(domain, name, MINUTE, true);
  await s.clock.advance(59_000);
  assert.deepEqual((await s.flow()).released, ['x from held:priority', 'y from held:priority']);
  assert.deepEqual((await s.flow()).released, []);
  await s.clock.advance(61_000);
  const next = await s.flow();
  assert.deepEqual(next.released, ['z from held:priority', 'a from held:quota']);
  assert.deepEqual(next.states, ['queued in example.net', 'queued in example.net']);
  await s.clock.advance(61_000);
  assert.deepEqual((await s.flow()).released, ['b from held:quota', 'c from held:quota']);
});
test('what hurries flows out by itself where nothing else is held', async () => {
  await using s = await setUp(1);
  const domain = await s.domain('example.com', null);
  await s.hold(domain, 'x', MINUTE, true);
  await s.clock.advance(MINUTE);
  assert.deepEqual((await s.flow(HELD_LANES.priority)).released, ['x from held:priority']);
});
test("a domain over its own limit does not hold up the project's others", async () => {
  await using s = await setUp(0);
  const [slow, free] = [await s.domain('slow.test', 1), await s.domain('free.test', null)];
  for (const name of ['s1', 's2', 's3']) await s.hold(slow, name, 1000);
  await s.hold(free, 'f1', 1000);
  await s.clock.advance(1000);
  const first = await s.flow();
  assert.deepEqual(first.released, ['s1 from held:quota', 'f1 from held:quota']);
  assert.equal(first.again, 61_000, 'the rest is looked at when its window has room');
  await s.clock.advance(60_000);
  assert.deepEqual((await s.flow()).released, []);
  await s.clock.advance(1000);
  assert.deepEqual((await s.flow()).released, ['s2 from held:quota']);
});
test('over the project limit nothing is released and the lane is looked at when room returns', async () => {
  await using s = await setUp(1);
  const domain = await s.domain('example.com', null);
  for (const name of ['a', 'b']) await s.hold(domain, name, 1000);
  await s.clock.advance(1000);
  const { released, again } = await s.flow();
  assert.deepEqual(released, ['a from held:quota']);
  assert.equal(again, 61_000);
});
test('a hold of seven days ends', async () => {
  await using s = await setUp(1);
  const domain = await s.domain('example.com', null);
  await s.hold(domain, 'old', 1000);
  await s.clock.advance(LONGEST_HOLD_MS);
  const { released, overheld } = await s.flow();
  assert.deepEqual([released, overheld], [[], ['old']]);
});
test('with higher limits what is not due yet flows, too, what hurries first', async () => {
  await using s = await setUp(2);
  const domain = await s.domain('example.com', null);
  for (const name of ['a', 'b']) await s.hold(domain, name, 3_600_000);
  await s.hold(domain, 'x', 7_200_000, true);
  await s.clock.advance(5000);
  assert.deepEqual((await s.flow()).released, []);
  const { released, again } = await s.flow(HELD_LANES.quota, true);
  assert.deepEqual(released, ['x from held:priority', 'a from held:quota']);
  assert.equal(again, 61_000);
});

test('no hold and no suspension ends by a clock that has just jumped', async () => {
  await using s = await setUp(0);
  const domain = await s.domain('example.com', null);
  await s.hold(domain, 'a', MINUTE);
  s.trusted.now = false;
  s.clock.jump(LONGEST_HOLD_MS + MINUTE);
  assert.deepEqual(await s.flow(), {
    released: ['a from held:quota'],
    states: ['queued in example.net'],
    overheld: [],
    again: null,
  });
  await s.hold(domain, 'b', -LONGEST_HOLD_MS);
  s.clock.jump(LONGEST_HOLD_MS + MINUTE);
  s.trusted.now = true;
  assert.deepEqual((await s.flow()).overheld, ['b']);
});
