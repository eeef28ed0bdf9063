/** So many of a project are in flight; one more is refused, late and one at a time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createInFlight, MOST_IN_FLIGHT } from './in-flight.ts';

async function fill(inFlight: ReturnType<typeof createInFlight>, share: string) {
  const places = [];
  for (let i = 0; i < MOST_IN_FLIGHT; i++) places.push((await inFlight.enter(share, 'http'))!);
  return places;
}

test('one more than its most is refused, and others are not; a place that comes back is one for the next', async () => {
  const clock = createFakeClock();
  const told: string[] = [];
  const inFlight = createInFlight(clock, (way) => told.push(way));
  const places = await fill(inFlight, 'many');
  const refused = inFlight.enter('many', 'http');
  assert.ok(refused instanceof Promise);
  assert.ok(!(inFlight.enter('one', 'http') instanceof Promise));
  await clock.advance(1_000);
  assert.equal(await refused, null);
  places[0]![Symbol.dispose]();
  places[0]![Symbol.dispose]();
  assert.ok(!(inFlight.enter('many', 'http') instanceof Promise));
  assert.deepEqual(told, ['http']);
  assert.ok(inFlight.enter('many', 'smtp') instanceof Promise);
  assert.deepEqual(told, ['http', 'smtp']);
});

test('those refused together are told apart', async () => {
  const clock = createFakeClock();
  const inFlight = createInFlight(clock, () => {});
  await fill(inFlight, 'many');
  let told = 0;
  for (let i = 0; i < 50; i++) void Promise.resolve(inFlight.enter('many', 'http')).then(() => told++);
  await clock.advance(999);
  assert.equal(told, 0);
  await clock.advance(101);
  assert.equal(told, 11);
  await clock.advance(400);
  assert.equal(told, 50);
});
