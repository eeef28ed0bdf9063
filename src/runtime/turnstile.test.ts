/** Who passes when: one in a round, projects in turns, and under pressure two messages of each on the way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createTurnstile } from './turnstile.ts';

const round = () => new Promise((resolve) => setImmediate(resolve));

test('who has forty waiting lets another pass behind his next one, and keeps his own order', async () => {
  const turnstile = createTurnstile(createFakeClock(), () => false);
  const passed: string[] = [];
  const all = [...Array.from({ length: 40 }, (_, i) => `many ${i}`), 'one 0', 'few 0', 'few 1'].map(
    async (name) => {
      await turnstile.turn(name.split(' ')[0]!);
      passed.push(name);
    },
  );
  await Promise.all(all);
  const ofMany = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `many ${from + i}`);
  assert.deepEqual(passed, ['many 0', 'many 1', 'one 0', 'few 0', 'many 2', 'few 1', ...ofMany(3, 40)]);
});

test('one passes in a round, at once where nobody waits; who comes meanwhile is not behind all that wait', async () => {
  const turnstile = createTurnstile(createFakeClock(), () => false);
  const passed: string[] = [];
  const come = (share: string) => {
    const turn = turnstile.turn(share);
    if (turn === undefined) passed.push(share);
    else void turn.then(() => passed.push(share));
  };
  for (let i = 0; i < 20; i++) come('many');
  assert.equal(passed.length, 1);
  await round();
  assert.equal(passed.length, 2);
  come('late');
  await round();
  await round();
  assert.deepEqual(passed, ['many', 'many', 'many', 'late']);
  while (passed.length < 21) await round();
  await round();
  assert.equal(turnstile.turn('next'), undefined);
});

/** Starts `count` messages of the project; those that may end at once are in `begun`. */
function starting(turnstile: ReturnType<typeof createTurnstile>) {
  const begun: { share: string; end: () => void }[] = [];
  return {
    begun: () => begun.map(({ share }) => share),
    end: () => begun.shift()!.end(),
    async start(share: string, count: number) {
      for (let i = 0; i < count; i++)
        void Promise.resolve(turnstile.start(share)).then((way) =>
          begun.push({ share, end: () => way[Symbol.dispose]() }),
        );
      await round();
    },
  };
}

test('under pressure, beside another, a project has two messages on the way; the other starts at once', async () => {
  const { start, begun, end } = starting(createTurnstile(createFakeClock(), () => true));
  await start('many', 40);
  assert.deepEqual(begun(), ['many', 'many']);
  await start('one', 1);
  assert.deepEqual(begun(), ['many', 'many', 'one']);
  for (let left = 40; left > 0; left--) {
    end();
    await round();
    assert.ok(begun().length <= 3);
  }
  assert.equal(begun().length, 1);
});

test('alone, or without pressure, it has as many as it likes, and whoever waited goes on', async () => {
  const clock = createFakeClock();
  const state = { pressed: true };
  const { start, begun, end } = starting(createTurnstile(clock, () => state.pressed));
  await start('many', 10);
  assert.equal(begun().length, 2);
  await clock.advance(1_000);
  end();
  await round();
  assert.equal(begun().length, 9);
  await start('one', 1);
  await start('many', 5);
  assert.equal(begun().length, 10);
  state.pressed = false;
  end();
  await round();
  assert.equal(begun().length, 14);
});
