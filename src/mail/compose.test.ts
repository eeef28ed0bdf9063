import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readMessage } from '../reading/read-message.ts';
import { createRandom } from '../runtime/random.ts';
import { type ComposeInput, compose, FieldError } from './compose.ts';
import { readHeaderSection } from './headers.ts';

const CONTEXT = { now: Date.UTC(2026, 10, 3, 1), random: createRandom(), messageIdDomain: 'b.test' };
const BASE: ComposeInput = {
  from: ['a@b.test'],
  to: ['x@y.test'],
  subject: 's',
  content_type: 'text/plain',
  body: 'b',
};
const made = (change: Partial<ComposeInput> = {}) => compose({ ...BASE, ...change }, CONTEXT);

function headerOf(raw: Buffer): Map<string, string[]> {
  const map = new Map<string, string[]>();
  for (const { rawName, rawValue } of readHeaderSection(raw).fields) {
    map.set(rawName.toLowerCase(), [...(map.get(rawName.toLowerCase()) ?? []), rawValue]);
  }
  return map;
}

const refused: [name: string, change: Partial<ComposeInput>, field: string][] = [
  ['no recipient', { to: [] }, 'arguments.to'],
  ['two authors without sender', { from: ['a@b.test', 'c@b.test'] }, 'arguments.from'],
  ['a group', { to: ['f: a@b.test;'] }, 'arguments.to[0]'],
  ['the second of the list', { cc: ['a@b.test', 'nonsense'] }, 'arguments.cc[1]'],
  ['line ends in the subject', { subject: 'a\r\nBcc: x@y.test' }, 'arguments.subject'],
  ['NEL in the subject', { subject: 'a\u0085b' }, 'arguments.subject'],
  ['LINE SEPARATOR in the subject', { subject: 'a\u2028b' }, 'arguments.subject'],
  ['NUL in the subject', { subject: 'a\0b' }, 'arguments.subject'],
  ['a media type with a line end', { content_type: 'text/plain;\r\n charset=x' }, 'arguments.content_type'],
  ['an image as body', { content_type: 'image/png' }, 'arguments.content_type'],
  ['another charset', { content_type: 'text/plain; charset=iso-2022-jp' }, 'arguments.content_type'],
  [
    'a boundary beyond ASCII',
    { content_type: 'multipart/mixed; boundary="ü"', body: '--ü' },
    'arguments.content_type',
  ],
  ['multipart without boundary', { content_type: 'multipart/mixed' }, 'arguments.content_type'],
  [
    'multipart that is not ASCII',
    { content_type: 'multipart/mixed; boundary=b', body: '--b\nあ' },
    'arguments.body',
  ],
  [
    'multipart without its boundary',
    { content_type: 'multipart/mixed; boundary=b', body: 'x' },
    'arguments.body',
  ],
  [
    'multipart with attachments',
    {
      content_type: 'multipart/mixed; boundary=b',
      body: '--b',
      attachments: [{ content_type: 'a/b', content: '' }],
    },
    'arguments.attachments',
  ],
  ['no base64', { attachments: [{ content_type: 'a/b', content: 'a' }] }, 'arguments.attachments[0].content'],
  [
    'a filename with a line end',
    { attachments: [{ filename: 'a\nb', content_type: 'a/b', content: '' }] },
    'arguments.attachments[0].filename',
  ],
  ['a header name with a colon', { additional_header: { 'X:Y': ['a'] } }, 'arguments.additional_header.X:Y'],
  [
    'a header value with a field in it',
    { additional_header: { X: ['a\r\nBcc: b'] } },
    'arguments.additional_header.X[0]',
  ],
  ['a blank folded line', { additional_header: { X: ['a\r\n \r\n b'] } }, 'arguments.additional_header.X[0]'],
  [
    'a line over 998 octets',
    { additional_header: { X: ['a'.repeat(999)] } },
    'arguments.additional_header.X[0]',
  ],
  [
    'text beyond ASCII in a URL',
    { additional_header: { 'List-Unsubscribe': ['<https://b.test/é>'] } },
    'arguments.additional_header.List-Unsubscribe[0]',
  ],
  [
    'an address beyond ASCII',
    { additional_header: { 'Resent-To': ['ok@b.test', '受@b.test'] } },
    'arguments.additional_header.Resent-To[1]',
  ],
  ['a bad message id', { in_reply_to: ['<a@b>', 'x'] }, 'arguments.in_reply_to[1]'],
];
for (const [name, change, field] of refused) {
  test(`refused: ${name}`, () =>
    assert.throws(
      () => made(change),
      (error) => error instanceof FieldError && error.field === field,
    ));
}

test('Bcc is in the envelope alone; recipients are not doubled', () => {
  const { raw, envelope } = made({ cc: ['x@y.test'], bcc: ['hidden@y.test'] });
  assert.deepEqual(
    envelope.recipients.map(({ wire }) => wire),
    ['x@y.test', 'hidden@y.test'],
  );
  assert.ok(!raw.includes('hidden'));
});

test('mail to Bcc alone names nobody', () => {
  assert.match(made({ to: [], bcc: ['h@y.test'] }).raw.toString(), /^To: undisclosed-recipients:;\r$/m);
});

test('our own fields cannot be given as additional ones; others can, folded by the caller', () => {
  const { raw } = made({
    additional_header: {
      Bcc: ['q@y.test'],
      'message-id': ['<x@y>'],
      'X-Long': ['a\r\n b'],
      'X-': ['c', 'd'],
    },
  });
  const header = headerOf(raw);
  assert.equal(header.get('bcc'), undefined);
  assert.equal(header.get('message-id')?.length, 1);
  assert.deepEqual(header.get('x-long'), [' a\r\n b']);
  assert.deepEqual(header.get('x-'), [' c', ' d']);
});

test('several authors with a sender', () => {
  const { raw, envelope } = made({ from: ['a@b.test', 'c@b.test'], sender: 's@b.test' });
  assert.equal(envelope.from.wire, 's@b.test');
  assert.match(raw.toString(), /^Sender: s@b\.test\r$/m);
});

test('any text survives: body, subject and filename read back as given', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.boolean(), async (text, attach) => {
      const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ').toWellFormed();
      const { raw } = made({
        subject: clean,
        body: `${clean}\n.`,
        ...(attach
          ? {
              attachments: [
                { filename: `f${clean.slice(0, 40).toWellFormed()}`, content_type: 'a/b', content: 'eA==' },
              ],
            }
          : {}),
      });
      assert.ok(
        raw
          .toString('latin1')
          .split('\r\n')
          .every((line) => line.length <= 998 && !/[\r\n]/.test(line)),
      );
      const header = headerOf(raw);
      for (const values of header.values()) assert.equal(values.length, 1);
      const { subject, text: shown, parts, defects } = readMessage(raw, []);
      const said = 'at' in shown! ? raw.toString('utf8', ...shown.at) : shown!.value;
      assert.equal(subject!.trim(), clean.trim());
      assert.ok(said.startsWith(clean), JSON.stringify([said, clean]));
      assert.deepEqual([parts.length, defects], [attach ? 1 : 0, []]);
    }),
    { numRuns: 60 },
  );
});

test('text beyond ASCII in additional fields is encoded as its place asks', () => {
  const { raw } = made({
    additional_header: {
      'List-Id': ['組 <a.test>'],
      Comments: ['日\n 本'],
      'Resent-To': ['é <x@日本.test>'],
    },
  });
  const header = headerOf(raw);
  assert.deepEqual(header.get('list-id'), [' =?UTF-8?B?57WE?= <a.test>']);
  assert.deepEqual(header.get('comments'), [' =?UTF-8?B?5pelIOacrA==?=']);
  assert.deepEqual(header.get('resent-to'), [' =?UTF-8?B?w6k=?= <x@xn--wgv71a.test>']);
});

test('an additional signature is refused where it covers what needs encoding', () => {
  const sign = (h: string) => ({ 'ARC-Message-Signature': [`i=1; d=other.test; c=relaxed; h=${h}; b=x`] });
  for (const [change, path] of [
    [
      { additional_header: { ...sign('comments'), Comments: ['é'] } },
      'arguments.additional_header.Comments[0]',
    ],
    [{ additional_header: sign('from:subject'), subject: 'é' }, 'arguments.subject'],
    [{ additional_header: sign('to'), to: ['é <x@y.test>'] }, 'arguments.to'],
  ] as const)
    assert.throws(
      () => made(change),
      (error: Error) =>
        error instanceof FieldError && error.field === path && /other\.test/.test(error.message),
    );
  made({ additional_header: { ...sign('from:to'), Comments: ['é'] }, subject: 'é' });
});

test('no line of the header is over 998 octets, however long the words in it are', () => {
  const long = 'n'.repeat(1500);
  const id = `<${'i'.repeat(980)}@b.test>`;
  const { raw } = made({
    from: [`${long} <a@b.test>`],
    to: [`"${long},${long}" <${'r'.repeat(240)}@y.test>`],
    subject: long,
    message_id: id,
    in_reply_to: [id],
    references: [id, id],
  });
  const header = raw.toString('latin1', 0, raw.indexOf('\r\n\r\n'));
  for (const line of header.split('\r\n')) assert.ok(line.length <= 998, line.slice(0, 80));
  assert.equal(headerOf(raw).get('message-id')![0]!.trim(), id);
  assert.equal(made({ to: ['受信@y.test'] }).utf8, true);
  assert.equal(made({ to: ['é <x@日本.test>'] }).utf8, false);
});

test('white space within quotes, of addresses, names, parameters and the subject stays', () => {
  const header = headerOf(
    made({
      to: ['"a  b"@y.test', '"A  B, C" <x@y.test>'],
      subject: 'two  spaces',
      content_type: 'multipart/mixed; boundary="b  c"',
      body: '--b  c\r\n\r\nx\r\n--b  c--\r\n',
    }).raw,
  );
  assert.deepEqual(header.get('to'), [' "a  b"@y.test, "A  B, C" <x@y.test>']);
  assert.deepEqual(header.get('subject'), [' two  spaces']);
  assert.deepEqual(header.get('content-type'), [' multipart/mixed; boundary="b  c"']);
});
