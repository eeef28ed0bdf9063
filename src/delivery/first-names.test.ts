import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstNames } from './first-names.ts';

test('the first names behind one, in order, whatever the order they come in', () => {
  const names = Array.from({ length: 997 }, (_, i) => `d${(i * 31) % 997}.test`);
  const inOrder = [...names].sort();
  for (const given of [names, inOrder, [...inOrder].reverse()]) {
    assert.deepEqual(firstNames(given, { after: null, limit: 5 }), inOrder.slice(0, 5));
    assert.deepEqual(firstNames(given, { after: inOrder[500]!, limit: 50 }), inOrder.slice(501, 551));
    assert.deepEqual(firstNames(given, { after: inOrder.at(-3)!, limit: 50 }), inOrder.slice(-2));
    assert.deepEqual(firstNames(given, { after: null, limit: 5000 }), inOrder);
  }
});
