import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../testing/fake-clock.ts';
import { prefixesOf } from './prefixes.ts';
import { createRate, createTally, perWidth } from './rates.ts';

test('a tally covers its window, slides over its edge, and forgets', async () => {
  const clock = createFakeClock();
  const tally = createTally(clock, 1_000);
  await clock.advance(900);
  assert.equal(tally.add('a', 10), 10);
  await clock.advance(350);
  assert.equal(tally.count('a'), 7.5);
  assert.equal(tally.add('a'), 8.5);
  await clock.advance(2_000);
  assert.equal(tally.count('a'), 0);
});

test('a tally remembers so many keys, those that were heard of last', () => {
  const tally = createTally(createFakeClock(), 1_000, 3);
  for (const key of ['a', 'b', 'c', 'a', 'd']) tally.add(key);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((key) => tally.count(key)),
    [2, 0, 1, 1],
  );
});

test('a rate names the network that is over, counts nothing then, and lets others be', async () => {
  const clock = createFakeClock();
  const rate = createRate(clock, 60_000, perWidth(2));
  const from = (address: string) => rate.take(prefixesOf(address))?.text ?? null;
  assert.deepEqual(
    [from('192.0.2.1'), from('192.0.2.1'), from('192.0.2.1'), from('192.0.2.1')],
    [null, null, '192.0.2.1', '192.0.2.1'],
  );
  for (let i = 2; i < 8; i += 1) assert.equal(from(`192.0.2.${i}`), null);
  assert.equal(from('192.0.2.9'), '192.0.2.0/26');
  assert.equal(from('192.0.2.65'), null);
  assert.equal(from('2001:db8::1'), null);
  await clock.advance(120_000);
  assert.equal(from('192.0.2.1'), null);
});
