/**
 * Mail for servers without 8BITMIME and SMTPUTF8: what arrives is read by another reader (postal-mime), what must not be
 * changed is not, and whatever the octets are, nothing is changed in part.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import PostalMime from 'postal-mime';
import { composeDsn } from './dsn.ts';
import { type SevenBitOptions, toSevenBit } from './seven-bit.ts';
import { isSevenBit } from './transfer-encode.ts';

const CRLF = '\r\n';
const lines = (...text: string[]) => text.join(CRLF);
const HEAD = lines('From: =?UTF-8?B?6aOb6ISa?= <a@example.com>', 'Subject: x', '');
const FROM = `From: a@example.com${CRLF}`;
const MIME = `${HEAD}MIME-Version: 1.0${CRLF}`;

function converted(message: string | Buffer, options: Partial<SevenBitOptions> = {}): Buffer {
  const octets = Buffer.from(message as string);
  const result = toSevenBit(octets, { bodies: true, signedAs: null, ...options });
  assert.equal(result.kind, 'converted', result.kind === 'refused' ? result.cause : '');
  assert.ok(result.kind === 'converted');
  if (options.bodies !== false) assert.ok(isSevenBit(result.message));
  const again = toSevenBit(result.message, { bodies: true, signedAs: null, ...options });
  assert.equal(again.kind, 'unchanged');
  return result.message;
}
function refusal(message: string | Buffer, options: Partial<SevenBitOptions> = {}): string {
  const octets = Buffer.from(message as string);
  const result = toSevenBit(octets, { bodies: true, signedAs: null, ...options });
  assert.ok(result.kind === 'refused', result.kind);
  return `${result.status} ${result.cause}`;
}

/** The reader has other line ends behind each encoding. */
const plain = (text: string | undefined) => text?.replace(/\s*\r?\n/g, '\n').trim();

const JAPANESE = lines('飛脚は走る。', '.', '-- ', '署名', '');
const LETTER = lines(
  'From: 飛脚 <a@example.com>',
  'To: 受け取る人 (東京) <b@example.net>, "山田, 太郎" <c@例え.テスト>',
  'Subject: 飛脚の手紙',
  'X-Tag: 札',
  'Message-ID: <1@example.com>',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary="out"',
  'Content-Transfer-Encoding: 8bit',
  '',
  '前書き',
  '--out',
  'Content-Type: multipart/alternative; boundary=in',
  'Content-Transfer-Encoding: 8BIT',
  '',
  '--in',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: 8bit',
  '',
  JAPANESE,
  '--in',
  'Content-Type: text/html; charset=utf-8; format=flowed',
  '',
  `<p>An English page with one caf\u00e9 in it.</p>${'<br>'.repeat(300)}`,
  '--in--',
  '',
  '--out',
  'Content-Type: application/pdf; name="見積書 2026年11月 株式会社飛脚 御中（最終版）.pdf"',
  'Content-Disposition: attachment;',
  ' filename="見積書 2026年11月 株式会社飛脚 御中（最終版）.pdf"',
  'Content-Description: 見積',
  'Content-Transfer-Encoding: binary',
  '',
  '%PDF \u00ff\u00fe 生のオクテット',
  '--out',
  'Content-Type: text/plain',
  '',
  '  7-bit   stays =20 as it is',
  '--out--',
  '後書き',
  '',
);

/** The notification that `original` could not be delivered. */
function noticeOf(original: Buffer, whole: boolean): Buffer {
  return composeDsn({
    reportingMta: 'mail.example.com',
    to: 'a@example.com',
    messageId: '<n@example.com>',
    unique: '1',
    now: 0,
    arrival: 0,
    originalMessageId: '<1@example.com>',
    recipients: [
      { address: 'b@example.net', action: 'failed', status: '5.1.1', explanation: 'no', lastAttempt: 0 },
    ],
    original: whole ? original : original.subarray(0, original.indexOf('\r\n\r\n') + 4),
    whole,
  });
}
describe('what arrives is readable', () => {
  test('text, HTML, attachment and headers', async () => {
    const [before, after] = await Promise.all(
      [Buffer.from(LETTER), converted(LETTER)].map((message) => PostalMime.parse(message)),
    );
    assert.equal(plain(after!.text), plain(before!.text));
    assert.equal(after!.html, before!.html);
    assert.equal(after!.subject, '飛脚の手紙');
    assert.deepEqual(after!.from, { address: 'a@example.com', name: '飛脚' });
    assert.deepEqual(
      after!.to!.map(({ name }) => name),
      ['受け取る人', '山田, 太郎'],
    );
    const [pdf] = after!.attachments;
    assert.equal(pdf!.filename, '見積書 2026年11月 株式会社飛脚 御中（最終版）.pdf');
    assert.equal(pdf!.description, '見積');
    assert.equal(Buffer.from(pdf!.content as ArrayBuffer).toString(), '%PDF \u00ff\u00fe 生のオクテット');
  });
  test('each part in its encoding; the rest stays octet for octet', () => {
    const text = converted(LETTER).toString();
    assert.deepEqual(text.match(/^Content-Transfer-Encoding: .*$/gim), [
      'Content-Transfer-Encoding: 7bit',
      'Content-Transfer-Encoding: 7bit',
      'Content-Transfer-Encoding: base64',
      'Content-Transfer-Encoding: quoted-printable',
      'Content-Transfer-Encoding: base64',
    ]);
    assert.match(text, /^From: [^\r]*\r\nTo: (?:[^\r]*\r\n )*[^\r]*xn--r8jz45g\.xn--zckzah>\r\nSubject: /);
    assert.match(
      text,
      /\r\nMessage-ID: <1@example\.com>\r\nMIME-Version: 1\.0\r\nContent-Type: multipart\/mixed; boundary="out"\r\n/,
    );
    assert.match(text, /\r\n\r\n\?+\r\n--out\r\n/);
    assert.ok(
      text.endsWith(
        lines('', 'Content-Type: text/plain', '', '  7-bit   stays =20 as it is', '--out--', '?????????', ''),
      ),
    );
  });
  test('a message without MIME says what it is', () => {
    const utf8 = converted(`${HEAD}${CRLF}R\u00e9sum\u00e9 of the year\r\n`).toString();
    assert.equal(
      utf8,
      `${MIME}${lines('Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: quoted-printable', '', 'R=C3=A9sum=C3=A9 of the year', '')}`,
    );
    const other = converted(
      Buffer.from(`${HEAD}${CRLF}R\u00e9sum\u00e9 of the year\r\n`, 'latin1'),
    ).toString();
    assert.match(
      other,
      /charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nR=E9sum=E9 of the year\r\n$/,
    );
  });
  test('text that names no charset gets one where it is UTF-8', () => {
    const page = converted(`${MIME}Content-Type: text/html; x=y\r\n\r\n<p>\u00e9</p>\r\n`).toString();
    assert.match(page, /Content-Type: text\/html; x=y;\r\n charset=utf-8\r\n/);
    const old = converted(
      Buffer.from(`${MIME}Content-Type: text/html\r\n\r\n<meta charset=shift_jis>\x83\x65\r\n`, 'latin1'),
    );
    assert.match(old.toString(), /Content-Type: text\/html\r\n/);
    const named = converted(`${MIME}Content-Type: text/plain; charset=koi8-r\r\n\r\n\u00e9\r\n`).toString();
    assert.match(named, /charset=koi8-r\r\n/);
  });
  test('text that names another charset inside gets none before it', () => {
    const typeOf = (type: string, text: string) =>
      /Content-Type: .*(?:\r\n .*)*/.exec(
        converted(`${MIME}Content-Type: ${type}\r\n\r\n${text} \u00c3\u00a9\r\n`).toString(),
      )?.[0];
    for (const [type, text] of [
      ['text/html', '<html><META name=x><meta charset=iso-8859-1>'],
      ['text/html', "<meta content='text/html; charset=windows-1252' http-equiv=content-type>"],
      ['text/html', '<meta charset=utf-8><meta charset="x-unknown">'],
      ['text/xml', '<?xml version="1.0" encoding="iso-8859-1"?>'],
      ['text/css', '@charset "shift_jis";'],
      ['text/html; charset=us-ascii', '<meta charset=iso-8859-1>'],
    ] as const)
      assert.equal(typeOf(type, text), `Content-Type: ${type}`, text);
    for (const [type, text] of [
      ['text/html', '<meta charset="UTF8"> charset=iso-8859-1'],
      ['text/xml', '<?xml version="1.0"?><a encoding="iso-8859-1"/>'],
      ['text/plain', '<meta charset=iso-8859-1>'],
    ] as const)
      assert.equal(typeOf(type, text), `Content-Type: ${type};\r\n charset=utf-8`, text);
  });
  test('text that says it is ASCII and is UTF-8 says so; of other octets nothing is known', () => {
    for (const label of ['us-ascii', '"US-ASCII"', 'ascii'])
      assert.match(
        converted(`${MIME}Content-Type: text/plain; charset=${label}; x=y\r\n\r\n\u00e9\r\n`).toString(),
        /Content-Type: text\/plain; charset=utf-8; x=y\r\n/,
      );
    const other = `${MIME}Content-Type: text/plain; charset=us-ascii\r\n\r\n\xe9\r\n`;
    assert.match(converted(Buffer.from(other, 'latin1')).toString(), /charset=us-ascii\r\n/);
  });
  test('long lines are encoded with the rest, and alone', async () => {
    const long = 'x'.repeat(1500);
    for (const text of [`${long}\u00e9`, long]) {
      const message = converted(`${MIME}Content-Type: text/plain; charset=utf-8\r\n\r\n${text}\r\n`);
      assert.equal((await PostalMime.parse(message)).text?.trim(), text);
    }
    const base64 = Buffer.alloc(3000, 'flying').toString('base64');
    const message = converted(
      `${MIME}Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64}\r\n`,
    );
    assert.equal(
      Buffer.from((await PostalMime.parse(message)).attachments[0]!.content as ArrayBuffer).toString(
        'base64',
      ),
      base64,
    );
    const subject = converted(`Subject: ${'word '.repeat(300)}\r\n${MIME}\r\n`);
    assert.equal((await PostalMime.parse(subject)).subject?.trim(), 'word '.repeat(300).trim());
  });
  test('a message within the message, and one that a digest holds', async () => {
    const inner = lines(
      'Subject: 中',
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      '',
      '中身',
      '--b--',
      '',
    );
    for (const type of ['multipart/mixed', 'multipart/digest']) {
      const part = type.endsWith('digest')
        ? ''
        : `Content-Type: message/rfc822${CRLF}Content-Transfer-Encoding: 8bit${CRLF}`;
      const message = converted(
        `${MIME}Content-Type: ${type}; boundary=out\r\n\r\n--out\r\n${part}\r\n${inner}\r\n--out--\r\n`,
      ).toString();
      assert.match(message, /Subject: =\?UTF-8\?B\?5Lit\?=\r\n/);
      assert.match(
        message,
        /\r\n--b\r\nContent-Type: text\/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n5Lit6Lqr\r\n--b--\r\n\r\n--out--/,
      );
      if (part !== '') assert.match(message, /message\/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n/);
    }
  });
  test('a part without the last boundary', () => {
    assert.match(
      converted(`${MIME}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\u00e9\r\n`).toString(),
      /=C3=A9|w6k/,
    );
  });
  test('octets of no known charset in text and parameters are called so', () => {
    const message = Buffer.from(
      `Subject: \x83\x65\x83\x58\x83\x67\r\n${MIME.replace('Subject: x\r\n', '')}Content-Type: image/png; name="\x83\x65.png"\r\n\r\n\x89PNG\r\n`,
      'latin1',
    );
    const text = converted(message).toString();
    assert.match(text, /^Subject: =\?unknown-8bit\?B\?g2WDWINn\?=\r\n/);
    assert.match(text, /name\*=unknown-8bit''%83e\.png\r\n/);
  });
  test('octets of no known charset beside encoded words leave these as they are', () => {
    const message = Buffer.from(`Subject: =?utf-8?Q?J=C3=A9?= \xe9 =?utf-8?Q?x?=\r\n${FROM}\r\n`, 'latin1');
    assert.match(
      converted(message).toString(),
      /^Subject: =\?utf-8\?Q\?J=C3=A9\?= =\?unknown-8bit\?B\?IOkg\?= =\?utf-8\?Q\?x\?=\r\n/,
    );
  });
  test('headers alone, where a server takes 8-bit bodies', () => {
    const text = converted(LETTER, { bodies: false }).toString();
    assert.ok(isSevenBit(Buffer.from(text.slice(0, text.indexOf('\r\n\r\n')))));
    assert.ok(text.includes(`charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${JAPANESE}`));
    assert.ok(text.includes('\r\n前書き\r\n--out\r\n') && text.includes('Content-Transfer-Encoding: binary'));
    assert.match(text, /filename\*0\*=UTF-8''/);
  });
});

describe('what must not be changed', () => {
  const multipart = (type: string, part: string, more = '') =>
    `${MIME}Content-Type: ${type}; boundary=b\r\n${more}\r\n--b\r\n${part}\r\n--b--\r\n`;
  const TEXT = `Content-Type: text/plain; charset=utf-8\r\n\r\n\u00e9`;
  const cases: readonly (readonly [name: string, message: string, reason: RegExp])[] = [
    ['multipart/signed', multipart('multipart/signed', TEXT), /^5\.6\.3 .*multipart\/signed/],
    [
      'a part header in multipart/signed',
      multipart('multipart/signed', 'Content-Type: text/plain; name="\u00e9"\r\n\r\nx'),
      /multipart\/signed/,
    ],
    [
      'a multipart in multipart/signed',
      multipart(
        'multipart/signed',
        `Content-Type: multipart/mixed; boundary=c\r\n\r\n\u00e9\r\n--c\r\n\r\nx\r\n--c--\r\n\u00e9`,
      ),
      /multipart\/signed/,
    ],
    [
      'a message in multipart/signed',
      multipart('multipart/signed', `Content-Type: message/rfc822\r\n\r\nSubject: \u00e9\r\n\r\nx`),
      /multipart\/signed/,
    ],
    [
      'a header of a multipart in multipart/signed',
      multipart(
        'multipart/signed',
        'Content-Type: multipart/mixed; boundary=c\r\nContent-Description: \u00e9\r\n\r\n--c\r\n\r\nx\r\n--c--',
      ),
      /multipart\/signed/,
    ],
    ['multipart/encrypted', multipart('multipart/encrypted', TEXT), /multipart\/encrypted/],
    [
      'S/MIME',
      `${MIME}Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\n\u00e9\r\n`,
      /S\/MIME/,
    ],
    ['old S/MIME', `${MIME}Content-Type: application/x-pkcs7-mime\r\n\r\n\u00e9\r\n`, /S\/MIME/],
    [
      'a DKIM signature of others',
      `DKIM-Signature: v=1; a=rsa-sha256; d=other.test; b=x\r\n${HEAD}\r\n\u00e9\r\n`,
      /other\.test/,
    ],
    ['an ARC seal', `ARC-Seal: i=1; d=other.test\r\n${HEAD}\r\n\u00e9\r\n`, /other\.test/],
    ['a signature without a domain', `DKIM-Signature: x\r\n${HEAD}\r\n\u00e9\r\n`, /DKIM-Signature/],
    [
      'a signed message within',
      multipart(
        'multipart/mixed',
        `Content-Type: message/rfc822\r\n\r\nDKIM-Signature: d=own.test\r\n\r\n\u00e9`,
      ),
      /own\.test/,
    ],
    [
      'no boundary',
      `${MIME}Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\n\u00e9\r\n--b--\r\n`,
      /multipart\/mixed/,
    ],
    [
      'another boundary',
      `${MIME}Content-Type: multipart/mixed; boundary=c\r\n\r\n--b\r\n\r\n\u00e9\r\n--b--\r\n`,
      /multipart\/mixed/,
    ],
    [
      'a boundary beyond ASCII',
      multipart('multipart/mixed', TEXT)
        .replaceAll('boundary=b', 'boundary="b\u00e9"')
        .replaceAll('--b', '--b\u00e9'),
      /multipart\/mixed/,
    ],
    ['a line that is no field', multipart('multipart/mixed', `no field\r\n${TEXT}`), /header/],
    [
      'two encodings',
      multipart(
        'multipart/mixed',
        `Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: base64\r\n${TEXT}`,
      ),
      /header/,
    ],
    ['two types', multipart('multipart/mixed', TEXT, 'Content-Type: text/plain\r\n'), /header/],
    ['an unreadable type', `${MIME}Content-Type: text\r\n\r\n\u00e9\r\n`, /header/],
    [
      'a multipart in base64',
      multipart('multipart/mixed', TEXT, 'Content-Transfer-Encoding: base64\r\n'),
      /base64/,
    ],
    [
      '8-bit in quoted-printable',
      `${MIME}Content-Transfer-Encoding: quoted-printable\r\n\r\n\u00e9=20\r\n`,
      /quoted-printable/,
    ],
    ['8-bit in base64', `${MIME}Content-Transfer-Encoding: base64\r\n\r\n\u00e9\r\n`, /base64/],
    ['an unknown encoding', `${MIME}Content-Transfer-Encoding: x-uuencode\r\n\r\n\u00e9\r\n`, /x-uuencode/],
    [
      'a delivery status',
      `${MIME}Content-Type: message/delivery-status\r\n\r\n\u00e9\r\n`,
      /message\/delivery-status/,
    ],
    [
      'a fragment',
      `${MIME}Content-Type: message/partial; id=x; number=1\r\n\r\n\u00e9\r\n`,
      /message\/partial/,
    ],
    ['an identifier beyond ASCII', `Message-ID: <\u00e9@example.com>\r\n${HEAD}\r\n\u00e9\r\n`, /Message-ID/],
    ['a quoted address beyond ASCII', `To: "\u00e9"@x.test\r\n${HEAD}\r\nx\r\n`, /^5\.6\.7 .*To/],
    [
      'a parameter of a part that is compared by octets',
      multipart('multipart/mixed', 'Content-Type: text/plain; charset="\u00e9"\r\n\r\nx'),
      /^5\.6\.3 the parameter charset/,
    ],
    ['an address beyond ASCII', `To: \u00e9@example.com\r\n${HEAD}\r\n\u00e9\r\n`, /^5\.6\.7 .*To/],
    ['an unreadable list', `To: \u00e9 <a@example.com> <b@example.com\r\n${HEAD}\r\n\u00e9\r\n`, /To/],
    [
      'a boundary made by the replacement',
      `${MIME}Content-Type: multipart/mixed; boundary="?"\r\n\r\n--\u00e9\r\n--?\r\n\r\n\u00e9\r\n--?--\r\n`,
      /between/,
    ],
    [
      'messages within messages without end',
      `${`Content-Type: message/rfc822\r\n\r\n`.repeat(12)}\u00e9\r\n`,
      /deep/,
    ],
  ];
  for (const [name, message, reason] of cases) test(name, () => assert.match(refusal(message), reason));

  test('7-bit mail, whatever it holds', () => {
    const signed = multipart('multipart/signed', 'Content-Type: text/plain\r\n\r\nx').replace(
      'boundary=b',
      'boundary=q',
    );
    for (const message of [signed, 'no header at all', '', 'DKIM-Signature: d=x.test\r\n\r\nx\r\n', MIME])
      assert.equal(toSevenBit(Buffer.from(message), { bodies: true, signedAs: null }).kind, 'unchanged');
  });
  test('a signed part stays octet for octet while another is converted', () => {
    const signed = lines(
      'Content-Type: multipart/signed; boundary=s',
      '',
      '--s',
      'Content-Type: text/plain',
      '',
      'Hello =20  ',
      '--s',
      'Content-Type: application/pgp-signature',
      '',
      'xyz',
      '--s--',
    );
    const message = converted(multipart('multipart/mixed', `${signed}\r\n--b\r\n${TEXT}`)).toString();
    assert.ok(message.includes(`\r\n--b\r\n${signed}\r\n--b\r\n`));
    assert.match(message, /=C3=A9|w6k/);
  });
  test('the signature of the domain that signs the result does not hinder', () => {
    const message = `DKIM-Signature: v=1; d=Own.test; b=x\r\n${HEAD}\r\n\u00e9\r\n`;
    converted(message, { signedAs: 'own.test' });
    assert.match(refusal(message, { signedAs: null }), /own\.test/);
    assert.match(
      refusal(`DKIM-Signature: d=own.test.other.test\r\n${message}`, { signedAs: 'own.test' }),
      /other\.test/,
    );
  });
  test('a notification of our own with the message that it returns', () => {
    const original = Buffer.from(LETTER);
    for (const whole of [true, false]) {
      const notice = noticeOf(original, whole);
      const text = converted(notice).toString();
      if (whole)
        assert.match(text, /message\/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nFrom: =\?UTF-8/);
      else
        assert.match(
          text,
          /text\/rfc822-headers;\r\n charset=utf-8\r\nContent-Transfer-Encoding: (base64|quoted)/,
        );
    }
  });
  test('a notification of our own outlives the message that it returns: of a copy that cannot be converted the header is left', () => {
    const signed = multipart('multipart/signed; protocol=x', lines('Content-Type: text/plain', '', '\u00e9'));
    const original = Buffer.from(`Subject: \u00e9${CRLF}${signed}`);
    const notice = noticeOf(original, true);
    assert.match(refusal(notice), /^5\.6\.3 .*multipart\/signed/);
    const text = converted(notice, { ownReport: true }).toString();
    assert.match(
      text,
      /Content-Type: text\/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n\r\nSubject: \?\?\r\n/,
    );
    assert.match(text, /Status: 5\.1\.1/);
    assert.ok(!text.includes('Content-Type: text/plain\r\n\r\n\u00e9'));
  });
  test('a report returns a signed message', () => {
    const returned =
      'Content-Type: message/rfc822\r\n\r\nDKIM-Signature: d=own.test\r\nSubject: \u00e9\r\n\r\n\u00e9';
    assert.match(converted(multipart('multipart/report', returned)).toString(), /Subject: =\?UTF-8/);
  });
});

describe('readers that see other parts', () => {
  const PART = '\r\n\r\n\u00e9\r\n';
  const mixed = (boundary: string, body: string) =>
    `${MIME}Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n${body}`;
  const inner = (boundary: string, body = `--${boundary}${PART}--${boundary}--\r\n`) =>
    `Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n${body}`;
  const doubtful: readonly (readonly [name: string, message: string])[] = [
    ['FF behind a boundary', mixed('b', `--b${PART}--b\f\r\n\r\nx\r\n--b--\r\n`)],
    ['VT behind the last boundary', mixed('b', `--b\r\n\r\nx\r\n--b--\v\r\n\u00e9\r\n`)],
    ['more behind a boundary', mixed('b', `--b${PART}--bx\r\n\r\nx\r\n--b--\r\n`)],
    ['more behind the last boundary', mixed('b', `--b${PART}--b--x\r\n--b--\r\n`)],
    ['a boundary behind the last one', mixed('b', `--b${PART}--b--\r\n--b\r\n\r\nx\r\n`)],
    ['much padding', mixed('b', `--b${PART}--b${' '.repeat(400)}\r\n\r\nx\r\n--b--\r\n`)],
    ['a boundary behind a bare CR', mixed('b', `--b${PART}x\r--b\r\n\r\nx\r\n--b--\r\n`)],
    ['a boundary behind a bare LF', mixed('b', `--b${PART}x\n--b\r\n\r\nx\r\n--b--\r\n`)],
    ['a boundary before a bare LF', mixed('b', `--b${PART}--b\n\r\nx\r\n--b--\r\n`)],
    ['two boundaries in a row', mixed('b', `--b\r\n--b${PART}--b--\r\n`)],
    ['the last boundary behind one', mixed('b', `--b${PART}--b\r\n--b--\r\nx\r\n`)],
    ['an encoded word', mixed('"=?utf-8?q?b?="', `--=?utf-8?q?b?=${PART}--b\r\n\r\nx\r\n--b--\r\n`)],
    ['white space at the end', mixed('"b "', `--b${PART}--b--\r\n`)],
    ['a quoted pair', mixed('"b\\c"', `--bc${PART}--bc--\r\n`)],
    ['no token', mixed('b/c', `--b/c${PART}--b/c--\r\n`)],
    ['a comment', mixed('b (x)', `--b${PART}--b--\r\n`)],
    ['two boundary parameters', mixed('b; boundary=c', `--b${PART}--b--\r\n`)],
    ['a second form', mixed("b; boundary*=''b", `--b${PART}--b--\r\n`)],
    ['sections', `${MIME}Content-Type: multipart/mixed; boundary*0=b\r\n\r\n--b${PART}--b--\r\n`],
    ['a long boundary', mixed('b'.repeat(71), `--${'b'.repeat(71)}${PART}--${'b'.repeat(71)}--\r\n`)],
    ['the same boundary inside', mixed('b', `--b\r\n${inner('b')}--b--\r\n`)],
    ['the beginning of the outer boundary inside', mixed('bc', `--bc\r\n${inner('b')}--bc--\r\n`)],
    ['the outer boundary and more inside', mixed('b', `--b\r\n${inner('bc')}--b--\r\n`)],
    [
      'the same boundary in a message within',
      mixed('b', `--b\r\nContent-Type: message/rfc822\r\n\r\n${inner('b')}--b--\r\n`),
    ],
    [
      'the same boundary in a message within that is 7-bit',
      mixed('b', `--b\r\nContent-Type: message/rfc822\r\n\r\n${inner('b', 'x\r\n')}--b${PART}--b--\r\n`),
    ],
    ['a multipart without boundary inside', mixed('b', `--b\r\n${inner('c', 'x\r\n')}--b${PART}--b--\r\n`)],
    ['a line that is no field inside', mixed('b', `--b\r\nno field\r\n\r\nx\r\n--b${PART}--b--\r\n`)],
  ];
  for (const [name, message] of doubtful)
    test(`not converted: ${name}`, () => {
      assert.match(refusal(message), /^5\.6\.3 /);
      // The header of the message is changed alone.
      const headed = converted(`To: \u00e9 <a@b.test>\r\n${message}`, { bodies: false }).toString();
      assert.ok(headed.endsWith(message.slice(message.indexOf('\r\n\r\n'))));
    });

  for (const [name, message] of [
    ['padding', mixed('b', `--b \t${PART}--b-- \r\n`)],
    [
      'a quoted boundary beside other parameters',
      mixed('"b c=?"; name="\u00e9 (";', `--b c=?${PART}--b c=?--`),
    ],
    ['one boundary for two in a row', mixed('b', `--b\r\n${inner('c')}\r\n--b\r\n${inner('c')}--b--\r\n`)],
    ['an inner boundary right before the outer one', mixed('b', `--b\r\n${inner('c')}--b--\r\n`)],
    ['dashes', mixed('b', `--b${PART}--\r\n-- \r\n--a\r\n---b\r\n --b\r\n--b--\r\n`)],
    [
      'a message within that is cut off',
      mixed('b', `--b\r\nContent-Type: message/rfc822\r\n\r\n${inner('c', '')}--b${PART}--b--\r\n`),
    ],
  ] as const)
    test(`converted: ${name}`, () => assert.ok(isSevenBit(converted(message))));

  test('base64 that is not canonical stays; octets beyond ASCII in it are refused', () => {
    const part = (base64: string) =>
      mixed('b', `--b\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64}\r\n--b${PART}--b--\r\n`);
    for (const base64 of ['QQ', 'QR==', 'Q', 'QQ==QQ==', '!'])
      assert.ok(converted(part(base64)).toString().includes(`base64\r\n\r\n${base64}\r\n--b\r\n`));
    for (const base64 of ['Q\xa0Q==', 'Q\x85Q==', `${'A'.repeat(1001)}`])
      assert.match(refusal(Buffer.from(part(base64), 'latin1')), /^5\.6\.3 a part says that it is base64/);
  });
});
