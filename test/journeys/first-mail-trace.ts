/** The journey of `npm run first-mail`: sender instance, receiver instance, hook; every step is printed. */
import assert from 'node:assert/strict';
import {
  type Bootstrapped,
  bootstrap,
  eventually,
  type Running,
  startDns,
  startService,
  startSink,
} from './harness.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';
import { messageOfSize, type RealMessage, realMessages } from './real-mail.ts';

export interface Trace {
  step(text: string): void;
}
export interface Figures {
  readonly messages: number;
  readonly recipients: number;
  readonly octets: number;
}
const LIMIT = 10_485_760;

function basic(who: Bootstrapped): Record<string, string> {
  return {
    authorization: `Basic ${Buffer.from(`${who.key.id}:${who.key.secret}`).toString('base64')}`,
    'content-type': 'application/json',
  };
}
async function call(base: string, who: Bootstrapped, method: string, path: string, body?: unknown) {
  const response = await fetch(path.startsWith('http') ? path : `${base}${path}`, {
    method,
    headers: basic(who),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
  return { status: response.status, json: (text === '' ? null : JSON.parse(text)) as any };
}

export async function generateTrace(trace: Trace, nonce: string): Promise<Figures> {
  await using dns = await startDns();
  await using sink = await startSink();
  trace.step(`hook and recording SMTP server: ${sink.http}, ${sink.smtp}; DNS: ${dns.address}`);
  await using receiver = await startService({
    HIKYAKU_HOSTNAME: 'mx.receiver.test',
    HIKYAKU_DNS_SERVERS: dns.address,
    HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true',
  });
  trace.step(`receiving instance ready: MX ${receiver.ready.mx}, HTTP ${receiver.ready.http}`);
  await using sender = await startService({
    HIKYAKU_HOSTNAME: 'mail.sender.test',
    HIKYAKU_DNS_SERVERS: dns.address,
    HIKYAKU_ROUTES: `*=smtp://${receiver.ready.mx}`,
    HIKYAKU_LIMIT_PER_MINUTE: '0',
  });
  trace.step(
    `sending instance ready: submission ${sender.ready.submission}, submissions ${sender.ready.submissions}`,
  );

  const from = await bootstrap(sender.env, 'sender.test', '--project', 'sender');
  const to = await bootstrap(receiver.env, 'receiver.test', '--project', 'receiver');
  for (const domain of ['second.test', 'third.test'])
    await bootstrap(receiver.env, domain, '--project', 'receiver');
  trace.step('projects, domains, topics and keys made by `hikyaku bootstrap`, beside the running services');

  const senderApi = `http://${sender.ready.http}`;
  const receiverApi = `http://${receiver.ready.http}`;
  const keys = await call(senderApi, from, 'GET', `/mta/v1/domains/${from.domain_id}/dkim_keys`);
  assert.equal(keys.status, 200);
  for (const key of keys.json.items) {
    const name: string = key.record?.name ?? `${key.selector}._domainkey.sender.test`;
    const value: string = key.record?.value ?? key.public_record;
    dns.set(name.replace(/\.$/, ''), 'TXT', [value.match(/.{1,255}/g) as string[]]);
  }
  dns.set('sender.test', 'TXT', ['v=spf1 ip4:127.0.0.1 -all']);
  dns.set('_dmarc.sender.test', 'TXT', ['v=DMARC1; p=reject']);
  trace.step(`published in DNS: ${keys.json.items.length} DKIM keys, SPF, DMARC p=reject`);

  const topics = await call(receiverApi, to, 'GET', '/edj/v1/topics');
  assert.equal(topics.status, 200);
  for (const topic of topics.json.items) {
    const made = await call(receiverApi, to, 'POST', `/edj/v1/topics/${topic.id}/subscribers`, {
      type: 'http',
      url: `${sink.http}/hook`,
    });
    assert.equal(made.status, 201, JSON.stringify(made.json));
  }
  trace.step(`HTTP hook subscribed to ${topics.json.items.length} topic(s) of the receiver`);

  const messages = realMessages();
  let octets = 0;
  let recipients = 0;
  for (const [index, message] of messages.entries()) {
    const tls = index % 2 === 0 ? 'implicit' : 'starttls';
    await using client = await openSmtp(
      tls === 'implicit' ? sender.ready.submissions : sender.ready.submission,
      tls,
    );
    assert.match(await client.command(plain(from.key.id, from.key.secret)), /^235/);
    const parameters = `${message.smtputf8 ? ' SMTPUTF8' : ''}${message.eightBit ? ' BODY=8BITMIME' : ''} SIZE=${message.raw.length}`;
    const answer = await send(
      client,
      encoded(message.from ?? 'sender@sender.test'),
      message.recipients.map(encoded),
      message.raw,
      parameters,
    );
    assert.match(answer, /^250 2\.0\.0 accepted /, `${message.name}: ${answer}`);
    octets += message.raw.length;
    recipients += message.recipients.length;
    trace.step(
      `sent by ${tls === 'implicit' ? 'submissions (implicit TLS)' : 'submission (STARTTLS)'}: ${message.name}, ${message.raw.length} octets, ${message.recipients.length} recipient(s): ${answer}`,
    );
  }
  await oversize(trace, sender, receiver, from);

  const api = await call(senderApi, from, 'POST', '/mta/v1/tasks?is_sync=true', {
    procedure: 'send_message',
    arguments: {
      self: `${senderApi}/mta/v1/domains/${from.domain_id}`,
      from: ['差出人 <sender@sender.test>'],
      to: ['api-text@receiver.test'],
      bcc: ['api-bcc@second.test'],
      subject: `飛脚 ${nonce}`,
      content_type: 'text/plain; charset=UTF-8',
      body: '本文\n.dot\n',
      attachments: [
        {
          filename: '請求書.pdf',
          content_type: 'application/pdf',
          content: Buffer.from('%PDF-1.4').toString('base64'),
        },
      ],
    },
  });
  assert.equal(api.status, 200, JSON.stringify(api.json));
  trace.step(`sent by HTTP: ${api.json.result.id}, ${api.json.result.recipients.length} recipients`);
  const multipart = await call(senderApi, from, 'POST', '/mta/v1/tasks?is_sync=true', {
    procedure: 'send_message',
    arguments: {
      self: `${senderApi}/mta/v1/domains/${from.domain_id}`,
      from: ['sender@sender.test'],
      to: ['api-multipart@receiver.test'],
      subject: 'multipart',
      content_type: 'multipart/alternative; boundary="b"',
      body: '--b\nContent-Type: text/plain\n\nplain\n--b\nContent-Type: text/html\n\n<p>html</p>\n--b--\n',
    },
  });
  assert.equal(multipart.status, 200, JSON.stringify(multipart.json));
  trace.step(`sent by HTTP: ${multipart.json.result.id}, multipart`);

  await arrived(trace, sink, receiverApi, to, messages);
  const composed = await eventually('the HTTP messages reach the hook', async () => {
    const events = await sink.events();
    const found = ['api-text@receiver.test', 'api-bcc@second.test', 'api-multipart@receiver.test'].map(
      (address) => events.find((event) => event.body.content?.envelope?.recipients?.includes(address)),
    );
    return found.every((event) => event !== undefined) ? found : null;
  });
  assert.match(composed[0]!.body.summary, new RegExp(`Subject: 飛脚 ${nonce}`));
  assert.match(composed[0]!.body.summary, /本文\n\.dot\n/);
  assert.equal(composed[0]!.body.attachments[0].filename, '請求書.pdf');
  assert.ok(
    !JSON.stringify(composed[0]!.body.content.header_map).toLowerCase().includes('api-bcc'),
    'Bcc left',
  );
  trace.step('composed messages: subject, text and filename read back in Japanese; Bcc stayed hidden');

  const spool = await eventually('the sender has settled everything', async () => {
    const { json } = await call(senderApi, from, 'GET', '/mta/v1/messages?limit=500');
    for (const item of json.items) {
      const one = await call(senderApi, from, 'GET', `/mta/v1/messages/${item.id}`);
      // biome-ignore lint/suspicious/noExplicitAny: the trace's rows
      if (!one.json.recipients.every((row: any) => row.state === 'delivered')) return null;
    }
    return json.items;
  });
  trace.step(`the sender's trace says delivered for every recipient of ${spool.length} messages`);
  return { messages: messages.length + 2, recipients: recipients + 3, octets };
}

function encoded(address: string): string {
  return Buffer.from(address, 'utf8').toString('utf8');
}

async function oversize(trace: Trace, sender: Running, receiver: Running, from: Bootstrapped): Promise<void> {
  const tooBig = messageOfSize(LIMIT + 1, 'one octet more');
  for (const [name, address, tls] of [
    ['submissions', sender.ready.submissions, 'implicit'],
    ['submission', sender.ready.submission, 'starttls'],
    ['MX with AUTH', sender.ready.mx, 'starttls'],
  ] as const) {
    await using client = await openSmtp(address, tls);
    assert.match(await client.command(plain(from.key.id, from.key.secret)), /^235/);
    const announced = await send(
      client,
      'sender@sender.test',
      ['big@receiver.test'],
      tooBig,
      ` SIZE=${tooBig.length}`,
    );
    assert.match(announced, /^552 5\.3\.4/, name);
    const found = await send(client, 'sender@sender.test', ['big@receiver.test'], tooBig);
    assert.match(found, /^552 5\.3\.4/, name);
    trace.step(`${name}: ${LIMIT + 1} octets refused at MAIL and after DATA: ${found}`);
  }
  await using client = await openSmtp(receiver.ready.mx);
  const more = messageOfSize(LIMIT + 65_536 + 1, 'too big for the MX');
  assert.match(await send(client, 'a@elsewhere.test', ['mx@receiver.test'], more), /^552 5\.3\.4/);
  trace.step(`MX without AUTH: ${more.length} octets refused`);
  const make = async (length: number) =>
    call(`http://${sender.ready.http}`, from, 'POST', '/mta/v1/tasks?is_sync=true', {
      procedure: 'send_message',
      arguments: {
        self: `http://${sender.ready.http}/mta/v1/domains/${from.domain_id}`,
        from: ['sender@sender.test'],
        to: ['api-size@receiver.test'],
        message_id: '<size@sender.test>',
        subject: 'size',
        content_type: 'multipart/mixed; boundary="b"',
        body: `--b\r\n\r\n${`${'A'.repeat(76)}\r\n`.repeat(Math.floor(length / 78))}${'A'.repeat(length % 78)}\r\n--b--\r\n`,
      },
    });
  const probe = await make(78 * 1000);
  assert.equal(probe.status, 200, JSON.stringify(probe.json));
  const stored = await call(
    `http://${sender.ready.http}`,
    from,
    'GET',
    `/mta/v1/messages/${probe.json.result.id}`,
  );
  const base = LIMIT - (stored.json.size - 78 * 1000);
  const fits = await make(base);
  assert.equal(fits.status, 200, JSON.stringify(fits.json));
  const exact = await call(
    `http://${sender.ready.http}`,
    from,
    'GET',
    `/mta/v1/messages/${fits.json.result.id}`,
  );
  assert.equal(exact.json.size, LIMIT);
  const over = await make(base + 1);
  assert.equal(over.status, 413, JSON.stringify(over.json));
  trace.step(`HTTP: a composed message of ${exact.json.size} octets taken, one octet more refused with 413`);
}

async function arrived(
  trace: Trace,
  sink: { events(): Promise<{ headers: Record<string, string>; body: unknown }[]> },
  receiverApi: string,
  to: Bootstrapped,
  messages: readonly RealMessage[],
): Promise<void> {
  for (const message of messages) {
    for (const recipient of message.recipients) {
      const event = await eventually(
        `${message.name} for ${recipient} at the hook`,
        async () => {
          // biome-ignore lint/suspicious/noExplicitAny: event JSON
          const all = (await sink.events()) as { headers: Record<string, string>; body: any }[];
          return all.find(
            (one) =>
              one.body.name === 'incoming' && one.body.content?.envelope?.recipients?.includes(recipient),
          );
        },
        60,
      );
      assert.ok(event.headers['webhook-signature'], 'the hook is signed');
      if (recipient !== message.recipients[0]) continue;
      const { authentication, raw_url: rawUrl } = event.body.content;
      const raw = Buffer.from(
        await (
          await fetch(`${receiverApi}${new URL(rawUrl).pathname}`, { headers: basic(to) })
        ).arrayBuffer(),
      );
      const tail = raw.subarray(raw.length - message.expected.length);
      assert.ok(tail.equals(message.expected), `${message.name}: the octets differ`);
      const added = raw.subarray(0, raw.length - message.expected.length).toString('latin1');
      for (const field of added.split(/\r\n(?![ \t])/).filter((line) => line !== '')) {
        assert.match(
          field,
          /^(Return-Path|Authentication-Results|Received|DKIM-Signature|Date|Message-ID):/i,
          message.name,
        );
      }
      const passed = authentication.dkim.filter((one: { result: string }) => one.result === 'pass');
      const algorithms = new Set(passed.map((one: { algorithm: string }) => one.algorithm));
      assert.deepEqual(
        [...algorithms].sort(),
        ['ed25519-sha256', 'rsa-sha256'],
        `${message.name}: ${JSON.stringify(authentication)}`,
      );
      assert.equal(authentication.spf.result, 'pass', message.name);
      assert.equal(authentication.dmarc.result, 'pass', message.name);
      trace.step(
        `arrived: ${message.name}: ${message.expected.length} octets equal; DKIM rsa-sha256 pass, ed25519-sha256 pass; SPF pass; DMARC pass; event ${event.body.id} at the hook`,
      );
    }
  }
}
