import assert from 'node:assert/strict';
import { test } from 'node:test';
import { descriptorLimit, outgoingWithin, placesWithin } from './descriptors.ts';

test('the limit is read where there is one', () => {
  assert.ok(descriptorLimit() > 0);
  assert.equal(descriptorLimit('/proc/self/no-such-file'), Number.POSITIVE_INFINITY);
});

test('places fit below the limit, with room for everything else', () => {
  assert.equal(placesWithin(Number.POSITIVE_INFINITY, 3, 5_000), 5_000);
  assert.equal(placesWithin(65_536, 3, 5_000), 5_000);
  assert.equal(placesWithin(4_000, 3, 5_000), 666);
  assert.equal(placesWithin(1_024, 3, 5_000), 170);
});

test('what goes out fits beside the doors at any limit', () => {
  assert.equal(outgoingWithin(Number.POSITIVE_INFINITY), 2_000);
  for (const limit of [64, 1_024, 4_096, 10_000, 65_536])
    assert.ok(4 * placesWithin(limit, 4, 5_000) + outgoingWithin(limit) < limit, `${limit}`);
});
