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
