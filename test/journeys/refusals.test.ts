/** Bad input over real sockets: each gets a clear error, and nothing is accepted. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  bootstrap,
  environment,
  eventually,
  execute,
  has,
  hikyaku,
  portOf,
  startService,
  temporaryDirectory,
} from './harness.ts';
import { type Journey, type Json, startJourney } from './journey.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';

let journey: Journey;
before(async () => {
  journey = await startJourney({}, 'admin', ['--fail', 'gone*=550', '--fail', 'later*=451']);
});
after(() => journey[Symbol.asyncDispose]());

const LETTER = Buffer.from('From: <sender@sender.test>\r\nSubject: x\r\n\r\nx\r\n');
async function signedIn() {
  const client = await openSmtp(journey.service.ready.submissions, 'implicit');
  assert.match(await client.command(plain(journey.who.key.id, journey.who.key.secret)), /^235 2\.7\.0/);
  return client;
}

const OPERATIONS = ['mta.domains.list', 'mta.domains.get', 'mta.domains.send'];
test('every subset of the three sending operations, by SMTP and HTTP', async () => {
  for (let subset = 0; subset < 8; subset++) {
    const roles = OPERATIONS.filter((_, i) => subset & (1 << i));
    const client = await journey.call('POST', '/iam/v1/api_clients', { name: `subset-${subset}`, roles });
    assert.equal(client.status, 201, JSON.stringify(client.json));
    const key = await journey.call('POST', `/iam/v1/api_clients/${client.json.id}/static_keys`, {});
    assert.equal(key.status, 201, JSON.stringify(key.json));
    const who = { ...journey.who, key: { id: key.json.id, secret: key.json.secret } };
    await using smtp = await openSmtp(journey.service.ready.submissions, 'implicit');
    assert.match(await smtp.command(plain(who.key.id, who.key.secret)), /^235/);
    const mail = await smtp.command('MAIL FROM:<sender@sender.test>');
    const http = await journey.call(
      'POST',
      '/mta/v1/tasks?is_sync=true',
      {
        procedure: 'send_message',
        arguments: {
          self: journey.who.domain_url,
          from: ['sender@sender.test'],
          to: ['x@out.test'],
          subject: 's',
          content_type: 'text/plain',
          body: 'b',
        },
      },
      who,
    );
    if (roles.length === 3) {
      assert.match(mail, /^250/);
      assert.equal(http.status, 200, JSON.stringify(http.json));
    } else {
      assert.match(mail, /^550 5\.7\.1 .*mta\.domains\./);
      assert.equal(http.status, 403, JSON.stringify(http.json));
    }
  }
});

test('wrong credentials', async () => {
  await using client = await openSmtp(journey.service.ready.submissions, 'implicit');
  assert.match(await client.command(plain(journey.who.key.id, 'wrong')), /^535 5\.7\.8/);
  assert.match(await client.command('MAIL FROM:<sender@sender.test>'), /^530 5\.7\.0/);
  const wrong = { ...journey.who, key: { id: journey.who.key.id, secret: 'wrong' } };
  assert.equal((await journey.call('GET', '/mta/v1/domains', undefined, wrong)).status, 401);
});

test('no sending without TLS, on any port; AUTH is not even offered', async () => {
  for (const address of [journey.service.ready.submission, journey.service.ready.mx]) {
    await using client = await openSmtp(address);
    assert.doesNotMatch(await client.command('EHLO client.test'), /AUTH/);
    assert.match(await client.command(plain(journey.who.key.id, journey.who.key.secret)), /^538 5\.7\.11/);
  }
  await using client = await openSmtp(journey.service.ready.submission);
  assert.match(await client.command('MAIL FROM:<sender@sender.test>'), /^530 5\.7\.0/);
});

test('foreign and malformed senders and authors', async () => {
  await bootstrap(journey.service.env, 'foreign.test', '--project', 'foreign');
  await using client = await signedIn();
  assert.match(await client.command('MAIL FROM:<x@foreign.test>'), /^550 5\.7\.1/);
  assert.match(await client.command('MAIL FROM:<x@sub.sender.test>'), /^550 5\.7\.1/);
  assert.match(await client.command('MAIL FROM:<>'), /^5\d\d /);
  for (const from of ['<x@foreign.test>', '<sender@sender.test>, <x@foreign.test>', 'not an address']) {
    const letter = Buffer.from(`From: ${from}\r\nSubject: x\r\n\r\nx\r\n`);
    assert.match(await send(client, 'sender@sender.test', ['x@out.test'], letter), /^55[04] 5\./, from);
  }
  const twice = Buffer.from('From: <sender@sender.test>\r\nFrom: <x@foreign.test>\r\n\r\nx\r\n');
  assert.match(await send(client, 'sender@sender.test', ['x@out.test'], twice), /^554 5\.6\.0/);
  assert.match(await send(client, 'sender@sender.test', ['x@out.test'], LETTER), /^250/);
});

test('malformed recipients; carrier addresses leave quoted', async () => {
  await using client = await signedIn();
  await client.command('MAIL FROM:<sender@sender.test>');
  for (const bad of ['no-at-sign', 'x@', '@out.test', 'x@-bad-.test', 'x y@out.test', 'x@[127.0.0.1]']) {
    assert.match(await client.command(`RCPT TO:<${bad}>`), /^5\d\d 5\./, bad);
  }
  assert.match(
    await client.command('RCPT TO:<@a.test,@b.test:x@out.test>'),
    /^250/,
    'a source route is left out',
  );
  assert.match(await client.command('RCPT TO:<a..b.@docomo.ne.jp>'), /^250/);
  assert.match(await client.data(LETTER), /^250/);
  for (let tries = 0; ; tries++) {
    const got = (await journey.sink.messages()).find(({ rcpt_to }) =>
      rcpt_to.some((address) => address.includes('docomo')),
    );
    if (got !== undefined) {
      assert.deepEqual(got.rcpt_to, ['x@out.test', '"a..b."@docomo.ne.jp']);
      break;
    }
    assert.ok(tries < 2000, 'the carrier address never arrived');
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test('local parts over 64 octets, from submission and the API to events, queue views, the notification and port 25', async () => {
  const { call, who } = journey;
  const sender = `${'s'.repeat(77)}@sender.test`;
  const [there, gone, later] = ['there', 'gone', 'later'].map((name) => `${name.padEnd(75, 'r')}@out.test`);
  const rule = { names: ['accepted', 'delivered', 'deferred', 'bounced'] };
  const made = await call('POST', `${new URL(who.domain_url).pathname}/event_rules`, {
    ...rule,
    topic: { self: new URL(`/edj/v1/topics/${who.topic_id}`, who.domain_url) },
  });
  assert.equal(made.status, 201, JSON.stringify(made.json));
  await using client = await signedIn();
  const letter = Buffer.from(`From: <${sender}>\r\nTo: <${there}>\r\nSubject: long\r\n\r\nx\r\n`);
  assert.match(await send(client, sender, [there!, gone!, later!], letter), /^250/);
  const sent = await call('POST', '/mta/v1/tasks?is_sync=true', {
    procedure: 'send_message',
    arguments: {
      self: who.domain_url,
      from: [sender],
      to: [`"${'n'.repeat(70)}" <api-${there}>`],
      subject: 's',
      content_type: 'text/plain',
      body: 'b',
    },
  });
  assert.equal(sent.status, 200, JSON.stringify(sent.json));
  await using outside = await openSmtp(journey.service.ready.mx);
  assert.match(await send(outside, there!, [sender], letter), /^250/);
  const events = await eventually('each outcome has its event, and the sender its notification', async () => {
    const { json } = await call('GET', `/edj/v1/topics/${who.topic_id}/events?full=true&limit=500`);
    const found = json.items.map(({ name, content }: Json) => ({
      name,
      who: content.recipient?.address ?? content.envelope.mail_from,
      content,
    }));
    const has = (name: string, address: string) =>
      found.some((one: Json) => one.name === name && one.who === address);
    return (
      has('delivered', there!) &&
      has('delivered', `api-${there}`) &&
      has('bounced', gone!) &&
      has('deferred', later!) &&
      has('incoming', '') &&
      has('incoming', there!) &&
      found
    );
  });
  const notification = events.find((one: Json) => one.name === 'incoming' && one.who === '').content;
  assert.deepEqual(notification.envelope.recipients, [sender]);
  assert.ok(JSON.stringify(notification).includes(`Final-Recipient: rfc822; ${gone}`));
  assert.match(JSON.stringify(notification), /Auto-Submitted.{1,20}auto-replied/);
  const waiting = await call('GET', '/mta/v1/queues/recipients?state=deferred');
  assert.deepEqual(
    waiting.json.items.map(({ address }: Json) => address),
    [later],
  );
  const bySender = await call('GET', `/mta/v1/queues/recipients?sender=${encodeURIComponent(sender)}`);
  assert.equal(bySender.json.items[0]?.address, later);
});

test('bare CR or LF in a message is refused, and never makes two', async () => {
  for (const smuggled of ['\n.\r\n', '\r.\r\n', '\n.\n', '\r\n.\n', '\r.\r']) {
    await using client = await signedIn();
    await client.command('MAIL FROM:<sender@sender.test>');
    await client.command('RCPT TO:<x@out.test>');
    await client.command('DATA');
    client.write(`From: <sender@sender.test>\r\n\r\nfirst${smuggled}MAIL FROM:<sender@sender.test>\r\n.\r\n`);
    assert.match(await client.reply(), /^5\d\d 5\.\d\.\d+ /, JSON.stringify(smuggled));
    assert.match(await client.command('NOOP'), /^250/);
  }
});

test('unknown commands and lines too long', async () => {
  await using client = await openSmtp(journey.service.ready.mx);
  assert.match(await client.command('FROBNICATE now'), /^500 5\.5\./);
  assert.match(await client.command(`NOOP ${'x'.repeat(5000)}`), /^500 5\.5\./);
  assert.match(await client.command('NOOP'), /^250/);
});

test('limits per minute are enforced: rejected, with the time to wait', async () => {
  await using small = await startJourney({ HIKYAKU_LIMIT_PER_MINUTE: '3' });
  await using client = await openSmtp(small.service.ready.submissions, 'implicit');
  await client.command(plain(small.who.key.id, small.who.key.secret));
  await client.command('MAIL FROM:<sender@sender.test>');
  for (let i = 0; i < 3; i++) assert.match(await client.command(`RCPT TO:<r${i}@out.test>`), /^250/);
  assert.match(await client.command('RCPT TO:<r3@out.test>'), /^452 4\.7\.1/);
  assert.match(await client.data(LETTER), /^250/);
  const http = await small.call('POST', '/mta/v1/tasks?is_sync=true', {
    procedure: 'send_message',
    arguments: {
      self: small.who.domain_url,
      from: ['sender@sender.test'],
      to: ['x@out.test'],
      subject: 's',
      content_type: 'text/plain',
      body: 'b',
    },
  });
  assert.equal(http.status, 429, JSON.stringify(http.json));
  assert.ok(Number(http.headers.get('retry-after')) > 0);
});

test('limits per 24 hours are enforced', async () => {
  await using small = await startJourney({ HIKYAKU_LIMIT_PER_DAY: '2' });
  await using client = await openSmtp(small.service.ready.submissions, 'implicit');
  await client.command(plain(small.who.key.id, small.who.key.secret));
  assert.match(await send(client, 'sender@sender.test', ['a@out.test', 'b@out.test'], LETTER), /^250/);
  assert.match(await send(client, 'sender@sender.test', ['c@out.test'], LETTER), /^452 4\.7\.1/);
});

const fields: Record<string, Record<string, unknown>> = {
  'a missing subject': { subject: undefined },
  'an unknown field': { colour: 'red' },
  'no recipient': { to: undefined },
  'neither sender nor exactly one author': { from: ['a@sender.test', 'b@sender.test'] },
  'a group as a mailbox': { to: ['friends: a@out.test, b@out.test;'] },
  'a foreign sender': { sender: 'x@foreign.example' },
  'a content type that is neither text nor multipart': { content_type: 'image/png' },
  'multipart without boundary': { content_type: 'multipart/mixed' },
  'multipart with attachments': {
    content_type: 'multipart/mixed; boundary=b',
    body: '--b--',
    attachments: [{ content_type: 'text/plain', content: 'eA==' }],
  },
  'an attachment that is not base64': { attachments: [{ content_type: 'text/plain', content: '***' }] },
  'an attachment without content type': { attachments: [{ content: 'eA==' }] },
  'a header name with a space': { additional_header: { 'X Y': ['z'] } },
  'a header value with CRLF and a field': { additional_header: { 'X-Y': ['z\r\nBcc: <q@out.test>'] } },
  'a message id that is none': { message_id: 'x' },
  'CRLF in an address': { to: ['x@out.test\r\nBcc: <q@out.test>'] },
};
for (const [name, change] of Object.entries(fields)) {
  test(`send_message: ${name} is a problem that names the field`, async () => {
    const { status, json, headers } = await journey.call('POST', '/mta/v1/tasks?is_sync=true', {
      procedure: 'send_message',
      arguments: {
        self: journey.who.domain_url,
        from: ['sender@sender.test'],
        to: ['x@out.test'],
        subject: 's',
        content_type: 'text/plain',
        body: 'b',
        ...change,
      },
    });
    assert.ok(status >= 400 && status < 500, `${status} ${JSON.stringify(json)}`);
    assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/);
    const key = Object.keys(change)[0]!;
    assert.ok(
      `${json.field} ${json.detail}`.includes(key) || /arguments/.test(`${json.field}`),
      JSON.stringify(json),
    );
  });
}

test('header injection: no field of the caller makes a field of its own', async () => {
  const evil = 'x\r\nX-Injected: yes\r\n';
  const { status } = await journey.call('POST', '/mta/v1/tasks?is_sync=true', {
    procedure: 'send_message',
    arguments: {
      self: journey.who.domain_url,
      from: ['sender@sender.test'],
      to: ['inject@out.test'],
      subject: evil,
      content_type: 'text/plain',
      body: 'b',
      attachments: [{ filename: evil, content_type: 'text/plain', content: 'eA==' }],
    },
  });
  if (status === 200) {
    for (const { raw_base64 } of await journey.sink.messages()) {
      assert.doesNotMatch(Buffer.from(raw_base64, 'base64').toString('latin1'), /^X-Injected/m);
    }
  } else assert.ok(status >= 400 && status < 500);
});

test('invalid JSON is a 400 problem', async () => {
  const response = await fetch(`http://${journey.service.ready.http}/mta/v1/tasks`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${journey.who.key.id}:${journey.who.key.secret}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: '{"procedure": ',
  });
  assert.equal(response.status, 400);
  assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json/);
});

test('an occupied port, an unreadable certificate, an unknown setting, a second service on one store: clear refusals', async () => {
  const directory = temporaryDirectory();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const occupied = await hikyaku(
    ['serve'],
    environment(directory, { HIKYAKU_MX_LISTEN: `127.0.0.1:${port}` }),
  );
  server.close();
  assert.equal(occupied.status, 1);
  assert.match(occupied.stderr, new RegExp(`${port}`));
  const unreadable = await hikyaku(
    ['serve'],
    environment(directory, {
      HIKYAKU_TLS_CERT: join(directory, 'no.pem'),
      HIKYAKU_TLS_KEY: join(directory, 'no.key'),
    }),
  );
  assert.equal(unreadable.status, 1);
  assert.match(unreadable.stderr, /HIKYAKU_TLS_CERT/);
  writeFileSync(join(directory, 'bad.pem'), 'not a certificate');
  const garbage = await hikyaku(
    ['serve'],
    environment(directory, {
      HIKYAKU_TLS_CERT: join(directory, 'bad.pem'),
      HIKYAKU_TLS_KEY: join(directory, 'bad.pem'),
    }),
  );
  assert.equal(garbage.status, 1);
  assert.match(garbage.stderr, /HIKYAKU_TLS_CERT/);
  const unknown = await hikyaku(['serve'], environment(directory, { HIKYAKU_MX_LISTN: 'x' }));
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /did you mean HIKYAKU_MX_LISTEN\?/);
  const second = await hikyaku(['serve'], environment(journey.service.directory));
  assert.equal(second.status, 1);
  assert.match(second.stderr, /in use by another process/);
  assert.equal((await hikyaku(['zone', '--frob'], environment(directory))).status, 2);
  assert.equal((await hikyaku(['frobnicate'], environment(directory))).status, 2);
});

const VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
const FLAGS = { TLSv1: '-tls1', 'TLSv1.1': '-tls1_1', 'TLSv1.2': '-tls1_2', 'TLSv1.3': '-tls1_3' } as const;
test('TLS versions as configured, tried with openssl s_client per listener', async (t) => {
  if (!(await has('openssl'))) return t.skip('openssl is not installed');
  for (const [minimum, mxMinimum] of [
    ['TLSv1.2', 'TLSv1'],
    ['TLSv1', 'TLSv1.3'],
  ] as const) {
    await using service = await startService({
      HIKYAKU_TLS_MIN_VERSION: minimum,
      HIKYAKU_MX_TLS_MIN_VERSION: mxMinimum,
    });
    for (const [listener, least] of [
      ['submissions', minimum],
      ['submission', minimum],
      ['mx', mxMinimum],
    ] as const) {
      for (const version of VERSIONS) {
        const { output } = await execute(
          'openssl',
          [
            ...['s_client', '-connect', `127.0.0.1:${portOf(service.ready[listener])}`, FLAGS[version]],
            ...['-cipher', 'ALL:@SECLEVEL=0', ...(listener === 'submissions' ? [] : ['-starttls', 'smtp'])],
          ],
          { input: 'QUIT\r\n' },
        );
        const allowed = VERSIONS.indexOf(version) >= VERSIONS.indexOf(least);
        const connected =
          new RegExp(`^\\s*(New, ${version}|Protocol\\s*: ${version}$)`, 'm').test(output) &&
          !/Cipher is \(NONE\)/.test(output);
        assert.equal(
          connected,
          allowed,
          `${listener} with least ${least}, tried ${version}:\n${output.slice(-1500)}`,
        );
      }
    }
  }
});
