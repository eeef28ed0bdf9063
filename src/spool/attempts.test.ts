import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attemptDetail, attemptsAt } from './attempts.ts';
import type { AttemptRow, RecipientRow } from './messages.ts';

const row = (over: object) =>
  ({
    id: 'r',
    projectId: 'p',
    messageId: 'm',
    attempts: 2,
    settledAt: 9,
    ...over,
  }) as unknown as RecipientRow;
const kept = [
  { recipientId: 'r', number: 1, at: 5, outcome: 'deferred', detail: {} },
  { recipientId: 'other', number: 1, at: 5, outcome: 'deferred', detail: {} },
] as unknown as AttemptRow[];

test('the attempt that settled a row is its last result, behind those that have rows', () => {
  const reply = { code: 250, enhanced: '2.0.0', text: 'taken' };
  const attempts = attemptsAt(
    row({ state: 'delivered', lastResult: { kind: 'delivered', at: 8, reply, ambiguous: false } }),
    kept,
  );
  assert.deepEqual(
    attempts.map(({ number, outcome, at, detail }) => ({ number, outcome, at, detail })),
    [
      { number: 1, outcome: 'deferred', at: 5, detail: {} },
      { number: 2, outcome: 'delivered', at: 8, detail: { reply } },
    ],
  );
});

for (const [what, over] of [
  ['a row that waits', { state: 'deferred', lastResult: { kind: 'deferred', at: 8 } }],
  [
    'one that was returned by hand',
    { state: 'bounced', lastResult: { kind: 'returned', cause: 'x', at: 8 } },
  ],
  ['one that was taken back', { state: 'cancelled', lastResult: { kind: 'cancelled', at: 8 } }],
] as const)
  test(`${what} has no attempt beyond those with rows`, () => {
    assert.equal(attemptsAt(row(over), kept).length, 1);
  });

test('an expired row shows its last try', () => {
  const last = attemptsAt(
    row({ state: 'expired', lastResult: { kind: 'deferred', at: 8, cause: 'x' } }),
    kept,
  ).at(-1);
  assert.deepEqual({ number: last?.number, outcome: last?.outcome }, { number: 2, outcome: 'deferred' });
});

test('what is shown of an outcome leaves out what is not there', () => {
  assert.deepEqual(attemptDetail({ kind: 'deferred', at: 1, cause: 'c', ambiguous: true, tls: undefined }), {
    cause: 'c',
    ambiguous: true,
  });
});
