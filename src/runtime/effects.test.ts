/** Effects hang on the end of their transaction, whichever it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterCommit, afterFailure, collectEffects } from './effects.ts';

test('effects run once, after the end that they are for, in their order', () => {
  const seen: string[] = [];
  const record = () => {
    afterCommit(() => seen.push('committed 1'));
    afterFailure(() => seen.push('failed'));
    afterCommit(() => seen.push('committed 2'));
  };
  const effects = collectEffects(record);
  assert.deepEqual(seen, []);
  effects.committed();
  effects.committed();
  assert.deepEqual(seen, ['committed 1', 'committed 2']);
  collectEffects(record).failed();
  assert.deepEqual(seen.slice(2), ['failed']);
});
test('a callback that throws has failed; effects belong to the innermost transaction; outside of one there are none', () => {
  const seen: string[] = [];
  assert.throws(
    () =>
      collectEffects(() => {
        afterFailure(() => seen.push('outer failed'));
        collectEffects(() => afterCommit(() => seen.push('inner'))).committed();
        throw new Error('no');
      }),
    /no/,
  );
  assert.deepEqual(seen, ['inner', 'outer failed']);
  assert.throws(() => afterCommit(() => {}), /only during its callback/);
});
test('an effect that throws keeps no other from running', () => {
  const seen: string[] = [];
  const effects = collectEffects(() => {
    afterCommit(() => {
      throw new Error('first');
    });
    afterCommit(() => seen.push('second'));
  });
  assert.throws(() => effects.committed(), /first/);
  assert.deepEqual(seen, ['second']);
});
