/**
 * Mail beyond ASCII and a server that takes ASCII alone: what arrives is read by Python's email and its signatures are
 * verified by dkimpy, both where they are installed; what may not be changed bounces, and nothing is sent.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { before, test } from 'node:test';
import { toSevenBit } from '../mail/seven-bit.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { createWorkers, NoPlace } from '../runtime/workers.ts';
import type { OutgoingTransaction } from '../smtp/client/dialogue.ts';
import type { RecipientRow, StoredMessage } from '../spool/messages.ts';
import { deliveryRig } from '../testing/delivery-rig.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { type SigningKey, signDkim } from '../verify/sign.ts';
import { type AttemptDeps, createAttempts } from './attempt.ts';
import { createConverter, SMALL } from './convert.ts';
import type { RemoteJob } from './plan.ts';
import type { SchedulerDeps } from './scheduler.ts';

const OLD = { extensions: ['PIPELINING', 'SIZE 100000000'] };
const lines = (...text: string[]) => text.join('\r\n');
const LETTER = lines(
  'From: 飛脚 <a@example.com>',
  'To: 受け取る人 <x@good.test>',
  'Subject: 飛脚の手紙 \u{1f4e8}',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary="out"',
  'Content-Transfer-Encoding: 8bit',
  '',
  '--out',
  'Content-Type: multipart/alternative; boundary=in',
  '',
  '--in',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: 8bit',
  '',
  '飛脚は走る。',
  '.dot',
  '--in',
  'Content-Type: text/html; charset=shift_jis',
  '',
  'HTML',
  '--in--',
  '--out',
  'Content-Type: application/pdf; name="見積書.pdf"',
  'Content-Disposition: attachment; filename="見積書.pdf"',
  'Content-Transfer-Encoding: 8bit',
  '',
  '%PDF \u00ff',
  '--out--',
  '',
);
/** The page in Shift_JIS. */
const PAGE = Buffer.from('<p>\x83\x65\x83\x58\x83\x67</p>', 'latin1');
const RAW = (() => {
  const [front = '', back = ''] = LETTER.split('HTML');
  return Buffer.concat([Buffer.from(front), PAGE, Buffer.from(back)]);
})();

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ed25519 = generateKeyPairSync('ed25519');
const KEYS: SigningKey[] = [
  { selector: 'r', algorithm: 'rsa-sha256', privateKey: rsa.privateKey },
  { selector: 'e', algorithm: 'ed25519-sha256', privateKey: ed25519.privateKey },
];
const published = (key: KeyObject, last?: number) =>
  key
    .export({ format: 'der', type: 'spki' })
    .subarray(last === undefined ? 0 : -last)
    .toString('base64');
const ZONE = {
  'r._domainkey.example.com': `v=DKIM1; k=rsa; p=${published(rsa.publicKey)}`,
  'e._domainkey.example.com': `v=DKIM1; k=ed25519; p=${published(ed25519.publicKey, 32)}`,
};
const signing: Partial<SchedulerDeps> = {
  signsAs: async () => 'example.com',
  sign: ({ prefix, raw }) =>
    signDkim({
      message: Buffer.concat([prefix, raw]),
      domain: 'example.com',
      keys: KEYS,
      now: 1_700_000_000_000,
    }),
};

interface Sent {
  /** As it arrived. */
  readonly message: Buffer;
  readonly commands: readonly string[];
  readonly rows: readonly RecipientRow[];
  /** Contents of the events. */
  readonly told: readonly unknown[];
}
async function deliver(
  raw: string | Buffer,
  more: Partial<StoredMessage> = {},
  deps: Partial<SchedulerDeps> = signing,
  script: Parameters<typeof deliveryRig>[0] = OLD,
  ...to: string[]
): Promise<Sent> {
  await using b = await deliveryRig(script, deps);
  const { message, rows } = b.accept(...(to.length === 0 ? ['x@good.test'] : to));
  const octets = Buffer.from(raw as string);
  b.scheduler.enqueue({ ...message, raw: octets, eightBit: true, ...more }, rows);
  await b.until(rows.length);
  const [first = ''] = b.server.messages;
  return {
    message: Buffer.from(first.replaceAll('\r\n..', '\r\n.'), 'latin1'),
    commands: b.server.heard.flat(),
    rows: rows.map(({ id }) => b.rows.get(id)!),
    told: b.events.map(({ content }) => content),
  };
}
const wasConverted = (it: unknown) => (it as { readonly converted?: boolean }).converted === true;
const resultOf = (row: RecipientRow | undefined) =>
  row?.lastResult as { readonly kind: string; readonly status?: string; readonly cause?: string };

/** Debian's own interpreter is where Debian's packages are; another may stand before it on the PATH. */
const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';
const python = spawnSync(PYTHON, ['-c', 'import email']).status === 0;
const dkimpy = spawnSync(PYTHON, ['-c', 'import dkim, nacl.signing']).status === 0;

let sent: Sent;
before(async () => {
  sent = await deliver(RAW, { smtputf8: true });
});

test('text, HTML, attachment and headers arrive readable at a server without 8BITMIME and SMTPUTF8', {
  skip: python ? false : 'python3 is not installed',
}, () => {
  assert.equal(resultOf(sent.rows[0]).kind, 'delivered');
  assert.match(sent.message.toString('latin1'), /^[\t\r\n\x20-\x7e]*$/);
  assert.match(
    sent.commands.find((line) => line.startsWith('MAIL'))!,
    /^MAIL FROM:<a@example\.com> SIZE=\d+$/,
  );
  const program = [
    'import sys, json, email, email.policy',
    'm = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)',
    'p = list(m.iter_attachments())',
    'print(json.dumps({"subject": m["subject"], "from": m["from"].addresses[0].display_name, "to": m["to"].addresses[0].display_name,',
    ' "text": m.get_body(("plain",)).get_content(), "html": m.get_body(("html",)).get_content(),',
    ' "name": p[0].get_filename(), "type": p[0].get_param("name") and p[0].get_content_type(), "octets": p[0].get_content().hex(),',
    ' "defects": [str(d) for part in m.walk() for d in part.defects]}))',
  ].join('\n');
  const read = execFileSync(PYTHON, ['-c', program], { input: sent.message });
  assert.deepEqual(JSON.parse(read.toString()), {
    subject: '飛脚の手紙 \u{1f4e8}',
    from: '飛脚',
    to: '受け取る人',
    text: '飛脚は走る。\r\n.dot',
    html: '<p>テスト</p>',
    name: '見積書.pdf',
    type: 'application/pdf',
    octets: Buffer.from('%PDF \u00ff').toString('hex'),
    defects: [],
  });
});
test('both signatures are over what arrives: dkimpy verifies them', {
  skip: dkimpy ? false : 'python3 dkim (or nacl) is not installed',
}, () => {
  const program =
    'import sys, json, dkim\nzone = json.loads(sys.argv[1])\nd = dkim.DKIM(sys.stdin.buffer.read())\n' +
    'find = lambda name, timeout=5: zone.get(name.decode().rstrip("."), "").encode()\n' +
    'print([d.verify(idx=i, dnsfunc=find) for i in range(2)])\n';
  const out = execFileSync(PYTHON, ['-c', program, JSON.stringify(ZONE)], { input: sent.message });
  assert.equal(out.toString().trim(), '[True, True]');
});

const signedPart = (type: string) =>
  lines(
    'From: a@example.com',
    'MIME-Version: 1.0',
    `Content-Type: ${type}; boundary=b`,
    '',
    '--b',
    'Content-Type: text/plain; charset=utf-8',
    '',
    '飛脚',
    '--b',
    'Content-Type: application/pkcs7-signature',
    'Content-Transfer-Encoding: base64',
    '',
    'AAAA',
    '--b--',
    '',
  );
for (const [what, raw] of [
  ['multipart/signed', signedPart('multipart/signed; protocol="application/pkcs7-signature"')],
  ['multipart/encrypted', signedPart('multipart/encrypted')],
  [
    'S/MIME',
    lines(
      'MIME-Version: 1.0',
      'Content-Type: application/pkcs7-mime; smime-type=enveloped-data',
      '',
      '飛脚',
      '',
    ),
  ],
  [
    'mail that others signed',
    lines('DKIM-Signature: v=1; d=other.test; b=x', 'From: a@example.com', '', '飛脚', ''),
  ],
  [
    'a multipart without its boundary',
    lines('MIME-Version: 1.0', 'Content-Type: multipart/mixed', '', '飛脚', ''),
  ],
] as const)
  test(`${what} bounces with 5.6.3 before a word is said of it`, async () => {
    const { rows, commands } = await deliver(raw);
    const { status, cause } = resultOf(rows[0]);
    assert.equal(status, '5.6.3');
    assert.match(cause!, /^the server does not offer 8BITMIME, and the message is not converted: ./);
    assert.ok(!commands.some((line) => line.startsWith('MAIL')));
  });
test('mail that the domain itself signed before is converted if it is signed again, and bounces if not', async () => {
  const raw = lines('DKIM-Signature: v=1; d=example.com; b=x', 'From: a@example.com', '', '飛脚', '');
  assert.equal(resultOf((await deliver(raw)).rows[0]).kind, 'delivered');
  const unsigned = { ...signing, signsAs: async () => null, sign: async () => '' };
  assert.equal(resultOf((await deliver(raw, {}, unsigned)).rows[0]).status, '5.6.3');
});
test('the trace and the event say that it was converted; of what needed no change they do not', async () => {
  assert.deepEqual([sent.rows[0]!.lastResult, ...sent.told].map(wasConverted), [true, true]);
  const ascii = await deliver('Subject: x\r\n\r\nx\r\n', { eightBit: false, smtputf8: true });
  assert.deepEqual([ascii.rows[0]!.lastResult, ...ascii.told].map(wasConverted), [false, false]);
  assert.equal(resultOf(ascii.rows[0]).kind, 'delivered');
});
test('a server with 8BITMIME and without SMTPUTF8 gets its headers converted, the body as it is', async () => {
  const { message, commands } = await deliver(RAW, { smtputf8: true }, signing, { extensions: ['8BITMIME'] });
  assert.ok(message.includes('\r\n\r\n飛脚は走る。\r\n.dot\r\n'));
  assert.match(message.toString('latin1'), /\r\nSubject: =\?UTF-8\?B\?/);
  assert.ok(commands.includes('MAIL FROM:<a@example.com> BODY=8BITMIME'));
});
test('only recipients whose own address needs SMTPUTF8 bounce', async () => {
  const to = ['飛脚@good.test', 'x@good.test'];
  const { rows, commands } = await deliver(RAW, { smtputf8: true }, signing, OLD, ...to);
  assert.deepEqual(
    rows.map((row) => resultOf(row).kind),
    ['bounced', 'delivered'],
  );
  assert.equal(resultOf(rows[0]).status, '5.6.7');
  assert.deepEqual(
    commands.filter((line) => line.startsWith('RCPT')),
    ['RCPT TO:<x@good.test>'],
  );
});
test('a server that takes it as it is gets it as it is, and nothing is converted', async () => {
  let asked = 0;
  const deps: Partial<SchedulerDeps> = {
    convert: async (raw, options) => {
      asked += 1;
      return toSevenBit(raw, options);
    },
  };
  const { message } = await deliver(RAW, { smtputf8: true }, deps, {});
  assert.ok(message.includes(RAW));
  await deliver('Subject: x\r\n\r\nx\r\n', { eightBit: false }, deps);
  assert.equal(asked, 0);
});
test('no thread was free: tried again later', async () => {
  const busy: Partial<SchedulerDeps> = {
    convert: async () => {
      throw new NoPlace('none');
    },
  };
  const { rows, commands } = await deliver(RAW, {}, busy);
  assert.equal(rows[0]!.state, 'deferred');
  assert.equal(resultOf(rows[0]).cause, 'no thread was free in time');
  assert.ok(!commands.some((line) => line.startsWith('MAIL')));
});
test('what fails for a link that is gone does not undo what the next link delivered', async () => {
  const late = Promise.withResolvers<never>();
  const reply = { code: 250, enhanced: null, text: 'taken', lines: ['taken'] };
  let asked = 0;
  const attempts = createAttempts({
    pool: {
      async deliver(_target: unknown, mail: OutgoingTransaction) {
        const lacks = { eightBit: true, smtputf8: false };
        const first = mail.adapt!(lacks).catch(() => {});
        await mail.adapt!(lacks);
        late.reject(new NoPlace('too late'));
        await first;
        return {
          verdicts: [{ kind: 'delivered', reply, dsn: false }],
          remote: null,
          tls: null,
          reached: true,
        };
      },
    },
    clock: createFakeClock(),
    logger: silentLogger,
    convert: async () => {
      asked += 1;
      return asked === 1 ? late.promise : { kind: 'unchanged' };
    },
    signsAs: async () => null,
    sign: async () => '',
  } as unknown as AttemptDeps);
  const message = { id: 'm', projectId: 'p', raw: RAW, prefix: Buffer.alloc(0) };
  const work = { head: { ...message, facts: {} }, message, size: RAW.length };
  const tried = await attempts.attempt({
    rows: [{ address: 'x@good.test', dsn: null }],
    target: { key: 'k', site: 's', candidates: [] },
    work,
  } as unknown as RemoteJob);
  assert.equal(tried.kind === 'tried' && tried.outcomes[0]!.kind, 'delivered');
});
test('what is too large for a server once it is converted bounces, with its size', async () => {
  const raw = `Subject: x\r\n\r\n${'飛脚は走る。\r\n'.repeat(500)}`;
  const script = { extensions: [`SIZE ${Buffer.byteLength(raw) + 100}`] };
  assert.equal(resultOf((await deliver(raw, {}, signing, script)).rows[0]).status, '5.3.4');
});

test('large mail is converted in a thread, with the same result', async () => {
  await using workers = createWorkers({
    jobs: new URL('../jobs.ts', import.meta.url),
    clock: createFakeClock(),
  });
  const convert = createConverter(workers);
  const text = createRandom()
    .bytes(300_000)
    .toString('latin1')
    .replace(/[\r\n\0]/g, 'x');
  const raw = Buffer.from(`Subject: x\r\n\r\n${text}\r\n`);
  assert.ok(raw.length > SMALL);
  const options = { bodies: true, signedAs: null };
  const [made, here] = [await convert(raw, options, 'p'), toSevenBit(raw, options)];
  assert.ok(made.kind === 'converted' && here.kind === 'converted');
  assert.ok(Buffer.isBuffer(made.message) && made.message.equals(here.message));
  assert.ok(raw.length > 0, 'the message itself stays here');
  assert.equal(
    (await convert(Buffer.from(`DKIM-Signature: d=x.test\r\n${raw}`), options, 'p')).kind,
    'refused',
  );
});
