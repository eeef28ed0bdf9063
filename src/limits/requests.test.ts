/** When a request counts as granted in full, and what limits follow from it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approved, isHigher, type LimitRequest, limitsAfter } from './requests.ts';

const request = { state: 'open', perMinute: 600, perDay: null } as unknown as LimitRequest;
const by = { by: 'op', at: 1, note: null };

test('no limit is above every limit, and nothing is above none', () => {
  assert.deepEqual(
    [isHigher(2, 1), isHigher(1, 1), isHigher(1, 2), isHigher(0, 5), isHigher(5, 0), isHigher(0, 0)],
    [true, false, false, true, false, false],
  );
});
for (const [granted, state] of [
  [{ perMinute: 600, perDay: null }, 'approved'],
  [{ perMinute: 900, perDay: null }, 'approved'],
  [{ perMinute: 0, perDay: null }, 'approved'],
  [{ perMinute: 600, perDay: 9 }, 'approved'],
  [{ perMinute: 599, perDay: null }, 'approved_in_part'],
  [{ perMinute: null, perDay: 9 }, 'approved_in_part'],
] as const)
  test(`600 a minute asked, ${JSON.stringify(granted)} granted: ${state}`, () => {
    assert.equal(approved(request, granted, by).state, state);
  });
test('no limit asked, a high one granted: in part', () => {
  const unlimited = { ...request, perMinute: 0 };
  assert.equal(approved(unlimited, { perMinute: 1_000_000, perDay: null }, by).state, 'approved_in_part');
});
test('what was not granted stays', () => {
  const decided = approved(request, { perMinute: 500, perDay: null }, by);
  assert.deepEqual(limitsAfter(decided, { perMinute: 300, perDay: 50_000 }), {
    perMinute: 500,
    perDay: 50_000,
  });
});
