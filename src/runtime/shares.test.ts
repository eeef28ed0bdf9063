/** Shares: half for one, half of the rest for the next, everything comes back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createShares, createTurns } from './shares.ts';

function fill(shares: ReturnType<typeof createShares>, project: string): number {
  while (shares.hasRoom(project)) shares.enter(project);
  return shares.of(project);
}

test('one project has half, each further one half of what is left, and even the last place is one for a newcomer', () => {
  const shares = createShares(1000);
  assert.deepEqual(
    Array.from({ length: 9 }, (_, n) => fill(shares, `p${n}`)),
    [500, 250, 125, 63, 31, 16, 8, 4, 2],
  );
  assert.equal(fill(shares, 'one more'), 1);
  assert.equal(shares.taken, 1000);
  assert.equal(shares.hasRoom('too late'), false);
  shares.leave('p0');
  assert.equal(shares.hasRoom('p0'), false);
  assert.ok(shares.hasRoom('too late'));
});
test('a single place is had by whoever comes first; several at once count as several', () => {
  const one = createShares(1);
  assert.equal(fill(one, 'p'), 1);
  const octets = createShares(100);
  assert.ok(octets.hasRoom('p', 50));
  assert.equal(octets.hasRoom('p', 51), false);
});
test('whatever comes and goes: nobody holds more than a share when taking, and a newcomer finds a place where one is free', () => {
  const step = fc.record({ project: fc.nat(5).map(String), enter: fc.boolean() });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), fc.array(step, { maxLength: 200 }), (total, steps) => {
      const shares = createShares(total);
      for (const { project, enter } of steps) {
        if (!enter) {
          if (shares.of(project) > 0) shares.leave(project);
        } else if (shares.hasRoom(project)) {
          assert.ok(shares.of(project) < total - shares.taken);
          shares.enter(project);
        }
        assert.ok(shares.taken <= total);
        assert.equal(shares.hasRoom('newcomer'), shares.taken < total);
      }
      for (const project of ['0', '1', '2', '3', '4', '5'])
        while (shares.of(project) > 0) shares.leave(project);
      assert.equal(shares.taken, 0);
    }),
  );
});
test('turns go over projects, in the order of coming within each; who has no room keeps its turn', () => {
  const full = new Set<string>();
  const turns = createTurns<string>({ hasRoom: (project) => !full.has(project) });
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) turns.push(item[0]!, item);
  assert.deepEqual([turns.next(), turns.next()], ['a1', 'b1']);
  full.add('a');
  assert.deepEqual([turns.next(), turns.next(), turns.next()], ['c1', 'b2', undefined]);
  full.clear();
  assert.deepEqual([turns.next(), turns.next(), turns.next()], ['a2', 'a3', undefined]);
});
