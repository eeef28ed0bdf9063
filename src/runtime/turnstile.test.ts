/** Who passes when: one in a round, projects in turns, crowds when the loop has rested, and under pressure two messages of each on the way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../testing/fake-clock.ts';
import { pressureOf } from '../testing/turns.ts';
import { createTurnstile } from './turnstile.ts';

const round = () => new Promise((resolve) => setImmediate(resolve));

test('who has forty waiting lets another pass behind his next one, and keeps his own order', async () => {
  const turnstile = createTurnstile(
    createFakeClock(),
    pressureOf(() => false),
  );
  const passed: string[] = [];
  turnstile.turn('another');
  const all = [...Array.from({ length: 40 }, (_, i) => `many ${i}`), 'one 0', 'few 0', 'few 1'].map(
    async (name) => {
      await turnstile.turn(name.split(' ')[0]!);
      passed.push(name);
    },
  );
  await Promise.all(all);
  const ofMany = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `many ${from + i}`);
  assert.deepEqual(passed, ['many 0', 'one 0', 'few 0', 'many 1', 'few 1', ...ofMany(2, 40)]);
});

test('while several come one passes in a round, at once where nobody waits; who comes meanwhile is not behind all that wait', async () => {
  const turnstile = createTurnstile(
    createFakeClock(),
    pressureOf(() => false),
  );
  const passed: string[] = [];
  const come = (share: string) => {
    const turn = turnstile.turn(share);
    if (turn === undefined) passed.push(share);
    else void turn.then(() => passed.push(share));
  };
  come('first');
  for (let i = 0; i < 20; i++) come('many');
  assert.deepEqual(passed, ['first']);
  await round();
  assert.deepEqual(passed, ['first', 'many']);
  come('late');
  await round();
  await round();
  assert.deepEqual(passed, ['first', 'many', 'many', 'late']);
  while (passed.length < 22) await round();
  await round();
  assert.equal(turnstile.turn('next'), undefined);
});

test('who is alone for a second does not wait, and lets nobody wait who did', async () => {
  const clock = createFakeClock();
  const turnstile = createTurnstile(
    clock,
    pressureOf(() => true),
  );
  for (let i = 0; i < 20; i++) assert.equal(turnstile.turn('alone'), undefined);
  turnstile.turn('other');
  const turns = Array.from({ length: 20 }, () => turnstile.turn('alone'));
  assert.ok(turns.every((turn) => turn !== undefined));
  await clock.advance(1_000);
  await round();
  await Promise.all(turns);
  for (let i = 0; i < 20; i++) assert.equal(turnstile.turn('alone'), undefined);
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
  const { start, begun, end } = starting(
    createTurnstile(
      createFakeClock(),
      pressureOf(() => true),
    ),
  );
  await start('one', 1);
  end();
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
  const { start, begun, end } = starting(
    createTurnstile(
      clock,
      pressureOf(() => state.pressed),
    ),
  );
  await start('many', 10);
  assert.equal(begun().length, 10);
  while (begun().length > 0) end();
  await start('one', 1);
  end();
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

test('a crowd passes when the loop has rested; others pass at once, and whoever is of the crowd stays behind it', async () => {
  const clock = createFakeClock();
  const loop = { rested: false, went: 0 };
  const turnstile = createTurnstile(clock, {
    pressed: () => false,
    rested: () => loop.rested,
    went() {
      loop.went += 1;
      loop.rested = false;
    },
  });
  const passed: string[] = [];
  const come = (share: string) => void Promise.resolve(turnstile.turn(share)).then(() => passed.push(share));
  const rest = async () => {
    loop.rested = true;
    await clock.advance(1);
    await round();
  };
  come('first');
  for (let i = 0; i < 10; i++) come('crowd');
  for (let i = 0; i < 5; i++) await round();
  assert.deepEqual(passed, ['first']);
  come('one');
  await round();
  come('crowd');
  await round();
  assert.deepEqual(passed, ['first', 'one']);
  await rest();
  await round();
  assert.deepEqual([passed, loop.went], [['first', 'one', 'crowd'], 1]);
  for (let i = 0; i < 5; i++) await rest();
  assert.deepEqual([passed.length, loop.went], [8, 6]);
  // The last of the crowd; few are left, who need no rest.
  await rest();
  for (let i = 0; i < 5; i++) await round();
  assert.equal(passed.length, 13);
});

test('a crowd that is alone for a second does not wait for the loop', async () => {
  const clock = createFakeClock();
  const turnstile = createTurnstile(clock, { pressed: () => true, rested: () => false, went() {} });
  turnstile.turn('other');
  const turns = Array.from({ length: 20 }, () => turnstile.turn('crowd'));
  await round();
  await clock.advance(1_000);
  await Promise.all(turns);
  assert.equal(turnstile.turn('crowd'), undefined);
});
