/**
 * Mail that is made to stop, slow down or fool the service: while the service accepts, shows and posts it, it
 * answers others, and its memory does not grow. Refusals and marks are as documented.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import { signDkim } from '../../src/verify/sign.ts';
import { HOSTILE } from '../hostile/mails.ts';
import { rssOf, type Watched, watching } from '../hostile/watch.ts';
import { type DnsServer, eventually, startDns } from './harness.ts';
import { type Journey, type Json, startJourney } from './journey.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';

/**
 * ms. The defects covered here stopped the process for seconds; a busy machine alone does not reach this
 * limit.
 */
const ANSWERS_WITHIN = Number(process.env['HIKYAKU_TEST_ANSWERS_WITHIN'] ?? 1_000);
/** MiB in addition to what the service used before. */
const ROOM = 100;

const state = {} as { dns: DnsServer; journey: Journey };
before(async () => {
  state.dns = await startDns(3600);
  state.journey = await startJourney({ HIKYAKU_DNS_SERVERS: state.dns.address });
  const { call, who, sink } = state.journey;
  const hook = { type: 'http', url: `${sink.http}/hook` };
  const { status } = await call('POST', `/edj/v1/topics/${who.topic_id}/subscribers`, hook);
  assert.equal(status, 201);
  // Loads everything that is loaded at first use, before anything is measured.
  await take(Buffer.from('From: <x@remote.test>\r\nSubject: first\r\n\r\nfirst\r\n'));
});
after(async () => {
  await state.journey[Symbol.asyncDispose]();
  await state.dns[Symbol.asyncDispose]();
});

/** Sends it to port 25, then finds it in a list, then at the hook; returns the event in the list. */
async function take(message: Buffer): Promise<Json> {
  const { service, who, call, sink } = state.journey;
  await using client = await openSmtp(service.ready.mx);
  const answer = await send(client, 'x@remote.test', ['inbox@sender.test'], message);
  assert.match(answer, /^250 2\.0\.0 accepted /);
  const list = await call('GET', `/edj/v1/topics/${who.topic_id}/events?limit=1`);
  assert.equal(list.status, 200);
  const [event] = list.json.items;
  assert.ok(answer.endsWith(event.content.id), 'the newest event is this one');
  await eventually(
    'the hook heard of it',
    async () => (await sink.events()).some(({ body }) => body.id === event.id),
    60,
  );
  return event;
}
async function submit(message: Buffer): Promise<string> {
  const { service, who } = state.journey;
  await using client = await openSmtp(service.ready.submissions, 'implicit');
  await client.command(plain(who.key.id, who.key.secret));
  return await send(client, 'x@sender.test', ['someone@elsewhere.test'], message);
}
async function unharmed(work: () => Promise<void>): Promise<Watched> {
  const { service } = state.journey;
  const watched = await watching(service, work);
  assert.equal(watched.wrong, 0);
  assert.ok(watched.max < ANSWERS_WITHIN, `/healthz took ${watched.max} ms`);
  const pid = service.child.pid!;
  await eventually(
    `its memory is back within ${ROOM} MiB`,
    async () => rssOf(pid) < watched.rssBefore + ROOM,
    30,
  );
  return watched;
}
const hostile = (kind: string, octets: number) => HOSTILE.find((mail) => mail.kind === kind)!.make(octets);

test('a smiley in From is refused by SMTP and by the API, and nobody waits', async () => {
  await unharmed(async () => {
    const message = Buffer.from('From: Smile :) <x@sender.test>\r\nSubject: smile\r\n\r\nsmile\r\n');
    const answer = await submit(message);
    assert.match(answer, /^554 5\.6\.0 .*From/);
    const { call, who } = state.journey;
    for (const field of ['from', 'to', 'reply_to', 'cc', 'bcc']) {
      const { status, json } = await call('POST', '/mta/v1/tasks?is_sync=true', {
        procedure: 'send_message',
        arguments: {
          self: who.domain_url,
          from: ['x@sender.test'],
          to: ['someone@elsewhere.test'],
          subject: 'smile',
          content_type: 'text/plain',
          body: 'smile\n',
          [field]: ['Smile :) <x@sender.test>'],
        },
      });
      assert.equal(status, 400);
      assert.equal(json.field, `arguments.${field}[0]`);
    }
  });
  // Port 25 accepts it; its author stays unknown.
  const event = await take(Buffer.from('From: Smile :) <x@remote.test>\r\n\r\nsmile\r\n'));
  assert.equal(event.content.authentication.dmarc.result, 'permerror');
  assert.ok(event.content.defects.includes('from-unreadable'));
});

test('48 messages within each other over 150,000 short lines are read once', async () => {
  await unharmed(async () => {
    const event = await take(hostile('messages in messages, short lines', 450_000));
    assert.equal(event.attachments.length, 1);
    assert.equal(event.attachments[0].content_type, 'message/rfc822');
  });
});

test('a From of 9 MB is refused at submission, and marked at port 25', async () => {
  const message = hostile('a From of brackets', 9_000_000);
  await unharmed(async () => {
    assert.match(await submit(message), /^554 5\.6\.0 .*header/);
    const event = await take(message);
    assert.ok(event.content.defects.includes('header-too-large'));
    assert.equal(event.content.authentication.dmarc.result, 'permerror');
  });
});

test('a signed body of 10 MB in short lines is verified', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const p = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  state.dns.set('s1._domainkey.remote.test', 'TXT', [[`v=DKIM1; k=rsa; p=${p.slice(0, 200)}`, p.slice(200)]]);
  const body = 'a \r\n'.repeat(2_600_000);
  const unsigned = Buffer.from(`From: <x@remote.test>\r\nSubject: short lines\r\n\r\n${body}`);
  const keys = [{ selector: 's1', algorithm: 'rsa-sha256' as const, privateKey }];
  const signature = await signDkim({ message: unsigned, domain: 'remote.test', keys, now: Date.now() });
  await unharmed(async () => {
    const event = await take(Buffer.concat([Buffer.from(signature), unsigned]));
    assert.deepEqual(
      event.content.authentication.dkim.map(({ result, domain }: Json) => [result, domain]),
      [['pass', 'remote.test']],
    );
  });
});

for (const kind of [
  'empty lines',
  'flowed lines',
  'flowed and quoted lines',
  'ten signatures over short lines',
]) {
  test(`${kind}: 640 kB of them cost nobody anything`, async () => {
    await unharmed(async () => void (await take(hostile(kind, 640_000))));
  });
}
