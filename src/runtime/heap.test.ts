import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createHeap } from './heap.ts';

test('items come out in the order of their keys', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (keys) => {
      const heap = createHeap<number>();
      for (const key of keys) heap.push(key, key);
      assert.equal(heap.length, keys.length);
      const out: number[] = [];
      for (let top = heap.pop(); top !== undefined; top = heap.pop()) out.push(top.item);
      assert.deepEqual(
        out,
        [...keys].sort((a, b) => a - b),
      );
      assert.equal(heap.smallest, undefined);
    }),
  );
});
