/** The judge of headers to be sent: what cannot be read exactly is refused by name; what must not leave, does not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DomainReader, MtaDomain } from '../domains/mta-domains.ts';
import type { Principal } from '../iam/projects.ts';
import { decodeWords } from '../mail/encoded-words.ts';
import { innerEnds } from '../mail/header-octets.ts';
import { findHeader, readHeaderSection } from '../mail/headers.ts';
import { findLongLine, MAX_LINE } from '../mail/long-lines.ts';
import { createRandom } from '../runtime/random.ts';
import { formatReply } from '../smtp/reply.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { prepareOutgoing } from './outgoing.ts';
import { refusalReply } from './receiver.ts';

/** own.test and second.test are the project's, other.test is another's. */
const read = {
  findDomain: async (name: string) =>
    ({ 'own.test': OWN, 'second.test': { ...OWN, name }, 'other.test': { ...OWN, projectId: 'q' } })[name] ??
    null,
} as unknown as DomainReader;
const OWN = { name: 'own.test', projectId: 'p' } as unknown as MtaDomain;
const context = { clock: createFakeClock(), random: createRandom(), hostname: 'mail.own.test' };

async function prepare(text: string, smtputf8 = false) {
  const message = Buffer.from(text, 'latin1');
  const longLine = findLongLine(message, MAX_LINE) !== null;
  const principal = { projectId: 'p' } as unknown as Principal;
  return await prepareOutgoing(read, principal, OWN, { message, smtputf8, longLine }, context);
}
async function refusal(text: string): Promise<string> {
  const result = await prepare(text);
  if (result.ok) return 'taken';
  return formatReply(refusalReply(result.refusal)).trim();
}
async function leaves(text: string, smtputf8 = false): Promise<string> {
  const result = await prepare(text, smtputf8);
  assert.ok(result.ok, result.ok ? '' : JSON.stringify(result.refusal));
  return result.value.raw.toString('latin1');
}
const FROM = 'From: a@own.test\r\nDate: Fri, 27 Nov 2026 02:00:00 +0000\r\nMessage-ID: <1@own.test>\r\n';
const utf8 = (text: string) => Buffer.from(text).toString('latin1');

test('what hides a second author behind it is refused, and the line is named', async () => {
  for (const line of [': x', 'X Y: z', 'no colon', '>From x', 'From x', 'From\r\n : x', 'X\x80: y'])
    for (const hidden of ['From: ceo@other.test', 'Sender: ceo@other.test', 'Bcc: x@y.test', 'Subject: x'])
      assert.match(
        await refusal(`${FROM}${line}\r\n${hidden}\r\n\r\nx\r\n`),
        /^554 5\.6\.0 line 4 of the header is not a field/,
        line,
      );
  assert.match(await refusal(` folded\r\n${FROM}\r\n`), /line 1 of the header is not a field/);
  assert.match(
    await refusal(`${FROM}Fro\0m: ceo@other.test\r\n\r\n`),
    /^554 5\.6\.0 line 4 of the header .*NUL/,
  );
  assert.match(await refusal(`${FROM}X: a\0b\r\n\r\n`), /^554 5\.6\.0 line 4 of the header \(X\) holds NUL/);
  assert.match(await refusal(`${FROM}\r\na\0b\r\n`), /^554 5\.6\.0 the body holds NUL/);
  assert.match(
    await refusal(`${FROM}X: a\nFrom: ceo@other.test\r\n\r\n`),
    /^554 5\.6\.0 line 4 of the header \(X\) holds a control character/,
  );
  assert.match(
    await refusal(`${FROM}${'X: y\r\n'.repeat(20_001)}From: ceo@other.test\r\n\r\n`),
    /^554 5\.6\.0 the header has more than 1000 fields/,
  );
  assert.match(
    await refusal(`${FROM}X: ${'y'.repeat(300_000)}\r\nFrom: ceo@other.test\r\n\r\n`),
    /^554 5\.6\.0 the header has more than 256 KiB/,
  );
});

test('what may be there once is refused a second time, by name', async () => {
  assert.match(
    await refusal(`${FROM}from : a@own.test\r\n\r\n`),
    /^554 5\.6\.0 more than one From header field/,
  );
  for (const name of [
    'Sender',
    'Reply-To',
    'To',
    'Cc',
    'In-Reply-To',
    'References',
    'Subject',
    'MIME-Version',
    'Content-Type',
    'Content-Transfer-Encoding',
  ])
    assert.match(
      await refusal(`${FROM}${name}: a@own.test\r\n${name.toUpperCase()}: a@own.test\r\n\r\n`),
      new RegExp(`^554 5\\.6\\.0 more than one ${name.toUpperCase()} header field`),
    );
  assert.match(await refusal(`${FROM}Date: x\r\n\r\n`), /more than one Date/);
  assert.match(await refusal(`${FROM}Message-ID: <2@own.test>\r\n\r\n`), /more than one Message-ID/);
});

test('what is set apart is not counted: Bcc, Return-Path, blocks of Resent-', async () => {
  const apart =
    'Bcc: x@y.test\r\nbcc:\r\n z@y.test\r\nBCC : w@y.test\r\nReturn-Path: <x@y.test>\r\nRETURN-PATH\t: <>\r\nResent-Bcc: v@y.test\r\n';
  const resent = 'Resent-From: a@own.test\r\nResent-To: x@y.test\r\n'.repeat(2);
  assert.equal(
    await leaves(`${apart}${FROM}${resent}${apart}\r\nBcc: body\r\n`),
    `${FROM}${resent}\r\nBcc: body\r\n`,
  );
});

test('every claim is judged, in every form', async () => {
  for (const field of [
    'Sender: x@other.test',
    'sender : x@other.test',
    'SENDER:\r\n \r\n x@other.test',
    'Resent-From: a@own.test\r\nResent-From: x@other.test',
    'Resent-Sender: b@own.test, x@other.test',
  ])
    assert.match(
      await refusal(`${FROM}${field}\r\n\r\n`),
      /^550 5\.7\.1 domain other\.test in \S+ is not set up/,
      field,
    );
  assert.match(await refusal('Subject: x\r\n\r\n'), /^554 5\.6\.0 the From header field is missing/);
  for (const value of [
    '',
    'Undisclosed:;',
    'Smile :) <a@own.test>',
    '"X\x83\\" <x@other.test>, "y" <a@own.test>',
  ])
    assert.match(
      await refusal(`From: ${value}\r\n\r\n`),
      /^554 5\.6\.0 the From header field is not a list of mailboxes/,
      value,
    );
  assert.equal(await refusal(`From : a@own.test, b@second.test\r\n\r\n`), 'taken');
});

test('a leading mbox line is taken away; the octets of everything else stay', async () => {
  const odd = `${FROM}Subject : x\r\nX-Odd: a\r\n \r\n b  \r\nReferences: ${'<1@own.test> '.repeat(70)}\r\n\r\nx \r\n`;
  for (const line of ['From a@own.test Fri Nov 27 02:00:00 2026', '>From x'])
    assert.equal(await leaves(`${line}\r\n${odd}`), odd);
  const alone = FROM;
  assert.equal(await leaves(alone), alone, 'no body, no empty line');
});

test('Date and Message-ID are added where the reader sees none, and only there', async () => {
  const added = async (text: string) => {
    const result = await prepare(text);
    assert.ok(result.ok);
    return result.value.added.replace(/: .*/g, '').split('\r\n').slice(0, -1);
  };
  assert.deepEqual(await added('From: a@own.test\r\n\r\n'), ['Date', 'Message-ID']);
  assert.deepEqual(await added('From: a@own.test\r\ndate : x\r\nMESSAGE-ID\t:\r\n <1@own.test>\r\n\r\n'), []);
});

test('raw text beyond ASCII leaves as encoded words, and asks for no SMTPUTF8', async () => {
  const jis = '\x1b$BF|K\\\x1b(B';
  for (const [given, wanted] of [
    [`Subject: ${utf8('日本')}`, 'Subject: =?UTF-8?B?5pel5pys?='],
    [`Subject: ${jis}`, 'Subject: =?UTF-8?B?5pel5pys?='],
    [`Subject: ${jis}\r\n ${jis}`, 'Subject: =?UTF-8?B?5pel5pysIOaXpeacrA==?='],
    [
      `To: ${utf8('日本')} <x@y.test>, "${utf8('a, é')}" <z@y.test>`,
      'To: =?UTF-8?B?5pel5pys?= <x@y.test>, =?UTF-8?B?YSwgw6k=?= <z@y.test>',
    ],
    [
      `Cc: ${utf8('組')}: x@y.test (${utf8('日本')}), z@y.test;`,
      'Cc: =?UTF-8?B?57WE?=: x@y.test (=?UTF-8?B?5pel5pys?=), z@y.test;',
    ],
    [`Reply-To: x@${utf8('日本')}.test`, 'Reply-To: x@xn--wgv71a.test'],
    [`Reply-To: "b"@${utf8('日本')}.test`, 'Reply-To: "b"@xn--wgv71a.test'],
    [`Sender: "x  y"@own.test (${utf8('日本')})`, 'Sender: "x  y"@own.test (=?UTF-8?B?5pel5pys?=)'],
    [`Resent-From: ${jis} <a@own.test>`, 'Resent-From: =?UTF-8?B?5pel5pys?= <a@own.test>'],
  ] as const) {
    const result = await prepare(`${FROM}${given}\r\n\r\nx\r\n`);
    assert.ok(result.ok, given);
    assert.equal(result.value.raw.toString('latin1'), `${FROM}${wanted}\r\n\r\nx\r\n`);
    assert.deepEqual([result.value.utf8Header, result.value.eightBit], [false, false]);
  }
});

test('raw text beside encoded words leaves as words that decode to the same text', async () => {
  const doe = utf8('é');
  for (const [given, wanted] of [
    [`To: =?utf-8?Q?Doe,_J=C3=A9?= ${doe} <b@x.test>`, 'To: Doe, Jé é <b@x.test>'],
    [`To: ${doe} =?utf-8?Q?Doe,_J=C3=A9?= =?utf-8?Q?_x?= <b@x.test>`, 'To: é Doe, Jé x <b@x.test>'],
    [`To: =?utf-8?Q?<Doe>,?= <a@x.test>, ${doe} <b@x.test>`, 'To: <Doe>, <a@x.test>, é <b@x.test>'],
    [`Cc: a@x.test (=?utf-8?Q?J=C3=A9?= ${doe})`, 'Cc: a@x.test (Jé é)'],
    [`Subject: =?utf-8?Q?J=C3=A9?= ${doe} =?iso-8859-1?Q?=E9?=`, 'Subject: Jé é é'],
    [`To: =?x-un?Q?a,b?= ${doe} <b@x.test>`, 'To: =?x-un?B?YSxi?=  é <b@x.test>'],
  ] as const) {
    const left = (await leaves(`${FROM}${given}\r\n\r\n`)).slice(FROM.length).replaceAll('\r\n', '');
    assert.equal(decodeWords(left), wanted);
  }
});

test('raw text beyond ASCII in MIME parameters, comments and fields of no known form is encoded as its place asks', async () => {
  for (const [given, wanted] of [
    [
      `Content-Type: text/plain; name="${utf8('報告 1.txt')}"; x="a  b;c"`,
      `Content-Type: text/plain;\r\n name*=UTF-8''%E5%A0%B1%E5%91%8A%201.txt; x="a  b;c"`,
    ],
    [
      `Content-Disposition: attachment; filename=${utf8('é')}; filename*=UTF-8''%C3%A9`,
      "Content-Disposition: attachment;\r\n filename*=UTF-8''%C3%A9",
    ],
    [
      `Content-Disposition: attachment; filename="${utf8('報告書'.repeat(4))}.txt"`,
      "Content-Disposition: attachment;\r\n filename*0*=UTF-8''%E5%A0%B1%E5%91%8A%E6%9B%B8%E5%A0%B1%E5%91%8A;" +
        '\r\n filename*1*=%E6%9B%B8%E5%A0%B1%E5%91%8A%E6%9B%B8%E5%A0%B1;' +
        '\r\n filename*2*=%E5%91%8A%E6%9B%B8.txt',
    ],
    [
      `Resent-Date: Fri, 27 Nov 2026 11:00:00 +0900 (${utf8('東京 (標準時)')})`,
      'Resent-Date: Fri, 27 Nov 2026 11:00:00 +0900 (=?UTF-8?B?5p2x5LqsICjmqJnmupbmmYIp?=)',
    ],
    [`List-Id: ${utf8('組')} <a.test>`, 'List-Id: =?UTF-8?B?57WE?= <a.test>'],
    [`Keywords: ${utf8('組')}, b`, 'Keywords: =?UTF-8?B?57WE?=, b'],
    [`User-Agent: ${utf8('飛脚')}`, 'User-Agent: =?UTF-8?B?6aOb6ISa?='],
  ] as const) {
    const text = `${FROM}${given}\r\n\r\nx\r\n`;
    assert.equal(await leaves(text), `${FROM}${wanted}\r\n\r\nx\r\n`, given);
    assert.equal(await leaves(text, true), text, 'with SMTPUTF8 it stays');
  }
});

test('raw octets that cannot be encoded are refused, and the field and the way out are named', async () => {
  const refusals = [
    [
      'Subject: \x83e\x83X\x83g\\',
      /^554 5\.6\.0 the Subject header field \(line 4\) holds octets .* not UTF-8/,
    ],
    ['To: \x93\xfa <x@y.test>', /^554 5\.6\.0 the To .* encoded words \(RFC 2047\)/],
    ['X-Blob: \xff\xfe', /^554 5\.6\.0 the X-Blob .* not UTF-8/],
    [`To: ${utf8('受信')}@y.test`, /^554 5\.6\.7 the To .* address beyond ASCII; give SMTPUTF8 at MAIL/],
    [`Cc: ${utf8('日本')} <${utf8('受信')}@y.test>`, /^554 5\.6\.7 the Cc /],
    [`Reply-To: a@b.test, <${utf8('受')}@y.test>`, /^554 5\.6\.7 the Reply-To /],
    [
      `List-Unsubscribe: <https://b.test/${utf8('é')}>`,
      /^554 5\.6\.0 the List-Unsubscribe .* only ASCII may stand/,
    ],
    [`To: "${utf8('ü')}"@y.test`, /^554 5\.6\.7 the To .* address beyond ASCII/],
    [`Cc: "${utf8('ü')}" (x) @y.test`, /^554 5\.6\.7 the Cc .* address beyond ASCII/],
    [
      `Content-Type: multipart/mixed; boundary="${utf8('ü')}"`,
      /^554 5\.6\.0 the Content-Type header field \(line 4\) holds a parameter boundary beyond ASCII/,
    ],
    [
      `Content-Type: multipart/mixed; boundary*0="b"; boundary*1="${utf8('ü')}"`,
      /^554 5\.6\.0 the Content-Type .* parameter boundary beyond ASCII/,
    ],
    [`Content-Type: ${utf8('é')}/plain`, /^554 5\.6\.0 the Content-Type .* only ASCII/],
    [`Content-Type: text/plain; ${utf8('é')}=x`, /^554 5\.6\.0 the Content-Type .* only ASCII/],
    [`References: <${utf8('é')}@b.test>`, /^554 5\.6\.0 the References .* only ASCII/],
    [`To: ${utf8('é')} <a@b.test`, /^554 5\.6\.0 the To .* only ASCII/],
  ] as const;
  for (const [field, wanted] of refusals)
    assert.match(await refusal(`${FROM}${field}\r\n\r\nx\r\n`), wanted, field);
  const own = `Date: x\r\nFrom: <${utf8('ü')}nal@own.test>\r\n\r\n`;
  assert.match(
    await refusal(own),
    /^554 5\.6\.7 the From header field \(line 2\) holds an address beyond ASCII/,
  );
});

test('with SMTPUTF8, UTF-8 in the header stays and asks for it; what is no UTF-8 is refused as well', async () => {
  for (const field of [
    `To: ${utf8('受信')}@y.test`,
    `To: ${utf8('日本')} <${utf8('受信')}@y.test>`,
    `Subject: ${utf8('日本')}`,
    `List-Unsubscribe: <https://b.test/${utf8('é')}>`,
  ]) {
    const text = `${FROM}${field}\r\n\r\nx\r\n`;
    const result = await prepare(text, true);
    assert.ok(result.ok, field);
    assert.deepEqual([result.value.raw.toString('latin1'), result.value.utf8Header], [text, true]);
  }
  const sjis = await prepare(`${FROM}Subject: \x83e\r\n\r\nx\r\n`, true);
  assert.match(
    sjis.ok ? '' : formatReply(refusalReply(sjis.refusal)),
    /^554 5\.6\.0 the Subject .* not UTF-8/,
  );
});

test('header lines over 998 octets are folded at their white space, and nothing else changes', async () => {
  for (const field of [
    `References:${' <1@own.test>'.repeat(300)}`,
    `To: ${Array.from({ length: 100 }, (_, i) => `"User, ${i}" <u${i}@y.test>`).join(', ')}`,
    `Subject: short\r\n ${'word '.repeat(400)}\r\n\tend`,
    `X-Quoted: "${'in quotes '.repeat(200)}"`,
    `X-Apart${' '.repeat(990)}: ${'word '.repeat(400)}end`,
    `From : ${Array.from({ length: 60 }, (_, i) => `"a  ${i}" (x y) <a${i}@own.test>`).join(', ')}`,
  ]) {
    const start = field.startsWith('From') ? FROM.slice(FROM.indexOf('\r\n') + 2) : FROM;
    const text = `${start}${field}\r\n\r\nx\r\n`;
    const left = await leaves(text);
    assert.notEqual(left, text);
    for (const line of left.split('\r\n')) assert.ok(line.length <= 998 && !/^[ \t]+$/.test(line), line);
    // RFC 5322 §2.2.3
    const unfolded = (whole: string) => whole.replace(/\r\n(?=[ \t])/g, '');
    assert.equal(unfolded(left), unfolded(text));
    const author = findHeader(readHeaderSection(Buffer.from(left)).fields, 'from')!.rawValue;
    assert.equal([...innerEnds(author)].filter(({ by }) => by === 'line end').length, 0);
  }
  const given = `${FROM}Subject: ${utf8('日')}${' word'.repeat(400)}\r\n\r\n`;
  for (const line of (await leaves(given)).split('\r\n')) assert.ok(line.length <= 84, line);
});

test('a long line without white space is refused by its field, one of the body by its number', async () => {
  for (const [text, wanted] of [
    [`${FROM}X-Tok: ${'z'.repeat(2000)}\r\n\r\nx\r\n`, /line 4 of the header \(X-Tok\) has 2007 octets/],
    [
      `${FROM}X-Tok: a\r\n ${'z'.repeat(998)}\r\n\r\n`,
      /line 5 of the header \(X-Tok\) has 999 octets, the limit is 998/,
    ],
    [`${FROM}X-${'z'.repeat(1000)} : word word\r\n\r\n`, /line 4 of the header \(X-z+\) has 1014 octets/],
    [`${FROM}To: "${'z y'.repeat(600)}@y.test\r\n\r\n`, /taken/],
    [`From: "${'z y'.repeat(600)}" <a@own.test>\r\n\r\n`, /line 1 of the header \(From\) has 18\d\d octets/],
    [
      `${FROM}\r\nx\r\n${'x'.repeat(999)}\r\n`,
      /^554 5\.6\.0 line 6 of the message has 999 octets, the limit is 998/,
    ],
  ] as const)
    assert.match(await refusal(text), wanted);
  const whole = `${FROM}X-Tok: ${'z'.repeat(991)}\r\nBcc: ${'z'.repeat(2000)}\r\n\r\n${'x'.repeat(998)}\r\n`;
  assert.equal(await leaves(whole), whole.replace(/Bcc.*\r\n/, ''), '998 octets are no long line');
});

test('a header that grows over 256 KiB by its encoding is refused as one that came so', async () => {
  const field = `Comments: ${utf8('日'.repeat(60_000))}\r\n`;
  assert.match(await refusal(`${FROM}${field}\r\n`), /^554 5\.6\.0 the header has more than 256 KiB/);
  assert.equal(await refusal(`${FROM}${field.slice(0, 90_010)}\r\n\r\n`), 'taken');
});

test('an author in raw ISO-2022-JP is judged by what leaves', async () => {
  // Its octets hold < and @; as text they are two characters.
  const author = 'From: \x1b$B<c@o\x1b(B <a@own.test>\r\n\r\n';
  assert.match(await leaves(author), /^From: =\?UTF-8\?B\?\S+\?= <a@own\.test>\r\n\r\n$/);
  assert.match(await leaves(author, true), /^From: =\?UTF-8\?B\?\S+\?= <a@own\.test>\r\n\r\n$/);
  assert.match(await refusal('From: \x1b$B$\x1b(B <a@own.test>\r\n\r\n'), /is not a list of mailboxes/);
});

test('no fold stays within a string or comment of an author: some readers take what follows for another', async () => {
  assert.equal(
    await leaves(
      'From: <a@own.test> (x,\r\n ceo@other.test),\r\n "y,\r\n\tceo@other.test" <b@own.test>\r\n\r\n',
    ),
    'From: <a@own.test> (x, ceo@other.test),\r\n "y,\tceo@other.test" <b@own.test>\r\n\r\n',
  );
  assert.match(
    await refusal(`From: "${'x\r\n '.repeat(600)}" <a@own.test>\r\n\r\n`),
    /^554 5\.6\.0 line 2 of the header \(From\) has 1203 octets/,
  );
  const folded = `${FROM}To: "x\r\n y" <a@own.test>\r\n\r\n`;
  assert.equal(await leaves(folded), folded);
});

test('an author whom another reader could find is refused, in every field that claims one', async () => {
  for (const name of ['From', 'Sender', 'Resent-From', 'Resent-Sender'])
    for (const value of [
      '"x\x1b$B"<ceo@other.test>,"A\x1b(B" (\xff) <a@own.test>',
      '"x\x1b$B"<ceo@other.test>,"A\x1b(B" (\x1b$(Dzz\x1b(B) <a@own.test>',
      '"<ceo@other.test>,"A\x1b(J\xffx <a@own.test>',
      '"<ceo@other.test>,"A\xa0\x1b(B <a@own.test>',
      'x (\x1b(B\xff) <a@own.test>',
      `"a"@own.test${utf8('\u2028')}`,
      `a@own.test${utf8('\ufeff')}`,
      '=?utf-8?q?=22?=a@own.test',
      '<=?utf-8?q?ceo=40other.test=2C?=a@own.test>',
    ])
      for (const smtputf8 of [false, true]) {
        const from = name === 'From' ? '' : FROM;
        const result = await prepare(`${from}${name}: ${value}\r\nX-From: \xff\r\n\r\n`, smtputf8);
        assert.ok(!result.ok, `${name}: ${value}`);
        assert.match(
          formatReply(refusalReply(result.refusal)),
          new RegExp(`^554 5\\.6\\.0 the ${name} header field is not a list of mailboxes`),
          value,
        );
      }
});
