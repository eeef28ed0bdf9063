import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecipientRow } from './messages.ts';
import {
  brought,
  moved,
  release,
  retryNow,
  toBounced,
  toCancelled,
  toDeferred,
  toDelivered,
  toExpired,
  toHeld,
  toInterrupted,
  toSuppressed,
} from './transitions.ts';

const row = {
  id: 'r',
  projectId: 'p',
  domain: 'out.test',
  lane: 'mx.out.test',
  state: 'deferred',
  attempts: 2,
  heldSince: null,
  heldMs: 5,
  moves: 3,
  lastResult: 'old',
} as unknown as RecipientRow;

test('a settled move has a settling time and no next attempt; a waiting one the reverse', () => {
  for (const move of [toDelivered, toBounced, toExpired, toCancelled, toSuppressed].map((f) =>
    f(row, 7, 'new'),
  ))
    assert.deepEqual([move.settledAt, move.nextAttemptAt, move.from.includes(move.to)], [7, null, false]);
  for (const move of [
    toDeferred(row, 1, 9, 'site', 'new'),
    toHeld(row, 1, 9, 'held:quota', 'new'),
    release(row, 9),
    retryNow(row, 9),
  ])
    assert.deepEqual([move.settledAt, move.nextAttemptAt], [null, 9]);
});
test('every transition counts, also those without an attempt', () => {
  const moves = [
    ...[toDelivered, toBounced, toExpired, toCancelled, toSuppressed].map((f) => f(row, 7, 'new')),
    toDeferred(row, 1, 9, 'site', 'new'),
    toHeld(row, 1, 9, 'held:quota', 'new'),
    toInterrupted(row, 1, 'site', 'new'),
    release(row, 9),
    retryNow(row, 9),
    brought(row, 1, 9),
  ];
  for (const move of moves) {
    assert.equal(move.moves, 4);
    assert.equal(moved(row, move).moves, 4);
  }
});
test('only tries count as attempts', () => {
  assert.deepEqual(
    [toDelivered, toBounced, toExpired].map((f) => f(row, 1, null).attempts),
    [3, 3, 3],
  );
  assert.deepEqual(
    [toCancelled, toSuppressed].map((f) => f(row, 1, null).attempts),
    [2, 2],
  );
  assert.equal(release(row, 1).lastResult, 'old');
});
test('time held is added up once and ends with the hold; the lane of a held row is its domain again', () => {
  const first = toHeld(row, 100, 200, 'held:quota', null);
  assert.deepEqual([first.heldSince, first.heldMs, first.lane], [100, 5, 'held:quota']);
  const held = { ...row, state: 'held', lane: first.lane, heldSince: 100 } as RecipientRow;
  assert.deepEqual([toHeld(held, 150, 250, 'held:quota', null).heldSince], [100]);
  const free = release(held, 160);
  assert.deepEqual([free.heldSince, free.heldMs, free.lane, free.to], [null, 65, 'out.test', 'queued']);
  assert.equal(toCancelled(held, 170, null).heldMs, 75);
  assert.equal(retryNow(row, 9).lane, 'mx.out.test');
});
