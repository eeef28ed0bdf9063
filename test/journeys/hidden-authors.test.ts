/**
 * Headers that can be read in two ways, at every entrance: what submission and the API refuse, what port 25
 * accepts and reports, what is sent to servers without SMTPUTF8.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { scriptedServer } from '../../src/testing/scripted-server.ts';
import { bodyHash } from '../../src/verify/body-hash.ts';
import { signDkim } from '../../src/verify/sign.ts';
import { bootstrap, type DnsServer, eventually, startDns } from './harness.ts';
import { type Journey, type Json, startJourney } from './journey.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';

let dns: DnsServer;
let journey: Journey;
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
before(async () => {
  dns = await startDns();
  const key = publicKey.export({ format: 'der', type: 'spki' }).subarray(12).toString('base64');
  dns.set('other.test', 'TXT', ['v=spf1 ip4:127.0.0.1 -all']);
  dns.set('_dmarc.other.test', 'TXT', ['v=DMARC1; p=reject']);
  dns.set('s._domainkey.other.test', 'TXT', [`v=DKIM1; k=ed25519; p=${key}`]);
  journey = await startJourney({ HIKYAKU_DNS_SERVERS: dns.address });
  await bootstrap(journey.service.env, 'tenant.test', '--project', 'tenant');
});
after(async () => {
  await journey[Symbol.asyncDispose]();
  await dns[Symbol.asyncDispose]();
});

const OWN = 'From: <sender@sender.test>\r\nTo: <x@out.test>\r\n';
async function signedIn() {
  const client = await openSmtp(journey.service.ready.submissions, 'implicit');
  assert.match(await client.command(plain(journey.who.key.id, journey.who.key.secret)), /^235/);
  return client;
}
/** The replies to the messages. A session may have few errors, and an address few sessions. */
async function submit(messages: readonly string[]): Promise<string[]> {
  const replies: string[] = [];
  for (let n = 0; n < messages.length; n += 8) {
    await using client = await signedIn();
    for (const message of messages.slice(n, n + 8))
      replies.push(await send(client, 'sender@sender.test', ['x@out.test'], Buffer.from(message, 'latin1')));
  }
  return replies;
}
/** Receives the message at port 25; returns its event. */
async function receive(message: string): Promise<Json> {
  await using client = await openSmtp(journey.service.ready.mx);
  const answer = await send(
    client,
    'writer@other.test',
    ['postmaster@sender.test'],
    Buffer.from(message, 'latin1'),
  );
  assert.match(answer, /^250 2\.0\.0 accepted /);
  const topic = `/edj/v1/topics/${journey.who.topic_id}/events?limit=500`;
  return eventually('the event', async () => {
    const { json } = await journey.call('GET', topic);
    return json.items.find(({ content }: Json) =>
      `${content.header_list?.[2]?.raw_value}`.includes(answer.split(' ').at(-1)!),
    );
  });
}

test('a second author, sender or Bcc behind a line that is none: 554 that names the line, and nothing leaves', async () => {
  const before = (await journey.sink.messages()).length;
  const hidden = ['From: ceo@tenant.test', 'Sender: ceo@tenant.test', 'Bcc: x@out.test'];
  const cases: [header: string, reply: RegExp][] = [];
  for (const line of [': x', 'X Y: z', 'no colon', '>From x'])
    for (const claim of hidden)
      cases.push([`${line}\r\n${claim}\r\n`, /^554 5\.6\.0 line 3 of the header is not a field/]);
  for (const name of ['Fro\0m', 'Sen\0der', 'Bc\0c'])
    cases.push([`${name}: ceo@tenant.test\r\n`, /^554 5\.6\.0 line 3 .* holds NUL/]);
  for (const claim of hidden)
    cases.push([
      `${'X: y\r\n'.repeat(20_001)}${claim}\r\n`,
      /^554 5\.6\.0 the header has more than 1000 fields/,
    ]);
  cases.push(
    ['\r\nx\0y\r\n', /^554 5\.6\.0 the body holds NUL/],
    [`X: ${'y'.repeat(900)}\r\n`.repeat(300), /^554 5\.6\.0 the header has more than 256 KiB/],
    ['from : a@sender.test\r\n', /^554 5\.6\.0 more than one From header field/],
    ['Subject: x\r\nSUBJECT: y\r\n', /^554 5\.6\.0 more than one SUBJECT header field/],
  );
  const replies = await submit(cases.map(([header]) => `${OWN}${header}\r\nx\r\n`));
  for (const [i, [header, wanted]] of cases.entries()) assert.match(replies[i]!, wanted, header.slice(-60));
  assert.equal((await journey.sink.messages()).length, before);
});

test('what must not leave is cut in every form, and what is only old is taken', async () => {
  const message = `From sender@sender.test Fri Nov 27 02:00:00 2026\r\nReturn-Path: <x@y.test>\r\nBCC :\r\n \r\n x@secret.test\r\n${OWN}Subject : \x1b$BF|K\\\x1b(B\r\n x\r\nResent-Bcc: y@secret.test\r\n\r\nBcc: in the body\r\n`;
  assert.match((await submit([message]))[0]!, /^250/);
  const raw = await eventually('it leaves', async () => {
    const all = await journey.sink.messages();
    return all
      .map(({ raw_base64: octets }) => Buffer.from(octets, 'base64').toString('latin1'))
      .find((text) => text.endsWith('in the body\r\n'));
  });
  assert.doesNotMatch(raw, /secret\.test|^>?From |^Return-Path/m);
  assert.ok(raw.includes('Subject: =?UTF-8?B?5pel5pysIHg=?=\r\n'), raw);
});

test('the API says which field', async () => {
  const call = (more: object) =>
    journey.call('POST', '/mta/v1/tasks?is_sync=true', {
      procedure: 'send_message',
      arguments: {
        self: journey.who.domain_url,
        from: ['sender@sender.test'],
        to: ['x@out.test'],
        subject: 's',
        content_type: 'text/plain',
        body: 'b',
        ...more,
      },
    });
  const many = (names: number, values: number, value: string) =>
    Object.fromEntries(
      Array.from({ length: names }, (_, n) => [`X-${n}`, Array.from({ length: values }, () => value)]),
    );
  for (const [more, type, field] of [
    [{ additional_header: many(11, 100, 'x') }, 'header-invalid', 'arguments.additional_header'],
    [{ additional_header: many(4, 100, 'x'.repeat(900)) }, 'header-invalid', 'arguments.additional_header'],
    [
      { additional_header: { 'Resent-From': ['ceo@tenant.test'] } },
      'author-domain',
      'arguments.additional_header.Resent-From',
    ],
    [
      { additional_header: { 'Resent-Sender': ['x :) <ceo@tenant.test>'] } },
      'author-invalid',
      'arguments.additional_header.Resent-Sender',
    ],
    [
      { from: ['sender@sender.test', 'ceo@tenant.test'], sender: 'sender@sender.test' },
      'author-domain',
      'arguments.from',
    ],
  ] as const) {
    const { status, json } = await call(more);
    assert.deepEqual(
      [status, json.type?.split('/').at(-1), json.field],
      [422, type, field],
      JSON.stringify(json),
    );
  }
  // The service writes these fields itself: the caller's own are never added.
  const { status } = await call({
    additional_header: { FROM: ['ceo@tenant.test'], Bcc: ['x@y.test'], subject: ['y'] },
  });
  assert.equal(status, 200);
});

test('port 25 takes all of it; where the author is open, DMARC is permerror and nothing is aligned', async () => {
  const text = 'From: <writer@other.test>\r\nSubject: x\r\n\r\nx\r\n';
  const keys = [{ selector: 's', algorithm: 'ed25519-sha256' as const, privateKey }];
  const signature = await signDkim({
    message: Buffer.from(text),
    domain: 'other.test',
    keys,
    now: Date.now(),
  });
  const honest = signature + text;
  const good = await receive(honest);
  assert.deepEqual(
    [good.content.authentication.dmarc.result, good.content.authentication.dkim[0].aligned],
    ['pass', true],
  );
  for (const [hidden, defect] of [
    [': x\r\nFrom: ceo@tenant.test', 'not-a-field'],
    ['X Y: z\r\nSender: ceo@tenant.test', 'not-a-field'],
    ['no colon', 'not-a-field'],
    ['Fro\0m: ceo@tenant.test', 'nul'],
    ['from : ceo@tenant.test', 'several-from'],
    ['Sender: a@other.test\r\nSender: b@other.test', 'several-sender'],
    [`${'X: y\r\n'.repeat(20_001)}From: ceo@tenant.test`, 'too-many-fields'],
  ] as const) {
    const { content } = await receive(honest.replace('\r\nSubject:', `\r\n${hidden}\r\nSubject:`));
    assert.ok(content.defects.includes(defect), `${content.defects}`);
    assert.equal(content.authentication.dmarc.result, 'permerror', hidden.slice(0, 30));
    assert.equal(content.authentication.spf.result, 'pass');
    assert.deepEqual(content.authentication.dmarc.alignment, { spf: false, dkim: false });
    assert.ok(content.authentication.dkim.every(({ aligned }: Json) => aligned === false));
  }
  const mbox = await receive(`From writer@other.test Fri Nov 27 02:00:00 2026\r\n${honest}`);
  assert.equal(mbox.content.authentication.dmarc.result, 'pass');
  assert.deepEqual(mbox.content.defects, ['mbox-line']);
  assert.equal(good.content.defects, undefined);
});

test('10 MB of short lines under a signature cost the event loop little', async (t) => {
  const text = `From: <writer@other.test>\r\nSubject: short lines\r\n\r\n${'\tx\r\n'.repeat(2_500_000)}`;
  const keys = [{ selector: 's', algorithm: 'ed25519-sha256' as const, privateKey }];
  const signature = await signDkim({
    message: Buffer.from(text),
    domain: 'other.test',
    keys,
    now: Date.now(),
  });
  await using client = await openSmtp(journey.service.ready.mx);
  const before = loopMs(journey.service.child.pid!);
  assert.match(
    await send(client, 'writer@other.test', ['postmaster@sender.test'], Buffer.from(signature + text)),
    /^250/,
  );
  const used = loopMs(journey.service.child.pid!) - before;
  t.diagnostic(`${used} ms of the main thread`);
  assert.ok(used < 1000, `${used} ms`);
});
/** CPU time, in ms, of the process's main thread, which runs its event loop. */
function loopMs(pid: number): number {
  const [user, system] = readFileSync(`/proc/${pid}/task/${pid}/stat`, 'utf8')
    .split(') ')[1]!
    .split(' ')
    .slice(11, 13);
  return (Number(user) + Number(system)) * 10;
}

test('raw text in a header goes to a server without SMTPUTF8 and 8BITMIME, or is refused; it is never taken and bounced', async () => {
  await using server = await scriptedServer({ extensions: ['PIPELINING', 'SIZE 1000000'] });
  await using other = await startJourney({ HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${server.port}` });
  await using client = await openSmtp(other.service.ready.submissions, 'implicit');
  await client.command(plain(other.who.key.id, other.who.key.secret));
  const submit = (subject: string) =>
    send(
      client,
      'sender@sender.test',
      ['x@out.test'],
      Buffer.from(`${OWN}Subject: ${subject}\r\n\r\nx\r\n`, 'latin1'),
    );
  assert.match(await submit(Buffer.from('テスト').toString('latin1')), /^250/);
  assert.match(await submit('\x83e\x83X\x83g'), /^554 5\.6\.0 the Subject header field .* not UTF-8/);
  assert.match(await submit('\x1b$B%F%9%H\x1b(B'), /^250/);
  await eventually('all are there', async () => server.messages.length === 2);
  const sent = server.messages.map((message) => /^Subject: (.*)\r$/m.exec(message)![1]!);
  assert.deepEqual(sent, ['=?UTF-8?B?44OG44K544OI?=', '=?UTF-8?B?44OG44K544OI?=']);
  // Text beyond ASCII: converted on the event loop or in a thread, by its size, and signed after that.
  const line = '飛脚は走る。\r\n';
  for (const body of [line, line.repeat(2000)])
    assert.match(
      await send(
        client,
        'sender@sender.test',
        ['x@out.test'],
        Buffer.from(`${OWN}Subject: 8\r\n\r\n${body}`),
      ),
      /^250/,
    );
  await eventually('both are there', async () => server.messages.length === 4);
  for (const message of server.messages.slice(2)) {
    assert.match(message, /^[\t\r\n\x20-\x7e]*$/);
    assert.match(message, /\r\nContent-Transfer-Encoding: base64\r\n/);
    const base64 = message.slice(message.indexOf('\r\n\r\n') + 4);
    assert.match(Buffer.from(base64, 'base64').toString(), /^(飛脚は走る。\r\n)+$/);
    assert.equal(/\sbh=(\S+);/.exec(message)?.[1], bodyHash(Buffer.from(message)));
  }
});
