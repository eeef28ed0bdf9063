/** Keys of calls over a real store that does not say whether it took a write. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProjectId } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { StoreError, type Transactor } from '../runtime/transactor.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { StoreTx } from '../store/store.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createIdempotency } from './idempotency.ts';

const P = '' as ProjectId;
const CALL = { key: 'k', request: '{"a":1}' };
const UNKNOWN = new StoreError('not known', true);

async function setUp() {
  const clock = createFakeClock();
  const store = await openSqliteStore({
    directory: ':memory:',
    clock,
    random: createRandom(),
    logger: silentLogger,
  });
  /** What becomes of the next transactions: written and not told, or not written. */
  const fates: ('unknown' | 'away')[] = [];
  const transactor: Transactor<StoreTx> = {
    async transact(...args) {
      const fate = fates.shift();
      if (fate !== 'away') await store.transact(...args);
      if (fate !== undefined) throw UNKNOWN;
    },
  };
  const keys = createIdempotency({ read: store.read, transactor, clock });
  /** A send whose answer is kept in the commit that accepts the mail. */
  const send = () =>
    transactor.transact(P, (tx) => tx.completeIdempotency(P, 'k', { status: 202, body: '"sent"' }));
  /** So many seconds, with turns for the store in each. */
  async function seconds(many: number): Promise<void> {
    for (let i = 0; i < many; i += 1) {
      await clock.advance(1_000);
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return {
    clock,
    seconds,
    store,
    keys,
    send,
    fates,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

test('a send whose commit was not known to be done is not sent again under its key', async () => {
  await using it = await setUp();
  assert.equal((await it.keys.begin(P, CALL)).kind, 'first');
  it.fates.push('unknown');
  await assert.rejects(it.send(), UNKNOWN);
  await it.keys.finish(P, 'k', 503, '{}');
  await it.seconds(5);
  assert.deepEqual(await it.keys.begin(P, CALL), { kind: 'replay', status: 202, body: '"sent"' });
});
test('a send that was not done is done under the same key, once the store is back', async () => {
  await using it = await setUp();
  assert.equal((await it.keys.begin(P, CALL)).kind, 'first');
  it.fates.push('away', 'away', 'away');
  await assert.rejects(it.send(), UNKNOWN);
  await it.keys.finish(P, 'k', 503, '{}');
  assert.equal((await it.keys.begin(P, CALL)).kind, 'running');
  await it.seconds(5);
  assert.equal((await it.keys.begin(P, CALL)).kind, 'first');
  await it.send();
  assert.equal((await it.keys.begin(P, CALL)).kind, 'replay');
});
test('a call that was begun and not known to be does not run for ten minutes', async () => {
  await using it = await setUp();
  it.fates.push('unknown', 'away');
  await assert.rejects(it.keys.begin(P, CALL), UNKNOWN);
  await it.seconds(5);
  assert.equal((await it.keys.begin(P, CALL)).kind, 'first');
});
test('a call that was begun while the clock was six days ahead does not run until then', async () => {
  await using it = await setUp();
  it.clock.jump(6 * 86_400_000);
  assert.equal((await it.keys.begin(P, CALL)).kind, 'first');
  it.clock.jump(-6 * 86_400_000);
  assert.equal((await it.keys.begin(P, CALL)).kind, 'first');
});
