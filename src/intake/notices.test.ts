/** Notifications go back once and say that no person wrote them: nothing answers a notification with another. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../runtime/random.ts';
import type { RecipientRow, StoredMessage } from '../spool/messages.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { type News, type NoticeDeps, planNotice } from './notices.ts';

const message = {
  id: 'm',
  projectId: 'p',
  direction: 'outgoing',
  source: 'smtp',
  mailFrom: 'a@b.test',
  messageIdHeader: '<1@b.test>',
  acceptedAt: 0,
  facts: {},
  prefix: Buffer.from('Received: by b.test\r\n'),
  raw: Buffer.from('From: a@b.test\r\nSubject: lost\r\n\r\nx\r\n'),
} as unknown as StoredMessage;
const long = `${'r'.repeat(75)}@out.test`;
const row = { address: long, attempts: 1, dsn: null } as unknown as RecipientRow;
const news: News = { row, action: 'failed', status: '5.1.1', explanation: 'no such recipient' };
const deps = {
  read: { message: async () => message },
  clock: createFakeClock(),
  random: createRandom(),
  hostname: 'mail.b.test',
} as unknown as NoticeDeps;
const plan = (change: Partial<StoredMessage>, of = news) => planNotice({ ...message, ...change }, [of], deps);

test('a bounce that bounces makes none, and neither does mail that nobody sent here', async () => {
  for (const change of [
    { mailFrom: '' },
    { source: 'dsn' },
    { source: 'edj' },
    { direction: 'incoming' },
  ] as Partial<StoredMessage>[])
    assert.equal(await plan(change), null, JSON.stringify(change));
  const never = { ...row, dsn: { notify: ['NEVER'] } } as RecipientRow;
  assert.equal(await plan({}, { ...news, row: never }), null);
});

test('a notification has no return path, asks for no other and says that it is automatic', async () => {
  const sender = `${'s'.repeat(77)}@b.test`;
  const planned = await plan({ mailFrom: sender });
  assert.equal(planned!.message.mailFrom, '');
  assert.deepEqual(
    planned!.recipients.map(({ address, dsn }) => [address, dsn]),
    [[sender, { notify: ['NEVER'] }]],
  );
  const text = planned!.message.raw.toString();
  assert.match(text, /^Auto-Submitted: auto-replied\r$/m);
  assert.match(text, new RegExp(`^Final-Recipient: rfc822; ${long}\\r$`, 'm'));
});
