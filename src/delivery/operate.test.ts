/** Walks of the queue by hand, over a real store: what fails anew meanwhile, and a disk that is full. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { StoreError } from '../runtime/transactor.ts';
import type { RecipientRow } from '../spool/messages.ts';
import { toDeferred } from '../spool/transitions.ts';
import * as make from '../store/conformance/samples.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createOperator, type QueueRequest } from './operate.ts';
import { DEFAULT_RETRY, prepareSettle } from './settle.ts';

const WAITING = 1_000;
const LANE = 'slow.test';

/** So many recipients wait at a site; what is put forward fails again at once, and comes behind all others. */
async function setUp() {
  const clock = createFakeClock();
  const random = createRandom();
  const store = await openSqliteStore({ directory: ':memory:', clock, random, logger: silentLogger });
  const project = make.project();
  const now = clock.now();
  const message = make.message(project, { acceptedAt: now, expiresAt: now + 9e8, keepUntil: now + 1e9 });
  await store.transact(project.id, (tx) => {
    tx.insertProject(project);
    tx.insertMessage(message);
    for (let i = 0; i < WAITING; i++)
      tx.insertRecipient(
        make.recipient(message, {
          address: `r${i}@${LANE}`,
          domain: LANE,
          lane: LANE,
          state: 'deferred',
          attempts: 1,
          nextAttemptAt: now + 1_000_000 + i,
        }),
      );
  });
  const disk = { refuses: (_nth: number): boolean => false, writes: 0 };
  const failsAgain: RecipientRow[] = [];
  const operator = createOperator({
    read: store.read,
    transactor: {
      async transact(...args) {
        if (disk.refuses(disk.writes++)) throw new StoreError('the disk is full: make room', true);
        await store.transact(...args);
      },
    },
    scheduler: {
      lanes: () => [],
      seize: (rows) => rows,
      letGo(_before, after) {
        if (after.state === 'queued') failsAgain.push(after);
      },
      suspend() {},
      resume() {},
      limitsRaised() {},
    },
    prepare: (head) =>
      prepareSettle(head, {
        read: store.read,
        random,
        clock,
        retry: DEFAULT_RETRY,
        timeIsTrusted: () => true,
      }),
    notices: async () => [],
    accept: async () => {},
    clock,
    random,
    logger: silentLogger,
    nudgeEvents() {},
    async askOthers() {
      return [];
    },
  });
  const request = (action: QueueRequest['action']): QueueRequest => ({
    action,
    filter: { project: project.id },
    dryRun: false,
    reason: 'by hand',
    actor: 'a test',
  });
  /** As the delivery beside the walk does. */
  async function failAll(): Promise<void> {
    const rows = failsAgain.splice(0);
    await store.transact(project.id, (tx) => {
      for (const [i, row] of rows.entries())
        tx.moveRecipient(toDeferred(row, clock.now(), clock.now() + 2_000_000 + i, LANE, null));
    });
  }
  return {
    store,
    project,
    disk,
    operator,
    request,
    failAll,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

test('retry meets each recipient once, although all of them fail again and come up behind the others', async () => {
  await using it = await setUp();
  const result = await it.operator.operate(it.request('retry'), {
    report() {
      void it.failAll();
    },
    signal: new AbortController().signal,
  });
  assert.deepEqual([result?.matched, result?.changed], [WAITING, WAITING]);
});

for (const action of ['retry', 'cancel'] as const)
  test(`${action} on a disk that fills ends with what the store said, and how much was changed`, async () => {
    await using it = await setUp();
    it.disk.refuses = (nth) => nth >= 250;
    await assert.rejects(it.operator.operate(it.request(action)), (error: unknown) => {
      assert.ok(error instanceof StoreError && error.retryable);
      assert.equal(
        error.message,
        '250 recipients were changed, then the store refused: the disk is full: make room',
      );
      return true;
    });
    // the page in which it was refused, and the record
    assert.equal(it.disk.writes, 401);
  });

test('what was changed before the refusal is recorded where that can be written', async () => {
  await using it = await setUp();
  it.disk.refuses = (nth) => nth >= 250 && nth < 400;
  await assert.rejects(it.operator.operate(it.request('cancel')), /^StoreError: 250 recipients were changed/);
  const { items } = await it.store.read.operations({ limit: 5, cursor: null }, it.project.id);
  assert.deepEqual(
    items.map(({ action, changed }) => [action, changed]),
    [['cancel', 250]],
  );
});
