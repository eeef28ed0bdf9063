import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLargePlaces } from './large.ts';

test('a project alone has two places, of one site two, and the next project finds one', () => {
  const places = createLargePlaces<string>(() => {});
  assert.ok(places.enter('p', 'a', '1'));
  assert.ok(places.enter('p', 'b', '2'));
  assert.equal(places.enter('p', 'c', '3'), null);
  assert.ok(places.enter('q', 'a', '4'));
  assert.equal(places.enter('r', 'a', '5'), null, 'the site has two');
  assert.ok(places.enter('r', 'd', '6'));
});
test('what waits is tried again in the order it came, when its project has room', () => {
  const again: string[] = [];
  const places = createLargePlaces<string>((jobs) => again.push(...jobs));
  const first = places.enter('p', 'a', '1')!;
  const second = places.enter('p', 'b', '2')!;
  for (const job of ['3', '4']) places.enter('p', 'c', job);
  const rival = places.enter('q', 'a', '5')!;
  places.enter('r', 'a', '6');
  rival();
  assert.deepEqual(again, ['6'], 'p has its share still');
  first();
  assert.deepEqual(again, ['6', '3', '4']);
  second();
  assert.equal(again.length, 3);
});
