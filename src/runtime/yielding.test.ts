import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createYielding } from './yielding.ts';

test('short work goes on at once, long work lets the loop turn and then goes on again', async () => {
  const long = createYielding(0);
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  const pause = long();
  assert.ok(pause instanceof Promise);
  await pause;
  assert.ok(turned, 'others had their turn');
  const short = createYielding(Number.MAX_SAFE_INTEGER);
  for (let i = 0; i < 1000; i += 1) assert.equal(short(), undefined);
});
