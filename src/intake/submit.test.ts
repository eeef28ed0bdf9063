/** What both doors of submission refuse of recipients, before anything is accepted; what the API sends beyond ASCII. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { submitProblem } from '../api/submit-problems.ts';
import { SEND_OPERATIONS } from '../iam/policy.ts';
import type { Principal } from '../iam/projects.ts';
import { createRandom } from '../runtime/random.ts';
import { formatReply } from '../smtp/reply.ts';
import type { Connection } from '../smtp/server/receiver.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { turnsFor } from '../testing/turns.ts';
import type { PlannedMessage } from './planned.ts';
import { createReceiver, type ReceiverDeps } from './receiver.ts';
import { createSubmit, type SubmitDeps } from './submit.ts';

const own = { id: 'd', projectId: 'p', name: 'own.test', receiving: true, mxSeen: false };
const hosted = { id: 'h', projectId: 'q', name: 'hosted.test', receiving: true, mxSeen: true };
const principal = {
  projectId: 'p',
  actor: { kind: 'key', keyId: null },
  operations: new Set(SEND_OPERATIONS),
} as unknown as Principal;
const planned: PlannedMessage[] = [];
const deps = {
  read: {
    domain: async () => own,
    findDomain: async (name: string) => [own, hosted].find((domain) => domain.name === name) ?? null,
    sendingSettings: async () => null,
    rules: async (_: string, domain: string) =>
      domain === 'h' ? [{ id: 'r', type: 'account', localPart: 'there', topicId: 't' }] : [],
  },
  intake: { send: async (one: PlannedMessage) => void planned.push(one) },
  limiter: { reserve: async () => ({ kind: 'ok', record() {}, release() {} }) },
  leaves: async (_: string, address: string) => !address.endsWith('@outside.test'),
  clock: createFakeClock(),
  ...turnsFor(createFakeClock()),
  random: createRandom(),
  hostname: 'mail.own.test',
  hasSpace: () => true,
};
const submit = createSubmit(deps as unknown as SubmitDeps);
const BASE = { from: ['a@own.test'], subject: 's', content_type: 'text/plain', body: 'b' };

/** What the API answers: the field and the sentence, or the message that is accepted. */
async function send(input: Partial<Parameters<typeof submit>[2]>) {
  planned.length = 0;
  const answer = await submit(principal, 'd' as never, { ...BASE, ...input });
  if (answer.kind === 'accepted') return planned[0]!.message;
  const { type, field, message } = submitProblem(answer.refusal);
  return { type, field, message };
}

test('a recipient that is known to take nothing is refused by RCPT and by the name of its argument', async () => {
  const connection = { id: 's', role: 'submissions', remoteAddress: '192.0.2.1', principal } as Connection;
  const begun = await createReceiver(deps as unknown as ReceiverDeps).mail(connection, {
    address: 'a@own.test',
    size: null,
    body: '7BIT',
    smtputf8: false,
  });
  assert.ok(begun.ok);
  for (const [address, reply, problem] of [
    [
      'gone@hosted.test',
      /^550 5\.1\.1 no such recipient here/,
      /^arguments\.cc\[1\]: its domain is hosted here/,
    ],
    [
      'x@outside.test',
      /^550 5\.7\.1 mail of the sandbox stays/,
      /^arguments\.cc\[1\]: mail of the sandbox stays/,
    ],
  ] as const) {
    const verdict = await begun.value.rcpt({ address });
    assert.match(verdict.ok ? '250' : formatReply(verdict.reply), reply);
    const said = await send({ to: ['there@hosted.test'], cc: ['x@out.test', `"x" <${address}>`] });
    assert.ok('field' in said, 'refused');
    assert.deepEqual([said.type, said.field], ['validation', 'arguments.cc[1]']);
    assert.match(said.message, problem);
    assert.deepEqual(planned, [], 'nothing is accepted');
  }
  for (const address of ['there@hosted.test', 'postmaster@hosted.test', 'x@out.test'])
    assert.ok((await begun.value.rcpt({ address })).ok, address);
});

test('the API asks for SMTPUTF8 where an address needs it, and only there', async () => {
  for (const [input, smtputf8] of [
    [{ to: ['受信@out.test'] }, true],
    [{ to: ['日本 <x@日本.test>'], subject: '件名' }, false],
    [{ to: ['x@out.test'], additional_header: { 'List-Id': ['組 <a.test>'] } }, false],
  ] as const) {
    const message = await send(input);
    assert.ok('raw' in message, JSON.stringify(message));
    const header = message.raw.toString('latin1', 0, message.raw.indexOf('\r\n\r\n'));
    assert.deepEqual([message.smtputf8, /[^\x00-\x7f]/.test(header)], [smtputf8, smtputf8]);
  }
});
