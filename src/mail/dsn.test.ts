import assert from 'node:assert/strict';
import { test } from 'node:test';
import PostalMime from 'postal-mime';
import { composeDsn, type DsnInput } from './dsn.ts';

const input: DsnInput = {
  reportingMta: 'mail.example.net',
  to: 'sender@example.com',
  messageId: '<dsn@mail.example.net>',
  unique: 'abc',
  now: Date.UTC(2026, 0, 2),
  arrival: Date.UTC(2026, 0, 1),
  envid: 'QQ314159',
  originalMessageId: '<1@example.com>',
  recipients: [
    {
      address: 'x@out.test',
      orcpt: 'rfc822;x+2B1@out.test',
      action: 'failed',
      status: '5.1.1',
      remoteMta: 'mx.out.test',
      diagnostic: '550 5.1.1 no such\r\nInjected: yes',
      explanation: 'the server mx.out.test said: 550 5.1.1 no such user',
      lastAttempt: Date.UTC(2026, 0, 2),
    },
    {
      address: 'y@out.test',
      action: 'failed',
      status: '4.4.1',
      explanation: 'nobody answered',
      lastAttempt: null,
    },
  ],
  original: Buffer.from('Subject: hello\r\nFrom: a@example.com\r\n\r\n'),
  whole: false,
};

test('a report of three parts, every line short, each recipient with its own block', async () => {
  const message = composeDsn(input);
  const text = message.toString();
  assert.ok(text.split('\r\n').every((line) => line.length <= 998 && !line.includes('\n')));
  const parsed = await PostalMime.parse(message, { attachmentEncoding: 'utf8' });
  assert.equal(parsed.headers.find((h) => h.key === 'auto-submitted')?.value, 'auto-replied');
  assert.match(parsed.headers.find((h) => h.key === 'content-type')!.value, /report-type=delivery-status/);
  assert.match(text, /Original-Envelope-Id: QQ314159\r\n/);
  assert.match(
    text,
    /Original-Recipient: rfc822; x\+2B1@out\.test\r\nFinal-Recipient: rfc822; x@out\.test\r\nAction: failed\r\nStatus: 5\.1\.1\r\nRemote-MTA: dns; mx\.out\.test\r\nDiagnostic-Code: smtp; 550 5\.1\.1 no such\?Injected: yes\r\n/,
  );
  assert.match(text, /\r\n\r\nFinal-Recipient: rfc822; y@out\.test\r\nAction: failed\r\nStatus: 4\.4\.1\r\n/);
  assert.ok(text.includes('Content-Type: text/rfc822-headers\r\n\r\nSubject: hello\r\n'));
});
test('an internationalized recipient and an 8-bit original are marked as such', () => {
  const text = composeDsn({
    ...input,
    recipients: [{ ...input.recipients[1]!, address: 'ユ@out.test' }],
    original: Buffer.from('Subject: はい\r\n\r\nbody\r\n'),
    whole: true,
  }).toString();
  assert.match(text, /Final-Recipient: utf-8; \\x\{30E6\}@out\.test/);
  assert.match(text, /Content-Type: message\/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n/);
});
