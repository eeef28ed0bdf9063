import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../testing/fake-clock.ts';
import { watchJumps } from './jumps.ts';
import { silentLogger } from './logger.ts';

test('a jump of the wall clock is distrusted for one cycle; time that passes is not', async () => {
  const clock = createFakeClock();
  const jumps = watchJumps(clock, 1_000_000);
  jumps.start(silentLogger);
  await clock.advance(3_600_000);
  assert.equal(jumps.trusted(), true);
  clock.jump(59_000);
  assert.equal(jumps.trusted(), true);
  clock.jump(-3_600_000);
  assert.equal(jumps.trusted(), false);
  await clock.advance(999_000);
  assert.equal(jumps.trusted(), false);
  await clock.advance(2_000);
  assert.equal(jumps.trusted(), true);
  jumps.stop();
  assert.equal(clock.pending, 0);
});

test('listeners hear of a jump at once and a minute later, whichever way it went, and of a clock that was corrected', async () => {
  const clock = createFakeClock();
  const jumps = watchJumps(clock, 1_000_000);
  let heard = 0;
  jumps.onJump(() => {
    heard += 1;
  });
  jumps.start(silentLogger);
  await clock.advance(20_000);
  assert.equal(heard, 0);
  for (const by of [6 * 86_400_000, -6 * 86_400_000]) {
    heard = 0;
    clock.jump(by);
    await clock.advance(15_000);
    assert.equal(heard, 1);
    await clock.advance(60_000);
    assert.equal(heard, 2);
    await clock.advance(120_000);
    assert.equal(heard, 2);
  }
  await clock.advance(1_000_000);
  assert.equal(jumps.trusted(), true);
  jumps.corrected(40);
  assert.equal(jumps.trusted(), true);
  jumps.corrected(-6 * 86_400_000);
  assert.deepEqual([heard, jumps.trusted()], [3, false]);
  jumps.stop();
  assert.equal(clock.pending, 0);
});
