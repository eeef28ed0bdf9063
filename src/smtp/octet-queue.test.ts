import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createOctetQueue } from './octet-queue.ts';

test('octets come out as they went in, and what was handed out stays as it was', () => {
  const step = fc.oneof(fc.uint8Array({ maxLength: 700 }), fc.nat({ max: 700 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const queue = createOctetQueue();
      let expected = Buffer.alloc(0);
      const seen: [view: Buffer, copy: Buffer][] = [];
      for (const one of steps) {
        if (typeof one === 'number') {
          queue.drop(one);
          expected = expected.subarray(one);
        } else {
          queue.push(Buffer.from(one));
          expected = Buffer.concat([expected, one]);
        }
        assert.equal(queue.length, expected.length);
        assert.deepEqual(queue.view(), expected);
        seen.push([queue.view(), Buffer.from(expected)]);
      }
      for (const [view, copy] of seen) assert.deepEqual(view, copy);
    }),
  );
});

test('octets that come one by one are copied a few times each', () => {
  const queue = createOctetQueue();
  const rooms = new Set<ArrayBufferLike>();
  for (let i = 0; i < 65_536; i++) {
    queue.push(Buffer.from([i % 256]));
    rooms.add(queue.view().buffer);
  }
  assert.equal(queue.length, 65_536);
  assert.ok(rooms.size < 20, `${rooms.size} rooms`);
});
