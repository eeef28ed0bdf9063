/** The end of the service: side by side, in one time, the store last, whatever hangs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../testing/fake-clock.ts';
import { type Logger, silentLogger } from './logger.ts';
import { createStopping } from './stopping.ts';

function setUp() {
  const clock = createFakeClock();
  const warned: unknown[] = [];
  const logger = { ...silentLogger, warn: (facts: unknown) => void warned.push(facts) } as Logger;
  const stop = new AbortController();
  const log: string[] = [];
  const stopping = createStopping({ clock, logger, signal: stop.signal });
  /** Ends after so many ms; null: never. */
  const part = (name: string, ms: number | null) => ({
    async [Symbol.asyncDispose]() {
      log.push(`${name} begins ${clock.monotonic()}`);
      await new Promise<void>((resolve) => {
        if (ms !== null) clock.after(ms, resolve);
      });
      log.push(`${name} ended ${clock.monotonic()}`);
    },
  });
  return { clock, warned, stop, log, stopping, part };
}

test('three parts that hang cost one time, counted from the signal, and the store still gets its own', async () => {
  const { clock, warned, stop, log, stopping, part } = setUp();
  const stack = new AsyncDisposableStack();
  const last = stack.use(stopping.group(27_000));
  last.add('store', part('store', 5_000));
  const parts = stack.use(stopping.group(20_000));
  for (const name of ['mx', 'mx', 'scheduler']) parts.add(name, part(name, null));
  parts.add('api', part('api', 5_000));
  stop.abort();
  await clock.advance(4_000);
  const ended = stack.disposeAsync();
  await clock.advance(30_000);
  await ended;
  assert.deepEqual(log, [
    'mx begins 4000',
    'mx begins 4000',
    'scheduler begins 4000',
    'api begins 4000',
    'api ended 9000',
    'store begins 20000',
    'store ended 25000',
  ]);
  assert.deepEqual(warned, [{ parts: ['mx', 'mx', 'scheduler'] }]);
  assert.equal(clock.pending, 0);
});
test('a store that hangs is left as well; without a signal the time runs from the disposal', async () => {
  const { clock, warned, log, stopping, part } = setUp();
  const group = stopping.group(27_000);
  group.add('store', part('store', null));
  await clock.advance(60_000);
  const ended = group[Symbol.asyncDispose]();
  await clock.advance(26_999);
  assert.deepEqual([warned, clock.pending], [[], 1]);
  await clock.advance(1);
  await ended;
  assert.deepEqual([log, warned], [['store begins 60000'], [{ parts: ['store'] }]]);
});
test('a part that fails keeps no other from its end, and its error is told', async () => {
  const { clock, log, stopping, part } = setUp();
  const group = stopping.group(20_000);
  group.add('bad', {
    [Symbol.asyncDispose]: () => Promise.reject(new Error('cannot end')),
  });
  group.add('good', part('good', 100));
  const ended = assert.rejects(async () => group[Symbol.asyncDispose](), /cannot end/);
  await clock.advance(100);
  await ended;
  assert.deepEqual(log, ['good begins 0', 'good ended 100']);
  assert.equal(clock.pending, 0);
});
