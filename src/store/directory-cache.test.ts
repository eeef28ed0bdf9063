import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheDirectory } from './directory-cache.ts';
import type { StoreReader } from './store.ts';

function setUp() {
  const asked: string[] = [];
  const state = { stamp: 1, fail: false };
  const read = {
    async project(id: string) {
      asked.push(id);
      if (state.fail) throw new Error('no store');
      return { id };
    },
    async topics() {
      asked.push('topics');
      return [];
    },
  } as unknown as StoreReader;
  return { asked, state, cache: cacheDirectory(read, () => state.stamp) };
}
const id = (text: string) => text as Parameters<StoreReader['project']>[0];

test('a question is asked once until the stamp changes, each with its own answer', async () => {
  const { asked, state, cache } = setUp();
  assert.deepEqual(await cache.project(id('a')), { id: 'a' });
  assert.deepEqual(await cache.project(id('b')), { id: 'b' });
  await cache.project(id('a'));
  assert.deepEqual(asked, ['a', 'b']);
  state.stamp = 2;
  await cache.project(id('a'));
  assert.deepEqual(asked, ['a', 'b', 'a']);
});
test('a failure is not kept', async () => {
  const { asked, state, cache } = setUp();
  state.fail = true;
  await assert.rejects(cache.project(id('a')));
  state.fail = false;
  assert.deepEqual(await cache.project(id('a')), { id: 'a' });
  assert.equal(asked.length, 2);
});
