import assert from 'node:assert/strict';
import { test } from 'node:test';
import { descriptorLimit, placesWithin } from './descriptors.ts';

test('the limit is read where there is one', () => {
  assert.ok(descriptorLimit() > 0);
  assert.equal(descriptorLimit('/proc/self/no-such-file'), Number.POSITIVE_INFINITY);
});

test('places fit below the limit, with room for everything else', () => {
  assert.equal(placesWithin(Number.POSITIVE_INFINITY, 3, 5_000), 5_000);
  assert.equal(placesWithin(65_536, 3, 5_000), 5_000);
  assert.equal(placesWithin(4_000, 3, 5_000), 1_000);
  assert.equal(placesWithin(1_024, 3, 5_000), 170);
});
