import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyReply, classifyStatus, isDeadAddress } from './classify.ts';

const cases = [
  [550, '5.1.1', 'whatever', 'no-such-recipient'],
  [550, null, 'User unknown in local table', 'no-such-recipient'],
  [550, '5.7.1', 'blocked using Spamhaus', 'reputation'],
  [550, '5.7.26', 'unauthenticated', 'authentication'],
  [452, '4.2.2', 'over quota', 'mailbox-full'],
  [450, '4.2.0', 'Greylisted, come back', 'greylisted'],
  [451, '4.7.1', 'too many messages, slow down', 'rate-limited'],
  [421, null, 'closing', 'server-unavailable'],
  [554, '5.7.1', 'no', 'policy'],
  [500, null, 'what', 'protocol'],
  [550, null, 'no', 'undetermined'],
] as const;
for (const [code, enhanced, text, expected] of cases)
  test(`${code} ${enhanced ?? ''} ${text} is ${expected}`, () =>
    assert.equal(classifyReply({ code, enhanced, text }), expected));

test('our own statuses', () => {
  assert.equal(classifyStatus('5.4.6'), 'loop');
  assert.equal(classifyStatus('4.4.3'), 'dns');
  assert.ok(isDeadAddress(classifyStatus('5.1.2')) && !isDeadAddress(classifyStatus('5.7.1')));
});
