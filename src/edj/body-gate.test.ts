import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBodyGate } from './body-gate.ts';

test('renderings never overlap and wait while too much is being sent; failures let the next one through', async () => {
  const gate = createBodyGate(10);
  const rendering = { now: 0, done: 0 };
  const letGo: (() => void)[] = [];
  const make = async () => {
    assert.equal(++rendering.now, 1);
    await new Promise((resolve) => setImmediate(resolve));
    rendering.now--;
    rendering.done++;
    return Buffer.alloc(8);
  };
  const use = (body: Buffer) => new Promise<number>((resolve) => letGo.push(() => resolve(body.length)));
  const failing = gate.pass(() => Promise.reject(new Error('gone')), use);
  const all = [1, 2, 3, 4].map(() => gate.pass(make, use));
  await assert.rejects(failing, /gone/);
  for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(rendering.done, 2, 'two bodies of 8 octets pass the limit of 10, the third waits');
  while (rendering.done < 4 || letGo.length > 0) {
    letGo.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(await Promise.all(all), [8, 8, 8, 8]);
});
