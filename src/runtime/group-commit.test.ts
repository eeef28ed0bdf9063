/** Group commit: what gathers together commits together, bounded, each item with its own fate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGroupCommit, type GroupCommitOptions } from './group-commit.ts';
import { StoreError } from './transactor.ts';

function setUp(over: Partial<GroupCommitOptions<number>> = {}) {
  const batches: number[][] = [];
  const writer = createGroupCommit<number>({
    commit(batch) {
      batches.push([...batch]);
      return batch.map((item) => (item < 0 ? new RangeError('negative') : null));
    },
    weigh: (item) => item,
    ...over,
  });
  return { batches, writer };
}
test('what gathers in one turn is one batch, in order, and one failure is its own', async () => {
  const { batches, writer } = setUp();
  const results = await Promise.allSettled([1, -2, 3].map((n) => writer.submit(n, 'p')));
  assert.deepEqual(batches, [[1, -2, 3]]);
  assert.deepEqual(
    results.map((r) => r.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});
test('a batch is bounded by items and by octets; an item above the bound goes alone', async () => {
  const { batches, writer } = setUp({ maxItems: 3, maxBytes: 10 });
  await Promise.all([1, 1, 1, 1, 9, 50, 2].map((n) => writer.submit(n, 'p')));
  assert.deepEqual(batches, [[1, 1, 1], [1, 9], [50], [2]]);
});
test('a retryable failure rejects its batch only, another one ends all writing', async () => {
  const failures = [new StoreError('full', true), null, new StoreError('io', false)];
  const { writer } = setUp({
    commit(batch) {
      const failure = failures.shift();
      if (failure) throw failure;
      return batch.map(() => null);
    },
  });
  await assert.rejects(writer.submit(1, 'p'), { message: 'full' });
  await writer.submit(1, 'p');
  const both = await Promise.allSettled([writer.submit(1, 'p'), writer.submit(2, 'p')]);
  assert.deepEqual(
    both.map((r) => r.status),
    ['rejected', 'rejected'],
  );
  await assert.rejects(writer.submit(1, 'p'), { message: 'io', retryable: false });
});
test('closing commits what has gathered and refuses the rest', async () => {
  const { batches, writer } = setUp();
  const waiting = writer.submit(1, 'p');
  await writer.close();
  await waiting;
  assert.deepEqual(batches, [[1]]);
  await assert.rejects(writer.submit(2, 'p'), StoreError);
});
test('no more batches than allowed are under way, and order is kept', async () => {
  const begun: number[][] = [];
  const release: (() => void)[] = [];
  const { writer } = setUp({
    maxInFlight: 2,
    maxItems: 1,
    async commit(batch) {
      begun.push([...batch]);
      await new Promise<void>((resolve) => release.push(resolve));
      return batch.map(() => null);
    },
  });
  const all = [1, 2, 3].map((n) => writer.submit(n, 'p'));
  while (begun.length < 2) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(begun, [[1], [2]]);
  release.shift()!();
  await all[0];
  while (begun.length < 3) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(begun, [[1], [2], [3]]);
  for (const free of release) free();
  await Promise.all(all);
});
test('the urgent go first and leave a part of the batch to the others', async () => {
  const { batches, writer } = setUp({ maxItems: 4 });
  await Promise.all([
    ...[1, 2, 3].map((n) => writer.submit(n, 'p')),
    ...[11, 12, 13, 14].map((n) => writer.submit(n, 'p', true)),
  ]);
  assert.deepEqual(batches, [
    [11, 12, 13, 1],
    [14, 2, 3],
  ]);
});
test('a batch takes only so many of those nobody waits for', async () => {
  const { batches, writer } = setUp({ maxItems: 8, maxLater: 2 });
  await Promise.all([
    ...[1, 2, 3, 4, 5].map((n) => writer.submit(n, 'p')),
    ...[11, 12, 13].map((n) => writer.submit(n, 'p', true)),
  ]);
  assert.deepEqual(batches, [[11, 12, 13, 1, 2], [3, 4], [5]]);
});
test('projects take turns where more has gathered than fits, urgent or not, and each keeps its order', async () => {
  const { batches, writer } = setUp({ maxItems: 4, maxLater: 2 });
  await Promise.all([
    ...[1, 2, 3, 4, 5].map((n) => writer.submit(n, 'many')),
    ...[11, 12, 13, 14, 15].map((n) => writer.submit(n, 'many', true)),
    writer.submit(21, 'one'),
    writer.submit(31, 'one', true),
  ]);
  assert.deepEqual(batches, [
    [11, 31, 12, 1],
    [13, 14, 15, 21],
    [2, 3],
    [4, 5],
  ]);
});
test('an item that does not fit keeps its turn', async () => {
  const { batches, writer } = setUp({ maxBytes: 10 });
  await Promise.all([
    ...[6, 7].map((n) => writer.submit(n, 'a')),
    ...[8, 1].map((n) => writer.submit(n, 'b')),
    writer.submit(2, 'c'),
  ]);
  assert.deepEqual(batches, [[6], [8, 2], [7, 1]]);
});
