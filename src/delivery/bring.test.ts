/** Mail that a wrong clock put off: the scheduler over a store in memory, before and after a restart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import type { RecipientRow } from '../spool/messages.ts';
import { HELD_LANES } from '../spool/messages.ts';
import * as make from '../store/conformance/samples.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { deliveryRig } from '../testing/delivery-rig.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bringBack } from './bring.ts';
import { LONGEST_HOLD_MS } from './held.ts';

const SIX_DAYS = 6 * 86_400_000;
const RETRY = { baseMs: 300_000, maxMs: 4_000_000 };
type Rig = Awaited<ReturnType<typeof deliveryRig>>;
const turns = async () => {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
};
const ofRig = (rig: Rig, row: RecipientRow) => rig.rows.get(row.id)!;

test('mail deferred while the clock was six days ahead is tried within a minute of its being right', async () => {
  await using rig = await deliveryRig();
  rig.clock.jump(SIX_DAYS);
  const { message, rows } = rig.accept('x@broken.test');
  rig.scheduler.enqueue(message, rows);
  await rig.until(1);
  assert.equal(ofRig(rig, rows[0]!).state, 'deferred');
  rig.clock.jump(-SIX_DAYS);
  assert.ok(ofRig(rig, rows[0]!).nextAttemptAt! - rig.clock.now() > SIX_DAYS);
  await rig.clock.advance(15_000);
  await turns();
  await rig.clock.advance(45_000);
  await rig.until(2);
  const { attempts, nextAttemptAt } = ofRig(rig, rows[0]!);
  assert.equal(attempts, 2);
  assert.ok(nextAttemptAt! - rig.clock.now() <= RETRY.maxMs * 1.25);
});
test('mail deferred while the clock was six days ahead is tried after a restart, with all others of its site', async () => {
  await using rig = await deliveryRig();
  rig.clock.jump(SIX_DAYS);
  const { message, rows } = rig.accept('x@broken.test');
  rig.scheduler.enqueue(message, rows);
  await rig.until(1);
  rig.clock.jump(-SIX_DAYS);
  const other = rig.accept('y@broken.test');
  await using _next = await rig.restarted();
  await turns();
  await rig.clock.advance(5_000);
  await rig.until(3);
  for (const row of [...rows, ...other.rows]) {
    const { state, nextAttemptAt } = ofRig(rig, row);
    assert.equal(state, 'deferred');
    assert.ok(nextAttemptAt! - rig.clock.now() <= RETRY.maxMs * 1.25);
  }
});
test('nothing is put off or expires if the clock jumps ahead: mail that is too old then is tried again', async () => {
  await using rig = await deliveryRig();
  const { message, rows } = rig.accept('x@broken.test');
  rig.scheduler.enqueue(message, rows);
  await rig.until(1);
  rig.clock.jump(SIX_DAYS);
  await rig.clock.advance(61_000);
  await rig.until(2);
  assert.deepEqual(rig.settled, ['deferred', 'deferred']);
  rig.clock.jump(-SIX_DAYS);
  await rig.clock.advance(61_000);
  await rig.until(3);
  assert.equal(rig.stateOf(rows[0]!), 'deferred');
});

async function setUp() {
  const clock = createFakeClock(make.NOW);
  const deps = { clock, random: createRandom(), logger: silentLogger };
  const store = await openSqliteStore({ directory: ':memory:', ...deps });
  const project = await make.withProject(store);
  async function put(over: Partial<RecipientRow>): Promise<RecipientRow> {
    const message = make.message(project);
    const row = make.recipient(message, over);
    await store.transact(project.id, (tx) => {
      tx.insertMessage(message);
      tx.insertRecipient(row);
    });
    return row;
  }
  async function bring() {
    const moved: string[] = [];
    const { read } = store;
    const its = { read, transactor: store, now: clock.now, longestMs: RETRY.maxMs };
    const count = await bringBack(await read.lanes(), its, ({ lane }) => void moved.push(lane));
    return { count, moved: moved.sort() };
  }
  const stored = async (row: RecipientRow) =>
    (await store.read.recipients(project.id, row.messageId)).find(({ id }) => id === row.id)!;
  return { clock, store, put, bring, stored, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}
test('only what waits longer than anything may wait is brought back: of each kind of lane by its own measure', async () => {
  await using it = await setUp();
  const now = it.clock.now();
  const held = { state: 'held', heldSince: now + SIX_DAYS } as const;
  const far = now + SIX_DAYS;
  const deferred = await it.put({ state: 'deferred', attempts: 3, nextAttemptAt: far });
  const soon = await it.put({ state: 'deferred', attempts: 1, nextAttemptAt: now + RETRY.maxMs * 1.2 });
  const quota = await it.put({ ...held, lane: HELD_LANES.quota, nextAttemptAt: far });
  const day = await it.put({
    ...held,
    heldSince: now,
    lane: HELD_LANES.quota,
    nextAttemptAt: now + 86_460_000,
  });
  const suspended = await it.put({
    ...held,
    lane: HELD_LANES.suspended,
    nextAttemptAt: far + LONGEST_HOLD_MS,
  });
  const week = await it.put({ ...held, heldSince: now, lane: HELD_LANES.suspended, nextAttemptAt: far });
  assert.deepEqual(await it.bring(), {
    count: 3,
    moved: ['example.net', HELD_LANES.quota, HELD_LANES.suspended].sort(),
  });
  assert.deepEqual(await it.stored(deferred), { ...deferred, moves: 1, nextAttemptAt: now });
  assert.deepEqual(await it.stored(quota), { ...quota, moves: 1, nextAttemptAt: now, heldSince: now });
  assert.deepEqual(await it.stored(suspended), {
    ...suspended,
    moves: 1,
    nextAttemptAt: now + LONGEST_HOLD_MS,
    heldSince: now,
  });
  for (const row of [soon, day, week]) assert.deepEqual(await it.stored(row), row);
  assert.deepEqual(await it.bring(), { count: 0, moved: [] }, 'a second look moves nothing');
});
test('hundreds of recipients are brought back in several steps', async () => {
  await using it = await setUp();
  const rows: RecipientRow[] = [];
  for (let i = 0; i < 450; i += 1)
    rows.push(await it.put({ state: 'deferred', nextAttemptAt: it.clock.now() + SIX_DAYS + i }));
  assert.equal((await it.bring()).count, 450);
  assert.ok((await it.stored(rows[449]!)).nextAttemptAt! <= it.clock.now());
});
