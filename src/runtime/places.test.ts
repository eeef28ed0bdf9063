/** Places: all for a project alone, the next free one for a second project, an end to waiting. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createPlaces, NoPlace } from './places.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('a project alone uses all places, a second one gets the next that comes free', async () => {
  const places = createPlaces(3, createFakeClock());
  const order: string[] = [];
  const first = await Promise.all(['a', 'a', 'a'].map((share) => places.take(share)));
  for (const share of ['a', 'a', 'a', 'b', 'c', 'b']) void places.take(share).then(() => order.push(share));
  await settled();
  assert.deepEqual(order, []);
  for (const place of first) place[Symbol.dispose]();
  await settled();
  assert.deepEqual(order, ['b', 'c', 'a']);
});
test('whoever waits too long is told so and holds nothing', async () => {
  const clock = createFakeClock();
  const places = createPlaces(1, clock);
  const held = await places.take('a');
  const late = assert.rejects(places.take('b', { waitMs: 10_000 }), NoPlace);
  await clock.advance(10_000);
  await late;
  const controller = new AbortController();
  const gone = assert.rejects(places.take('b', { signal: controller.signal }), { message: 'gone' });
  controller.abort(new Error('gone'));
  await gone;
  held[Symbol.dispose]();
  held[Symbol.dispose]();
  const again = await places.take('c', { waitMs: 1 });
  await assert.rejects(
    Promise.all([places.take('c', { waitMs: 1 }), clock.advance(2)]),
    NoPlace,
    'given back twice is given back once',
  );
  again[Symbol.dispose]();
  assert.equal(clock.pending, 0);
});
test('everyone is served, never more than there are places, and nobody waits for more than a turn of each other', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 40 }),
      async (count, shares) => {
        const places = createPlaces(count, createFakeClock());
        let busy = 0;
        let most = 0;
        await Promise.all(
          shares.map(async (share) => {
            using _ = await places.take(share);
            most = Math.max(most, ++busy);
            await settled();
            busy--;
          }),
        );
        assert.equal(busy, 0);
        assert.ok(most <= count);
      },
    ),
    { numRuns: 50 },
  );
});
test('a project has its most, others go on; of those that wait no more than may', async () => {
  const places = createPlaces(4, createFakeClock(), { places: 2, waiting: 1 });
  const [first] = await Promise.all([places.take('a'), places.take('a')]);
  let isIn = false;
  const third = places.take('a').then(() => {
    isIn = true;
  });
  await assert.rejects(places.take('a'), NoPlace);
  const other = await places.take('b');
  other[Symbol.dispose]();
  await settled();
  assert.equal(isIn, false, 'a free place is not for who has his most');
  first![Symbol.dispose]();
  await third;
});
test('a project has no more places than are free, so that some are left for a new one', async () => {
  const places = createPlaces(8, createFakeClock(), { places: 4, waiting: 1 });
  const soon = (share: string) =>
    Promise.race([places.take(share), settled()]) as Promise<Disposable | undefined>;
  for (const share of ['a', 'a', 'a', 'a', 'b', 'b']) assert.ok(await soon(share));
  for (const share of ['a', 'b']) assert.equal(await soon(share), undefined, 'two are left for others');
  const one = await soon('c');
  const another = await soon('d');
  assert.ok(one && another);
  one[Symbol.dispose]();
  another[Symbol.dispose]();
  assert.ok(await soon('c'), 'whoever waits with more is not before a new one');
});
