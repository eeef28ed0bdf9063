/** Real clients send through the real service: the mail must reach the recording sink signed and complete. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import nodemailer from 'nodemailer';
import { eventually, execute, has, portOf } from './harness.ts';
import { authorization, type Journey, startJourney } from './journey.ts';

let journey: Journey;
before(async () => {
  journey = await startJourney();
});
after(() => journey[Symbol.asyncDispose]());

/** The one message for this recipient at the sink. */
async function atSink(recipient: string): Promise<string> {
  const message = await eventually(`mail for ${recipient}`, async () =>
    (await journey.sink.messages()).find(({ rcpt_to }) => rcpt_to.includes(recipient)),
  );
  const text = Buffer.from(message.raw_base64, 'base64').toString('utf8');
  assert.equal(text.match(/^DKIM-Signature:/gm)?.length, 2, 'signed with both algorithms');
  assert.equal(message.mail_from, 'sender@sender.test');
  return text;
}

for (const [name, secure] of [
  ['nodemailer on 465 (implicit TLS)', true],
  ['nodemailer on 587 (STARTTLS)', false],
] as const) {
  test(name, async () => {
    const { ready } = journey.service;
    const transport = nodemailer.createTransport({
      host: '127.0.0.1',
      port: portOf(secure ? ready.submissions : ready.submission),
      secure,
      requireTLS: !secure,
      tls: { rejectUnauthorized: false },
      auth: { user: journey.who.key.id, pass: journey.who.key.secret },
    });
    const to = `nodemailer-${secure}@out.test`;
    await transport.sendMail({
      from: '送信者 <sender@sender.test>',
      to,
      bcc: `hidden-${secure}@out.test`,
      subject: '飛脚から',
      text: 'こんにちは\n.\n',
      attachments: [{ filename: '請求書.txt', content: 'x' }],
    });
    transport.close();
    const text = await atSink(to);
    assert.ok(!text.includes('hidden-'), 'Bcc left');
    assert.ok((await atSink(`hidden-${secure}@out.test`)).includes('nodemailer-'));
  });
}

for (const mechanism of ['PLAIN', 'LOGIN']) {
  for (const [port, tls] of [
    ['submissions', '--tls-on-connect'],
    ['submission', '--tls'],
    ['mx', '--tls'],
  ] as const) {
    test(`swaks, AUTH ${mechanism}, ${port}`, async (t) => {
      if (!(await has('swaks'))) return t.skip('swaks is not installed');
      const to = `swaks-${mechanism}-${port}@out.test`.toLowerCase();
      const { status, output } = await execute('swaks', [
        ...['--server', '127.0.0.1', '--port', String(portOf(journey.service.ready[port])), tls],
        ...[
          '--auth',
          mechanism,
          '--auth-user',
          journey.who.key.id,
          '--auth-password',
          journey.who.key.secret,
        ],
        ...[
          '--from',
          'sender@sender.test',
          '--to',
          to,
          '--h-From',
          '<sender@sender.test>',
          '--body',
          'swaks',
        ],
      ]);
      assert.equal(status, 0, output);
      await atSink(to);
    });
  }
}

test('curl in the shape of the published examples', async (t) => {
  if (!(await has('curl'))) return t.skip('curl is not installed');
  const body = {
    procedure: 'send_message',
    arguments: {
      self: `https://api.example/mta/v1/domains/${journey.who.domain_id}`,
      from: ['John Smith <sender@sender.test>'],
      to: ['curl@out.test'],
      subject: 'Hello',
      content_type: 'text/plain; charset=UTF-8',
      additional_header: { 'Auto-Submitted': ['auto-generated'] },
      body: 'Hello World!\n',
      attachments: [{ filename: 'a.png', content_type: 'image/png', content: 'iVBORw0KGgo=' }],
    },
  };
  const { status, output } = await execute('curl', [
    ...['-sS', '--fail-with-body', '-X', 'POST', '-u', `${journey.who.key.id}:${journey.who.key.secret}`],
    ...['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)],
    `http://${journey.service.ready.http}/mta/v1/tasks?is_sync=true`,
  ]);
  assert.equal(status, 0, output);
  const task = JSON.parse(output);
  assert.equal(task.status, 'succeeded');
  assert.equal(task.result.recipients[0].address, 'curl@out.test');
  const text = await atSink('curl@out.test');
  assert.match(text, /^Auto-Submitted: auto-generated\r$/m);
  assert.match(text, /^Content-Type: multipart\/mixed/m);
  assert.ok(authorization(journey.who).startsWith('Basic '));
});

test("Python's smtplib, STARTTLS and implicit TLS", async (t) => {
  if (!(await has('python3'))) return t.skip('python3 is not installed');
  const { ready } = journey.service;
  const { status, output } = await execute(
    'python3',
    [
      '-',
      ...[ready.submission, ready.submissions].map((a) => String(portOf(a))),
      journey.who.key.id,
      journey.who.key.secret,
    ],
    {
      input: `
import smtplib, ssl, sys
from email.message import EmailMessage
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
for kind in ('starttls', 'implicit'):
    m = EmailMessage(); m['From'] = 'sender@sender.test'; m['To'] = f'python-{kind}@out.test'; m['Subject'] = '件名'
    m.set_content('こんにちは\\n')
    if kind == 'starttls':
        s = smtplib.SMTP('127.0.0.1', int(sys.argv[1])); s.starttls(context=context)
    else:
        s = smtplib.SMTP_SSL('127.0.0.1', int(sys.argv[2]), context=context)
    s.login(sys.argv[3], sys.argv[4]); s.send_message(m); s.quit()
`,
    },
  );
  assert.equal(status, 0, output);
  await atSink('python-starttls@out.test');
  await atSink('python-implicit@out.test');
});

test("Go's net/smtp", async (t) => {
  if (!(await has('go'))) return t.skip('Go is not installed');
  const file = join(journey.service.directory, 'main.go');
  writeFileSync(
    file,
    `package main
import ("crypto/tls"; "net/smtp"; "os")
func check(err error) { if err != nil { panic(err) } }
func main() {
  c, err := smtp.Dial("127.0.0.1:" + os.Args[1]); check(err)
  check(c.StartTLS(&tls.Config{InsecureSkipVerify: true, ServerName: "127.0.0.1"}))
  check(c.Auth(smtp.PlainAuth("", os.Args[2], os.Args[3], "127.0.0.1")))
  check(c.Mail("sender@sender.test")); check(c.Rcpt("go@out.test"))
  w, err := c.Data(); check(err)
  _, err = w.Write([]byte("From: <sender@sender.test>\\r\\nTo: <go@out.test>\\r\\nSubject: go\\r\\n\\r\\n.hello\\r\\n")); check(err)
  check(w.Close()); check(c.Quit())
}
`,
  );
  const { status, output } = await execute(
    'go',
    [
      'run',
      file,
      String(portOf(journey.service.ready.submission)),
      journey.who.key.id,
      journey.who.key.secret,
    ],
    { env: { GO111MODULE: 'off', GOFLAGS: '', GOCACHE: join(journey.service.directory, 'go-cache') } },
  );
  assert.equal(status, 0, output);
  assert.match(await atSink('go@out.test'), /\r\n\.hello\r\n/);
});

test('msmtp, a mail client', async (t) => {
  if (!(await has('msmtp'))) return t.skip('msmtp is not installed');
  const { status, output } = await execute(
    'msmtp',
    [
      ...[
        '--host=127.0.0.1',
        `--port=${portOf(journey.service.ready.submission)}`,
        '--tls=on',
        '--tls-starttls=on',
      ],
      ...[
        '--tls-certcheck=off',
        '--auth=plain',
        `--user=${journey.who.key.id}`,
        '--passwordeval=printenv SECRET',
      ],
      ...['--from=sender@sender.test', 'msmtp@out.test'],
    ],
    {
      input: 'From: <sender@sender.test>\nTo: <msmtp@out.test>\nSubject: msmtp\n\nhello\n',
      env: { SECRET: journey.who.key.secret },
    },
  );
  assert.equal(status, 0, output);
  await atSink('msmtp@out.test');
});

test('a secret with colons signs in by PLAIN, LOGIN and Basic', async (t) => {
  assert.ok(
    journey.who.key.secret.includes(':'),
    'generated secrets hold a colon, like the ones people know',
  );
  const { status } = await journey.call('GET', '/mta/v1/domains');
  assert.equal(status, 200);
  if (!(await has('openssl'))) return t.skip('openssl is not installed');
  const b64 = (text: string) => Buffer.from(text).toString('base64');
  for (const dialogue of [
    [`AUTH PLAIN ${b64(`\0${journey.who.key.id}\0${journey.who.key.secret}`)}`],
    ['AUTH LOGIN', b64(journey.who.key.id), b64(journey.who.key.secret)],
  ]) {
    const target = `127.0.0.1:${portOf(journey.service.ready.submissions)}`;
    const client = spawn('openssl', ['s_client', '-quiet', '-connect', target], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const replies = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
    const reply = async () => {
      for (;;) {
        const { value, done } = await replies.next();
        if (done || !/^\d{3}-/.test(value)) return String(value);
      }
    };
    assert.match(await reply(), /^220 /);
    const said: string[] = [];
    for (const line of ['EHLO client.test', ...dialogue, 'QUIT']) {
      client.stdin.write(`${line}\r\n`);
      said.push(await reply());
    }
    assert.match(said.at(-2)!, /^235 2\.7\.0/);
    client.kill();
  }
});
