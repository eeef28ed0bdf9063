/**
 * Reading a message: what is text and what is listed, names and charsets in the forms mailers give them, what is broken,
 * and that hostile mail of any kind costs bounded work and has one reading.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MOST_PARTS } from '../mail/structure.ts';
import { HOSTILE_MAIL } from '../testing/hostile-mail.ts';
import { readMessage } from './read-message.ts';
import { MOST_TEXT, type TextOf } from './reading.ts';
import { decodeReading, encodeReading } from './stored.ts';

function read(text: string, encoding: BufferEncoding = 'utf8') {
  const whole = /^From:/m.test(text) ? text : `From: a@sender.test\n${text}`;
  const raw = Buffer.from(whole.replace(/\r?\n/g, '\r\n'), encoding);
  const reading = readMessage(raw, []);
  const said = (of: TextOf | null) =>
    of === null ? null : 'value' in of ? of.value : raw.toString('utf8', ...of.at).replaceAll('\r\n', '\n');
  const content = (i: number) => raw.toString('latin1', ...reading.parts[i]!.at);
  return { ...reading, raw, said: said(reading.text), saidHtml: said(reading.html), content };
}
const multipart = (kind: string, ...parts: string[]) =>
  `Content-Type: multipart/${kind}; boundary="=_b"\n\npreamble\n${parts.map((part) => `--=_b\n${part}\n`).join('')}--=_b--\nepilogue\n`;
const HTML = 'Content-Type: text/html\n\n<p>H</p>';

test('a plain message: decoded fields, and its text by its place', () => {
  const m = read(
    'From: =?utf-8?q?J=C3=B6?= <jo@a.test>, "x, y" <k@a.test>\nSender: s@a.test\nReply-To: r@a.test\nTo: Undisclosed recipients:;\nCc: c@a.test\nCc: d@a.test\nSubject: =?iso-2022-jp?b?GyRCRnxLXBsoQg==?=\n x\nDate: Tue, 3 Nov 2026 10:00:00 +0900\n\nhello\nworld\n',
  );
  assert.deepEqual(m.from, [
    { name: 'Jö', address: 'jo@a.test' },
    { name: 'x, y', address: 'k@a.test' },
  ]);
  assert.deepEqual(
    [m.sender, m.replyTo, m.to].map((list) => list.map(({ address }) => address)),
    [['s@a.test'], ['r@a.test'], []],
  );
  assert.deepEqual(
    m.cc.map(({ address }) => address),
    ['c@a.test', 'd@a.test'],
  );
  assert.equal(m.subject, '日本 x');
  assert.equal(m.date, '2026-11-03T01:00:00.000Z');
  assert.deepEqual(m.text, { at: [m.bodyStart, m.raw.length] });
  assert.equal(m.said, 'hello\nworld\n');
  assert.deepEqual([m.html, m.summary, m.parts, m.utf8], [null, null, [], true]);
  assert.deepEqual(m.defects, ['several-cc']);
});
test('of an alternative one of each kind is shown, and every other part is listed', () => {
  const m = read(
    multipart(
      'alternative',
      '\nfirst',
      'Content-Type: text/watch-html\n\n<b>',
      HTML,
      'Content-Type: text/html\n\nother',
    ),
  );
  assert.deepEqual([m.said, m.saidHtml], ['first', '<p>H</p>']);
  assert.deepEqual(
    m.parts.map((part, i) => [part.contentType, m.content(i)]),
    [
      ['text/watch-html', '<b>'],
      ['text/html', 'other'],
    ],
  );
  assert.deepEqual(m.defects, []);
});
test('inline texts of a mixed one are joined, those with a name or kept apart by their sender are listed', () => {
  const nested = multipart('alternative', '\nplain', HTML).replaceAll('=_b', '=_inner');
  const m = read(
    multipart(
      'mixed',
      nested,
      'Content-Disposition: attachment; filename=a.txt\n\nfile',
      'Content-Type: text/plain; name=b.txt\n\nnamed',
      '\nfooter',
      'Content-Type: message/rfc822\n\nSubject: within\nContent-Type: multipart/mixed; boundary=q\n\n--q\n\nx\n--q--',
    ),
  );
  assert.deepEqual([m.said, m.saidHtml], ['plain\nfooter', '<p>H</p>']);
  assert.deepEqual(
    m.parts.map(({ contentType, name, disposition }) => [contentType, name, disposition]),
    [
      ['text/plain', 'a.txt', 'attachment'],
      ['text/plain', 'b.txt', null],
      ['message/rfc822', null, null],
    ],
  );
  assert.match(m.content(2), /^Subject: within[\s\S]*--q--$/);
});
test('of what is related the first is shown; the others are listed with their ids', () => {
  const m = read(
    multipart(
      'related',
      HTML,
      'Content-Type: image/png\nContent-ID: <i@x>\nContent-Transfer-Encoding: base64\n\nQUJD\nREU=',
      '\nnote',
    ),
  );
  assert.deepEqual([m.said, m.saidHtml, m.summary], [null, '<p>H</p>', 'H']);
  assert.deepEqual(
    m.parts.map(({ contentType, contentId, size }) => [contentType, contentId, size]),
    [
      ['image/png', 'i@x', 5],
      ['text/plain', null, 4],
    ],
  );
});
test('names: RFC 2231, encoded words in quotes, raw 8-bit, those of Content-Type; case 39 of the public reports', () => {
  const part = (disposition: string, type = 'application/pdf') =>
    `Content-Type: ${type}\nContent-Disposition: ${disposition}\n\nx`;
  const m = read(
    multipart(
      'mixed',
      part('attachment; filename="=?UTF-8?B?6KuL5rGC5pu4?= =?UTF-8?Q?.pdf?="'),
      part('attachment; filename*0*=UTF-8\'\'%E8%AB%8B; filename*1*=%E6%B1%82; filename*2=".pdf"'),
      part('attachment; filename="請求.pdf"'),
      part('attachment', 'application/pdf; name="=?iso-2022-jp?b?GyRCQEE1YRsoQg==?=.pdf"'),
      part('attachment; filename=a\tb.pdf', 'wrong'),
      part('nonsense ; filename', 'a/b/c'),
    ),
  );
  assert.deepEqual(
    m.parts.map(({ contentType, name }) => [contentType, name]),
    [
      ['application/pdf', '請求書.pdf'],
      ['application/pdf', '請求.pdf'],
      ['application/pdf', '請求.pdf'],
      ['application/pdf', '請求.pdf'],
      ['text/plain', 'a\tb.pdf'],
    ],
  );
  assert.equal(m.said, 'x');
  assert.deepEqual(m.defects, ['content-type-broken']);
});
test('charsets: those of the Encoding Standard, raw ISO-2022-JP, and what is not what it says', () => {
  const text = (type: string, body: string) => read(`Content-Type: ${type}\n\n${body}`, 'latin1');
  const cases: [string, string, string, string[]][] = [
    ['text/plain; charset=shift_jis', '\x93\xfa\x96\x7b', '日本', []],
    ['text/plain', '\x1b$BF|K\\\x1b(B', '日本', []],
    ['text/plain; charset=utf-8', '\xc3\xa9', 'é', []],
    ['text/plain; charset=utf-8', '\xe9', '\ufffd', ['charset-broken']],
    ['text/plain', '\xe9', 'é', ['charset-unknown']],
    ['text/plain; charset=x-none', '\xe9', 'é', ['charset-unknown']],
    ['text/plain; charset="euc-jp"', '\xff', '\ufffd', ['charset-broken']],
  ];
  for (const [type, body, said, defects] of cases) {
    const m = text(type, body);
    assert.deepEqual([m.said, m.defects], [said, defects], `${type} ${body}`);
  }
});
test('transfer encodings are taken away, broken ones told', () => {
  const text = (encoding: string, body: string) => read(`Content-Transfer-Encoding: ${encoding}\n\n${body}`);
  assert.equal(text('quoted-printable', 'caf=C3=A9 =\nx').said, 'café x');
  assert.equal(text('BASE64 (so they say)', 'Y2Fmw6k=').said, 'café');
  assert.deepEqual(text('quoted-printable', '=Q').defects, ['encoding-broken']);
  const unknown = text('x-uuencode', 'begin');
  assert.deepEqual([unknown.said, unknown.defects], ['begin', ['encoding-unknown']]);
});
test('NUL in a body is told, and hides nothing', () => {
  const m = read('From: a@b.test\n\nx\0y\n');
  assert.deepEqual([m.said, m.defects], ['x\0y\n', ['nul-in-body']]);
});

test('flowed text is joined (RFC 3676): stuffing, quotes, signatures, DelSp', () => {
  const flowed = (body: string, more = '') =>
    read(`Content-Type: text/plain; format=flowed${more}\n\n${body}`).said;
  assert.equal(
    flowed('a \nb\n\n  c\n> q \n> r\n>> s \n> t\n-- \nme'),
    'a b\n\n c\n> q r\n>> s \n> t\n-- \nme',
  );
  assert.equal(flowed('日 \n本\n', '; delsp=yes'), '日本\n');
  const same = read('Content-Type: text/plain; format=flowed\n\na\nb\n');
  assert.ok('at' in same.text!);
});
test('a text is cut at 256 KiB, between characters, and the cut is told', () => {
  for (const encoding of ['8bit', 'quoted-printable']) {
    const m = read(
      `Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: ${encoding}\n\n${'日'.repeat(100_000)}`,
    );
    assert.equal(m.said, '日'.repeat(Math.floor(MOST_TEXT / 3)));
    assert.deepEqual(m.defects, ['text-cut']);
  }
  const legacy = read(
    `Content-Type: text/plain; charset=shift_jis\n\n${'\x93\xfa'.repeat(600_000)}`,
    'latin1',
  );
  assert.deepEqual([legacy.said, legacy.defects], ['日'.repeat(Math.floor(MOST_TEXT / 3)), ['text-cut']]);
});
test('HTML becomes a summary without style sheets, scripts, tags and entities', () => {
  const m = read(
    'Content-Type: text/html; charset=utf-8\n\n<html><head><title>t</title><style>p{color:red}</style></head><body><script>alert(1)</script><h1>Caf&eacute; &amp; &#26085;&nbsp;x</h1><ul><li>a<li>b</ul><p>see <a href="https://x.test/">here</a></body>',
  );
  assert.equal(m.summary, 'Café & 日 x\n\na\nb\n\nsee here');
  assert.equal(read(multipart('alternative', '\n \n', HTML)).summary, 'H', 'a blank text is none');
});
test('what the structure lacks is told, and nothing is lost: no boundary, no end, no parts, no type', () => {
  const names = (m: ReturnType<typeof read>) => [m.parts.map(({ contentType }) => contentType), m.defects];
  assert.deepEqual(names(read('Content-Type: multipart/mixed\n\nx')), [
    ['multipart/mixed'],
    ['boundary-missing'],
  ]);
  assert.deepEqual(names(read('Content-Type: multipart/mixed; boundary=b\n\nx')), [
    ['multipart/mixed'],
    ['multipart-not-closed', 'boundary-missing'],
  ]);
  const open = read('Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b\nContent-Type: image/png');
  assert.deepEqual([open.said, ...names(open)], ['x', ['image/png'], ['multipart-not-closed']]);
  const digest = read(multipart('digest', '\nSubject: a\n\nx', 'Content-Type: text/plain\n\ny'));
  assert.deepEqual(
    [digest.said, digest.parts.map(({ contentType }) => contentType)],
    ['y', ['message/rfc822']],
  );
});
test('an inner boundary ends with its multipart, an outer one ends what is within', () => {
  const m = read(
    'Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nin\n--b--\n--b\n\nout\n--b--\n',
  );
  assert.deepEqual([m.said, m.defects], ['in\nout', []]);
  const cut = read(
    'Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nin\n--b\n\nout\n--c\n\n--b--\n',
  );
  assert.deepEqual([cut.said, cut.defects], ['in\nout\n--c\n', ['multipart-not-closed']]);
});
test('limits: parts, levels and work, each named, with what was read before', () => {
  const parts = read(
    multipart('mixed', ...Array.from({ length: MOST_PARTS + 1 }, (_, i) => `Content-Type: a/b\n\n${i}`)),
  );
  assert.deepEqual(
    [parts.parts.length, parts.content(MOST_PARTS - 1), parts.defects],
    [MOST_PARTS, '999', ['too-many-parts']],
  );
  const deep = HOSTILE_MAIL.find(({ kind }) => kind.startsWith('nested multiparts'))!.make(1000);
  const nested = readMessage(deep, []);
  assert.ok(nested.defects.includes('nested-too-deep'));
  assert.equal(nested.parts.at(-1)!.contentType, 'multipart/mixed');
  const some = multipart('mixed', '\nx', '\ny', `\n${'--\n'.repeat(100)}`).replaceAll('\n', '\r\n');
  const cut = readMessage(Buffer.from(some), [], 20_000);
  assert.ok(cut.defects.includes('too-complex'));
  assert.notEqual(cut.text, null);
});
test('what the header has is told by name', () => {
  const m = read('no colon\nFrom: a b\nFrom: c@a.test\nSubject: a\nSubject: b\nX: \x01\nDate: soon\n\n');
  assert.deepEqual(m.from, [{ name: null, address: 'c@a.test' }]);
  assert.deepEqual([...m.defects].sort(), [
    'control-character',
    'date-unreadable',
    'from-unreadable',
    'not-a-field',
    'several-from',
    'several-subject',
  ]);
});

for (const { kind, make } of HOSTILE_MAIL)
  test(`hostile, ${kind}: one bounded reading, the same each time, in 60 kB and in 10 MiB`, () => {
    for (const size of [60_000, 10 * 1024 * 1024]) {
      const raw = make(size);
      const stored = encodeReading(readMessage(raw, []));
      assert.deepEqual(encodeReading(readMessage(raw, [])), stored);
      assert.ok(stored.length < 3 * MOST_TEXT);
      const reading = decodeReading(stored);
      assert.ok(reading.parts.length <= MOST_PARTS);
      for (const { at } of reading.parts) assert.ok(at[0] >= 0 && at[0] <= at[1] && at[1] <= raw.length);
    }
  });
test('whatever the octets are: it does not throw, offsets lie within, the same comes back from the store', () => {
  const line = fc.constantFrom(
    'Content-Type: multipart/mixed; boundary=b',
    'Content-Type: multipart/alternative; boundary="b c"',
    'Content-Type: text/html; charset=utf-8',
    'Content-Type: message/rfc822',
    'Content-Transfer-Encoding: base64',
    'Content-Transfer-Encoding: quoted-printable',
    "Content-Disposition: attachment; filename*=utf-8''%41",
    'From: a@b.test',
    '--b',
    '--b--',
    '--b c',
    '--',
    '',
    '',
    ' folded',
    'no colon',
    '<p>x',
    'QUJD',
    '=41=\t',
  );
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((given) => Buffer.from(given)),
    fc.array(line, { maxLength: 60 }).map((lines) => Buffer.from(lines.join('\r\n'))),
  );
  fc.assert(
    fc.property(octets, fc.integer({ min: 0, max: 200_000 }), (raw, work) => {
      for (const reading of [readMessage(raw, []), readMessage(raw, [], work)]) {
        assert.deepEqual(decodeReading(encodeReading(reading)), reading);
        const places = [reading.text, reading.html].flatMap((of) =>
          of !== null && 'at' in of ? [of.at] : [],
        );
        for (const [start, end] of [...places, ...reading.parts.map(({ at }) => at)])
          assert.ok(start >= 0 && start <= end && end <= raw.length);
      }
    }),
    { numRuns: 500 },
  );
});
