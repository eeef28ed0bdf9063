/** The owner's letter says what is over, since when and what to do, in either language. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INSTANCE } from '../runtime/ids.ts';
import { createRandom } from '../runtime/random.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { planLetter } from './letters.ts';
import { retentionLetter } from './retention-letter.ts';

const SINCE = Date.UTC(2026, 0, 2, 3, 4);

test('it says how many and since when, and whether it fails or is slow', () => {
  const facts = { hostname: 'mx.example', due: 5_000, since: SINCE };
  for (const language of ['en', 'ja'] as const) {
    const slow = retentionLetter({ ...facts, failed: false }, language);
    const failed = retentionLetter({ ...facts, failed: true }, language);
    for (const { subject, body } of [slow, failed]) {
      assert.match(subject, /mx\.example/);
      assert.match(body, /5000/);
      assert.match(body, /2026-01-02 03:04 UTC/);
      assert.match(body, /hikyaku doctor/);
    }
    assert.notEqual(slow.body, failed.body);
    const deps = { clock: createFakeClock(), random: createRandom(), hostname: 'mx.example' };
    const { message, recipients } = planLetter({ project: INSTANCE, to: 'owner@example.net', ...slow }, deps);
    assert.deepEqual(
      [message.mailFrom, recipients.map(({ address }) => address)],
      ['', ['owner@example.net']],
    );
  }
});
