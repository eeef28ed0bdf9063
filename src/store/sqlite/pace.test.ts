/** A step of the sweep is as large as the writer does in 5 ms, whatever a row costs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPace } from './pace.ts';

/** Steps that use all they may, on a writer that takes so long for a commit and for each unit. */
function settle(pace: ReturnType<typeof createPace>, commitMs: number, unitMs: number, steps = 30): number {
  for (let i = 0; i < steps; i += 1) pace.took(pace.units, commitMs + pace.units * unitMs);
  return commitMs + pace.units * unitMs;
}

test('steps grow to what the writer does in the time, and shrink when rows cost more', () => {
  const pace = createPace();
  for (const [commit, unit] of [
    [1, 0.01],
    [1, 0.1],
    [2, 0.003],
  ] as const) {
    const ms = settle(pace, commit, unit);
    assert.ok(ms > 2.5 && ms < 7.5, `${ms} ms with ${pace.units} units`);
  }
});

test('one slow step halves the next; a step with little to do says nothing; the bounds hold', () => {
  const pace = createPace();
  settle(pace, 1, 0.01);
  const before = pace.units;
  pace.took(before, 5_000);
  assert.equal(pace.units, Math.floor(before / 2));
  pace.took(1, 0.5);
  assert.equal(pace.units, Math.floor(before / 2));
  pace.took(0, 90);
  assert.equal(pace.units, Math.floor(before / 2));
  settle(pace, 100, 0);
  assert.equal(pace.units, 20);
  settle(pace, 0, 0, 60);
  assert.equal(pace.units, 4_000);
});
