import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  release,
  retryNow,
  toBounced,
  toCancelled,
  toDeferred,
  toDelivered,
  toExpired,
  toHeld,
  toSuppressed,
} from './transitions.ts';
import type { RecipientRow } from './types.ts';

const row = { id: 'r', projectId: 'p', attempts: 2, lastResult: 'old' } as unknown as RecipientRow;

test('a settled move has a settling time and no next attempt; a waiting one the reverse', () => {
  for (const move of [toDelivered, toBounced, toExpired, toCancelled, toSuppressed].map((f) =>
    f(row, 7, 'new'),
  ))
    assert.deepEqual([move.settledAt, move.nextAttemptAt, move.from.includes(move.to)], [7, null, false]);
  for (const move of [toDeferred(row, 9, 'new'), toHeld(row, 9, 'new'), release(row, 9), retryNow(row, 9)])
    assert.deepEqual([move.settledAt, move.nextAttemptAt], [null, 9]);
});
test('only tries count as attempts', () => {
  assert.deepEqual(
    [toDelivered, toBounced, toExpired, toDeferred].map((f) => f(row, 1, null).attempts),
    [3, 3, 3, 3],
  );
  assert.deepEqual(
    [toCancelled, toSuppressed, toHeld].map((f) => f(row, 1, null).attempts),
    [2, 2, 2],
  );
  assert.equal(release(row, 1).lastResult, 'old');
});
