import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRuleLocalPart } from './local-part.ts';
import { matchReceiveRules } from './match.ts';
import type { ReceiveRule } from './rules.ts';

let made = 0;
function rule(type: ReceiveRule['type'], localPart: string | null = null): ReceiveRule {
  return {
    id: `rule-${made++}` as ReceiveRule['id'],
    projectId: 'p' as ReceiveRule['projectId'],
    domainId: 'd' as ReceiveRule['domainId'],
    topicId: 't' as ReceiveRule['topicId'],
    createdAt: 0,
    family: 'incoming',
    type,
    localPart,
  };
}
const a = rule('account', 'a');
const a2 = rule('account', 'a');
const b = rule('account', 'b');
const all = rule('all');
const rest = rule('catch_all');

const table: [name: string, rules: ReceiveRule[], local: string, taken: ReceiveRule[]][] = [
  ['nothing matches nothing', [], 'a', []],
  ['an account', [a, b], 'a', [a]],
  ['several accounts of one name', [a, b, a2], 'a', [a, a2]],
  ['without case', [a], 'A', [a]],
  ['the plus tag is part of the name', [a], 'a+x', []],
  ['all beside an account', [a, all], 'a', [a, all]],
  ['all alone', [a, all], 'z', [all]],
  ['catch-all when nobody else', [a, rest], 'z', [rest]],
  ['catch-all not beside an account', [a, rest], 'a', [a]],
  ['catch-all never beside all', [all, rest], 'z', [all]],
];
for (const [name, rules, local, taken] of table) {
  test(name, () => assert.deepEqual(matchReceiveRules(rules, local), taken));
}

test('local parts of account rules', () => {
  for (const good of ['a', 'a.b', 'a-b_c.9', 'x'.repeat(64)]) assert.ok(isRuleLocalPart(good), good);
  for (const bad of ['', '.a', 'a.', 'a..b', 'A', 'a+b', 'a b', 'あ', 'x'.repeat(65)])
    assert.ok(!isRuleLocalPart(bad), bad);
});
