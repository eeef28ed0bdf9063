/** What port 25 takes although it is odd, as it came; and where it stops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MtaDomain } from '../domains/mta-domains.ts';
import type { ReceiveRule } from '../rules/rules.ts';
import { createRandom } from '../runtime/random.ts';
import { formatReply } from '../smtp/reply.ts';
import type { Connection } from '../smtp/server/receiver.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { turnsFor } from '../testing/turns.ts';
import { createZoneResolver } from '../testing/zone-resolver.ts';
import { hashHere } from '../verify/body-hash.ts';
import type { AcceptRequest, PlannedMessage } from './planned.ts';
import { createReceiver, type ReceiverDeps } from './receiver.ts';

const domain = { id: 'd', projectId: 'p', name: 'here.test', receiving: true, defaultTopicId: 't' };
const rule = { id: 'r', type: 'catch_all', localPart: null, topicId: 't', domainId: 'd', projectId: 'p' };

interface Sent {
  readonly helo?: string;
  readonly from?: string;
  readonly to?: string;
  readonly message?: Buffer | string;
}
/** One mail to port 25: the answers to MAIL, RCPT and DATA as far as it comes, and what is accepted. */
async function receive({
  helo = 'b.test',
  from = 'x@b.test',
  to = 'y@here.test',
  message = 'From: x@b.test\r\n\r\nx\r\n',
}: Sent) {
  const accepted: PlannedMessage[] = [];
  const receiver = createReceiver({
    read: {
      findDomain: async (name: string) => (name === domain.name ? (domain as unknown as MtaDomain) : null),
      rules: async () => [rule as unknown as ReceiveRule],
    } as unknown as ReceiverDeps['read'],
    intake: {
      accept: async ({ messages }: AcceptRequest) => void accepted.push(...messages),
    },
    resolver: createZoneResolver({}),
    hashBody: hashHere,
    clock: createFakeClock(),
    ...turnsFor(createFakeClock()),
    random: createRandom(),
    hostname: 'mail.here.test',
    hasSpace: () => true,
  } as unknown as ReceiverDeps);
  const connection: Connection = {
    id: 'mx-1',
    role: 'mx',
    remoteAddress: '192.0.2.1',
    remotePort: 25_000,
    helo,
    esmtp: true,
    tls: null,
    principal: null,
  };
  const begun = await receiver.mail(connection, { address: from, size: null, body: '7BIT', smtputf8: false });
  if (!begun.ok) return { answer: formatReply(begun.reply), accepted };
  const taken = await begun.value.rcpt({ address: to });
  if (!taken.ok) return { answer: formatReply(taken.reply), accepted };
  const raw = typeof message === 'string' ? Buffer.from(message, 'latin1') : message;
  return { answer: formatReply(await begun.value.data(raw, () => true, false)), accepted, raw };
}

test('a client may call itself anything: its name is one quoted word of our fields, and no field of its own', async () => {
  for (const [helo, shown, result] of [
    ['MY PC', '"MY PC"', '"MY PC"'],
    ['x" y\\', '"x? y?"', '"x\\" y\\\\"'],
    ['under_score', 'under_score', 'under_score'],
    ['(none)', '?none?', '"(none)"'],
    ['%computername%', '?computername?', '"%computername%"'],
    ['ホスト', '???', '"???"'],
  ] as const) {
    const { answer, accepted } = await receive({ helo, from: '' });
    assert.match(answer, /^250 2\.0\.0 accepted /, helo);
    const { prefix, facts } = accepted[0]!.message;
    const [path, results, ...lines] = prefix.toString().split('\r\n');
    const names = lines.filter((line) => !/^\s/.test(line) && line !== '').map((line) => line.split(' ')[0]);
    assert.deepEqual([path, names], ['Return-Path: <>', ['Received:']], helo);
    assert.equal(results, 'Authentication-Results: mail.here.test;', helo);
    assert.ok(lines.includes(`Received: from ${shown} ([192.0.2.1])`), prefix.toString());
    assert.ok(prefix.includes(`smtp.helo=${result};`), prefix.toString());
    assert.equal(facts.helo, helo);
  }
});

test('a source route opens no relaying: its last address is judged like any other', async () => {
  // The session has left the route out by now; whoever asks with it does not get further.
  for (const to of ['@here.test:x@elsewhere.test', '@elsewhere.test:x@here.test'])
    assert.match((await receive({ to })).answer, /^553 5\.1\.3 /, to);
  assert.match((await receive({ to: 'x@elsewhere.test' })).answer, /^550 5\.7\.1 relaying denied/);
});

test('local parts over 64 octets are taken from and for anybody', async () => {
  const from = `${'s'.repeat(77)}@b.test`;
  const to = `${'r'.repeat(75)}@here.test`;
  const message = `From: ${from}\r\nTo: ${to}\r\n\r\nx\r\n`;
  const { answer, accepted } = await receive({ from, to, message });
  assert.match(answer, /^250 /);
  assert.equal(accepted[0]!.message.mailFrom, from);
  const [event] = accepted[0]!.events;
  const content = event!.content as { envelope: unknown; authentication: { dmarc: { domain: string } } };
  assert.deepEqual(content.envelope, { mail_from: from, recipients: [to] });
  assert.equal(content.authentication.dmarc.domain, 'b.test', 'the author is read');
  assert.match((await receive({ to: `${'r'.repeat(246)}@here.test` })).answer, /^553 5\.1\.3 /);
});

test('100 Received fields are taken; one more is a loop', async () => {
  const hops = (count: number) => 'Received: from a by b; Fri, 27 Nov 2026 02:00:00 +0000\r\n'.repeat(count);
  const rest = 'From: x@b.test\r\n\r\nx\r\n';
  assert.match((await receive({ message: `${hops(100)}${rest}` })).answer, /^250 /);
  assert.match((await receive({ message: `${hops(101)}${rest}` })).answer, /^554 5\.4\.6 /);
});

test('raw octets, long lines and fields that stand twice are taken as they came', async () => {
  for (const message of [
    'From: x@b.test\r\nSubject: \x83e\x83X\x83g\r\n\r\nx\r\n',
    'From: x@b.test\r\nSubject: \xe3\x83\x86\r\n\r\nx\r\n',
    `From: x@b.test\r\nReferences:${' <1@b.test>'.repeat(400)}\r\n\r\n${'x'.repeat(5000)}\r\n`,
    'Return-Path: <z@b.test>\r\nFrom: x@b.test\r\nSubject: a\r\nSubject: b\r\nTo: a\r\nTo: b\r\n\r\nx\r\n',
  ]) {
    const { answer, accepted, raw } = await receive({ message });
    assert.match(answer, /^250 /);
    assert.equal(accepted[0]!.message.raw, raw);
  }
});
