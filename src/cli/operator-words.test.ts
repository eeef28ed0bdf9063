/** The start and `hikyaku doctor` say the same about the operators. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newMember, type OperatorStanding } from '../iam/links.ts';
import { createRandom } from '../runtime/random.ts';
import { operatorFinding, operatorNotice } from './operator-words.ts';

const member = newMember({ random: createRandom(), now: 0 }, 'op@example.test', {
  instanceRoles: ['operator'],
});
const URL = 'http://localhost:1/#/link/x';

test('an operator with an open link is named, and no stranger is invited', () => {
  const standing: OperatorStanding = { kind: 'has-link', member, expiresAt: Date.UTC(2026, 0, 2) };
  const words =
    'The operator op@example.test cannot sign in yet: this person has a one-time link and has not used it (valid until 2026-01-02T00:00:00Z)';
  assert.ok(operatorNotice(standing, null).includes(words));
  assert.doesNotMatch(operatorNotice(standing, null), /becomes the operator/);
  const { status, detail } = operatorFinding(standing);
  assert.equal(status, 'warning');
  assert.ok(detail.startsWith(words), detail);
});

test('whoever opens a link becomes the operator only where there is none', () => {
  assert.match(operatorNotice({ kind: 'none' }, URL), /Whoever opens this link becomes the operator/);
  const locked = operatorNotice({ kind: 'locked-out', member }, URL);
  assert.match(locked, /The operator op@example\.test cannot sign in\. With this link,/);
  assert.ok(locked.includes(URL));
  assert.equal(operatorNotice({ kind: 'ready', member }, null), '');
  assert.deepEqual(operatorFinding({ kind: 'ready', member }), {
    check: 'operator',
    status: 'ok',
    detail: 'op@example.test',
  });
});
