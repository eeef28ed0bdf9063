import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createPace } from './pace.ts';

/** Numbers that look random and are the same every time. */
function dice(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
test('beside a crowd with a new address for each try, the owner has a turn when he comes again as he is told', async () => {
  const clock = createFakeClock();
  const pace = createPace(clock, dice());
  let address = 0;
  const crowd = () => void pace.turn('key', `crowd ${address++}`, false);
  let tries = 0;
  for (let inside = false; !inside && tries < 60; ) {
    for (let i = 0; i < 20; i += 1) crowd();
    const turn = pace.turn('key', `owner ${tries++}`, false).then((ms) => {
      inside ||= ms === 0;
    });
    for (let s = 0; s < 30; s += 1) {
      await clock.advance(1000);
      for (let i = 0; i < 5; i += 1) crowd();
    }
    await clock.advance(0);
    void turn;
  }
  assert.ok(tries < 60, `${tries} tries`);
});
test('who has failed there before never takes the place of one who has not', async () => {
  const clock = createFakeClock();
  const pace = createPace(clock, () => 0);
  assert.equal(await pace.turn('key', 'first', false), 0);
  const waiting = Array.from({ length: 10 }, (_, i) => pace.turn('key', `honest ${i}`, false));
  assert.ok((await pace.turn('key', 'guesser', true)) > 0);
  await clock.advance(60_000);
  assert.deepEqual(await Promise.all(waiting), Array(10).fill(0));
});
