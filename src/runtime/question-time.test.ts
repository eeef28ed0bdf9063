/** One end for many DNS questions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createZoneResolver } from '../testing/zone-resolver.ts';
import { createQuestionTime } from './question-time.ts';
import type { Resolver } from './resolver.ts';

const never = new AbortController().signal;

test('what is not answered in time is failed; what is asked later is not asked', async () => {
  const clock = createFakeClock();
  const zone = createZoneResolver({ 'a.test': { txt: ['v'], mx: ['mx.a.test'] } });
  const silent: Resolver = { ...zone, txt: () => new Promise(() => {}) };
  using time = createQuestionTime(clock, 1_000, never);
  const resolver = time.within(silent);
  const slow = resolver.txt('a.test');
  assert.equal((await resolver.mx('a.test')).kind, 'found');
  await clock.advance(999);
  assert.equal(time.signal.aborted, false);
  await clock.advance(1);
  assert.deepEqual(await slow, { kind: 'failed', cause: 'timed out' });
  assert.deepEqual(await resolver.mx('a.test'), { kind: 'failed', cause: 'timed out' });
  assert.deepEqual(zone.queries, ['mx a.test']);
});

test('a signal ends it early, and its timer is not left behind', async () => {
  const clock = createFakeClock();
  const stop = new AbortController();
  {
    using time = createQuestionTime(clock, 1_000, stop.signal);
    const slow = time.of(() => new Promise(() => {}));
    stop.abort();
    assert.deepEqual(await slow, { kind: 'failed', cause: 'closed' });
  }
  assert.equal(clock.pending, 0);
  using late = createQuestionTime(clock, 1_000, stop.signal);
  assert.equal((await late.within(createZoneResolver({})).txt('a.test')).kind, 'failed');
});
