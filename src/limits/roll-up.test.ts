/** The rounds: each project's hours soon after their end, by the node whose turn it is, whatever fails. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProjectId } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { StaleError, StoreError } from '../runtime/transactor.ts';
import * as make from '../store/conformance/samples.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { StoreTx } from '../store/store.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createRollUp } from './roll-up.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;

async function setUp() {
  const clock = createFakeClock(make.NOW);
  const store = await openSqliteStore({
    directory: ':memory:',
    clock,
    random: createRandom(),
    logger: silentLogger,
  });
  const projects = [await make.withProject(store), await make.withProject(store, { name: 'two' })];
  const domain = make.newId<'mta-domain'>();
  for (const { id } of projects)
    await store.transact(id, (tx) => tx.addTraffic(id, domain, make.NOW, { accepted: 3 }));
  const turn = { mine: true, asked: 0 };
  const failures: Error[] = [];
  const rollUp = createRollUp({
    read: store.read,
    transactor: {
      async transact(id: ProjectId, record: (tx: StoreTx) => void) {
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        await store.transact(id, record);
      },
    },
    clock,
    logger: silentLogger,
    async mayRun() {
      turn.asked += 1;
      return turn.mine;
    },
  });
  return {
    clock,
    turn,
    failures,
    rollUp,
    /** Hours from the beginning that are rolled up, by project. */
    async hours(): Promise<number[]> {
      const marks: number[] = [];
      for (const { id } of projects)
        marks.push(Math.max(0, (await store.read.trafficRolledTo(id)) - make.NOW / 1000) / 3600);
      return marks;
    },
    rows: async () =>
      (await store.read.traffic(projects[0]!.id, null, 3600, 0)).map(({ accepted }) => accepted),
    /** Walks to `at` (ms from the beginning) or beyond, and until one more round is over. */
    async roundAfter(at: number): Promise<void> {
      const walk = async () => {
        await clock.advance(MINUTE);
        for (let turns = 0; turns < 30; turns++) await new Promise((resolve) => setImmediate(resolve));
      };
      while (clock.now() < make.NOW + at) await walk();
      for (const before = turn.asked; turn.asked === before; ) await walk();
    },
    async [Symbol.asyncDispose]() {
      await rollUp[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

test('an hour is rolled up for every project, not before five minutes after its end', async () => {
  await using s = await setUp();
  await s.rollUp.start(new AbortController().signal);
  await s.roundAfter(50 * MINUTE);
  assert.ok(s.clock.now() < make.NOW + HOUR + 5 * MINUTE);
  assert.deepEqual([await s.hours(), await s.rows()], [[0, 0], []]);
  await s.roundAfter(HOUR + 5 * MINUTE);
  assert.deepEqual([await s.hours(), await s.rows()], [[1, 1], [3]]);
  await s.roundAfter(3 * HOUR + 5 * MINUTE);
  assert.deepEqual(await s.hours(), [3, 3]);
});
test('it is one node that does it; what another did meanwhile is no failure; a store that fails is asked again', async () => {
  await using s = await setUp();
  await s.rollUp.start(new AbortController().signal);
  s.turn.mine = false;
  await s.roundAfter(2 * HOUR + 5 * MINUTE);
  assert.deepEqual(await s.hours(), [0, 0]);
  s.turn.mine = true;
  s.failures.push(new StoreError('full', true));
  await s.roundAfter(0);
  assert.deepEqual(await s.hours(), [0, 0]);
  s.failures.push(new StaleError());
  await s.roundAfter(0);
  assert.deepEqual((await s.hours()).sort(), [0, 2], 'the others are rolled up all the same');
  await s.roundAfter(0);
  assert.deepEqual(await s.hours(), [2, 2]);
});
