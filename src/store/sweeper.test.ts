/** When the sweeper sweeps, what it says, and that it stops. The store is a script of answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessageId } from '../runtime/ids.ts';
import type { Logger } from '../runtime/logger.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { NOTHING_REMOVED, type Overdue, type Swept } from './retention.ts';
import { createSweeper, type RetentionState } from './sweeper.ts';

const HOUR = 3_600_000;
const step = (over: Partial<Swept> = {}): Swept => ({
  removed: NOTHING_REMOVED,
  waiting: [],
  more: false,
  ...over,
});

/** `took`: ms of each step. */
function setUp(answers: (Swept | Error)[], overdue: Overdue = { since: null, messages: 0 }, took = 0) {
  const clock = createFakeClock();
  const asked: number[] = [];
  const said: { level: string; facts: object }[] = [];
  const say = (level: string) => (facts: object) => void said.push({ level, facts });
  const logger = { info: say('info'), warn: say('warn'), error: say('error') } as unknown as Logger;
  const store = {
    async sweep(now: number) {
      asked.push(now);
      if (took > 0) await new Promise<void>((resolve) => clock.after(took, resolve));
      const answer = answers.shift() ?? step();
      if (answer instanceof Error) throw answer;
      return answer;
    },
    overdue: async () => overdue,
    hasLeftovers: async () => left.rows,
  };
  const owner: RetentionState[] = [];
  const left = { rows: false };
  const counted = new Map<string, number>();
  const metrics = {
    retentionRemoved: (kind: string, count: number) =>
      void counted.set(kind, (counted.get(kind) ?? 0) + count),
  };
  return {
    clock,
    asked,
    said,
    left,
    counted,
    stop: new AbortController(),
    owner,
    sweeper: createSweeper({
      store,
      clock,
      logger,
      metrics,
      tellOwner: async (state) => void owner.push(state),
    }),
  };
}

test('a round begins a minute after the start and then every hour, and goes on while there is more', async () => {
  const removed = { ...NOTHING_REMOVED, messages: 2 };
  const { clock, asked, said, stop, sweeper } = setUp([step({ removed, more: true }), step({ removed })]);
  await using _ = sweeper;
  await sweeper.start(stop.signal);
  const began = clock.now();
  await clock.advance(59_999);
  assert.deepEqual(asked, []);
  await clock.advance(1);
  assert.deepEqual(asked, [began + 60_000]);
  // the second step of the round comes after a pause, by the time the round began with
  await clock.advance(1000);
  assert.deepEqual(asked, [began + 60_000, began + 60_000]);
  assert.deepEqual(said, [{ level: 'info', facts: { removed: { ...NOTHING_REMOVED, messages: 4 } } }]);
  await clock.advance(HOUR);
  assert.equal(asked.length, 3);
  assert.equal(said.length, 1);
});

test('what somebody has removed goes within a minute or two, and not in the next hour’s round', async () => {
  const { clock, asked, left, stop, sweeper } = setUp([]);
  await using _ = sweeper;
  await sweeper.start(stop.signal);
  await clock.advance(60_000);
  assert.equal(asked.length, 1);
  await clock.advance(10 * 60_000);
  assert.equal(asked.length, 1);
  left.rows = true;
  await clock.advance(60_000);
  assert.equal(asked.length, 2);
  left.rows = false;
  await clock.advance(40 * 60_000);
  assert.equal(asked.length, 2);
  await clock.advance(10 * 60_000);
  assert.equal(asked.length, 3);
});

test('a message kept beyond its time is told once; a failing store is asked again in the next round', async () => {
  const waiting = ['m' as MessageId];
  const { clock, asked, said, stop, sweeper } = setUp([
    step({ waiting }),
    new Error('full'),
    step({ waiting: [...waiting, 'n' as MessageId] }),
  ]);
  await using _ = sweeper;
  await sweeper.start(stop.signal);
  for (let round = 0; round < 3; round += 1) await clock.advance(HOUR + 60_000);
  assert.ok(asked.length >= 3);
  assert.deepEqual(
    said.map(({ level }) => level),
    ['warn', 'error', 'warn'],
  );
  assert.deepEqual(said[0]!.facts, { messages: ['m'] });
  assert.deepEqual(said[2]!.facts, { messages: ['n'] });
});

test('stopping ends a round in its pause and leaves no timer', async () => {
  const { clock, asked, stop, sweeper } = setUp(Array.from({ length: 9 }, () => step({ more: true })));
  await sweeper.start(stop.signal);
  await clock.advance(60_000);
  assert.equal(asked.length, 1);
  stop.abort();
  await sweeper[Symbol.asyncDispose]();
  await clock.advance(2 * HOUR);
  assert.equal(asked.length, 1);
  assert.equal(clock.pending, 0);
});

test('the pause is as long as the step befits; a long round says each minute how far it is', async () => {
  const removed = { ...NOTHING_REMOVED, messages: 3, recipients: 4 };
  const answers = Array.from({ length: 3 }, (_, i) => step({ removed, more: true, ms: [1, 20, 900][i]! }));
  const slow = Array.from({ length: 2_000 }, () => step({ more: true }));
  const overdue = { since: createFakeClock().now(), messages: 7 };
  const { clock, asked, said, counted, stop, sweeper } = setUp([...answers, ...slow], overdue);
  await using _ = sweeper;
  await sweeper.start(stop.signal);
  await clock.advance(60_000);
  for (const [ms, steps] of [
    [5, 1],
    [1, 2],
    [39, 2],
    [1, 3],
    [49, 3],
    [1, 4],
  ] as const) {
    await clock.advance(ms);
    assert.equal(asked.length, steps);
  }
  await clock.advance(60_000);
  assert.deepEqual(said, [
    {
      level: 'info',
      facts: { removed: { ...removed, messages: 9, recipients: 12 }, due: 7, behind_seconds: 120 },
    },
  ]);
  assert.deepEqual([counted.get('messages'), counted.get('recipients'), counted.get('audit')], [9, 12, 0]);
});

test('behind after an hour of removing is a warning, once a day, and the owner is told', async () => {
  const answers = Array.from({ length: 9_000 }, () => step({ more: true }));
  const since = createFakeClock().now() - 26 * HOUR;
  const { clock, said, owner, stop, sweeper } = setUp(answers, { since, messages: 10_000 }, 1_000);
  await using _ = sweeper;
  await sweeper.start(stop.signal);
  await clock.advance(60_000 + HOUR - 60_000);
  assert.ok(said.length > 50 && said.every(({ level }) => level === 'info'));
  await clock.advance(5 * 60_000);
  const warned = () => said.filter(({ level }) => level === 'warn').length;
  assert.equal(warned(), 1);
  assert.equal(owner.length, 1);
  const { due, behindSince, late, round } = owner[0]!;
  assert.deepEqual(
    [due, behindSince, late, round?.endedAt, round?.failed],
    [10_000, since, true, null, false],
  );
  await clock.advance(HOUR);
  assert.deepEqual([warned(), owner.length], [1, 1]);
  stop.abort();
  await clock.advance(2_000);
});

test('what fails while it is behind is told as such; how it stands is told at any time', async () => {
  const since = createFakeClock().now() - 27 * HOUR;
  const removed = { ...NOTHING_REMOVED, messages: 5 };
  const { clock, said, owner, stop, sweeper } = setUp([step({ removed, more: true }), new Error('full')], {
    since,
    messages: 3,
  });
  await using _ = sweeper;
  assert.deepEqual(await sweeper.state(), { due: 3, behindSince: since, late: true, round: null });
  await sweeper.start(stop.signal);
  await clock.advance(61_000);
  assert.deepEqual(
    said.map(({ level }) => level),
    ['error', 'warn', 'info'],
  );
  assert.equal(owner.length, 1);
  const { round } = await sweeper.state();
  assert.deepEqual([round?.failed, round?.removed.messages, round?.endedAt === null], [true, 5, false]);
});
