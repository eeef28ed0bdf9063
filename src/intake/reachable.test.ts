/** Nothing is taken at submission for an address that is known to take nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from '../iam/projects.ts';
import { parseAddress } from '../mail/address.ts';
import { createReachable, type ReachableDeps } from './reachable.ts';

const HOSTED: Record<string, object> = {
  'hosted.test': { name: 'hosted.test', projectId: 'q', id: 'd', receiving: true, mxSeen: true },
  'no-mx.test': { name: 'no-mx.test', projectId: 'q', id: 'e', receiving: true, mxSeen: false },
};
const asked: string[] = [];
const read = {
  findDomain: async (name: string) => {
    asked.push(name);
    return HOSTED[name] ?? null;
  },
  rules: async () => [{ id: 'r', type: 'account', localPart: 'there', topicId: 't' }],
} as unknown as ReachableDeps['read'];
const project = 'p' as Principal['projectId'];
const address = (text: string) => parseAddress(text)!;

test('a recipient hosted here without a rule is no recipient; all others are delivery’s', async () => {
  const reachable = createReachable({ read, leaves: async () => true }, project);
  for (const [text, wanted] of [
    ['there@hosted.test', null],
    ['THERE@hosted.test', null],
    ['postmaster@hosted.test', null],
    ['gone@hosted.test', 'no-recipient'],
    [`${'x'.repeat(75)}@hosted.test`, 'no-recipient'],
    ['gone@no-mx.test', null],
    ['gone@out.test', null],
  ] as const)
    assert.equal(await reachable(address(text)), wanted, text);
  assert.deepEqual(asked, ['hosted.test', 'no-mx.test', 'out.test'], 'each domain is asked for once');
});

test('mail of the sandbox goes to hosted domains and where it may', async () => {
  const leaves = async (_: string, to: string) => to.endsWith('@simulator.test');
  const reachable = createReachable({ read, leaves }, project);
  assert.equal(await reachable(address('there@hosted.test')), null);
  assert.equal(await reachable(address('bounce@simulator.test')), null);
  assert.equal(await reachable(address('x@out.test')), 'sandbox');
});
