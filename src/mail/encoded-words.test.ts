import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeWords, encodeAgain, encodeWords } from './encoded-words.ts';

const jis = (text: string) => Buffer.from(text, 'latin1').toString('base64');
const read: [why: string, text: string, meaning: string][] = [
  ['two encodings, white space between dropped', '=?utf-8?Q?=E9=A3=9B_a?= =?UTF-8?B?6ISa?=', '飛 a脚'],
  ['a fold between', '=?utf-8?Q?a?=\r\n\t=?utf-8?q?b?=', 'ab'],
  ['nothing between', '=?utf-8?Q?a?==?utf-8?q?b?=', 'ab'],
  ['text between stays, with its white space', '=?utf-8?Q?a?= and =?utf-8?q?b?=', 'a and b'],
  ['a character split over words', '=?utf-8?B?6aM=?= =?utf-8?B?mw==?=', '飛'],
  ['a character split over words, Q and B', '=?utf-8?Q?=E9=A3?=\r\n =?utf-8?B?mw==?=', '飛'],
  ['a split character of another charset is none', '=?utf-8?B?6aM=?= =?shift_jis?B?gqA=?=', '\ufffdあ'],
  ['ISO-2022-JP', '=?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=', '日本語'],
  [
    'ISO-2022-JP: words that each go back to ASCII',
    '=?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?= =?iso-2022-jp?B?GyRCRnxLXDhsGyhC?=',
    '日本語日本語',
  ],
  [
    'ISO-2022-JP: split without going back',
    `=?ISO-2022-JP?B?${jis('\x1b$BF|K')}?= =?iso-2022-jp?B?${jis('\\8l\x1b(B')}?=`,
    '日本語',
  ],
  ['a name of Japanese mailers', '=?CP932?B?k/qWew==?=', '日本'],
  ['a language (RFC 2231 §5)', '=?utf-8*ja-JP?Q?=E9=A3=9B?=', '飛'],
  [
    'a charset not known',
    '=?x-unknown?B?YQ==?= =?x-unknown?B?YQ==?=',
    '=?x-unknown?B?YQ==?= =?x-unknown?B?YQ==?=',
  ],
  ['known behind not known', '=?x-unknown?B?YQ==?= =?utf-8?B?YQ==?=', '=?x-unknown?B?YQ==?= a'],
  ['no end', '=?utf-8?Q?abc', '=?utf-8?Q?abc'],
  ['a blank in it', '=?utf-8?Q?a b?=', '=?utf-8?Q?a b?='],
  ['an encoding not known', '=?utf-8?X?abc?=', '=?utf-8?X?abc?='],
  ['a beginning within a beginning', '=?=?utf-8?Q?a?=', '=?a'],
  ['a broken escape', '=?utf-8?Q?=4=ZZ=?=', '=4=ZZ='],
  ['raw UTF-8 in it', '=?utf-8?Q?飛=20a?=', '飛 a'],
  ['empty', '=?utf-8?Q??=', ''],
  ['none', 'a = b ?= c', 'a = b ?= c'],
];
for (const [why, text, meaning] of read)
  test(`encoded words: ${why}`, () => assert.equal(decodeWords(text), meaning));

test('a broken word of a charset spoils none of a later text', () => {
  assert.equal(decodeWords(`=?iso-2022-jp?B?${jis('\x1b$BF')}?=`), '\ufffd');
  assert.equal(decodeWords('=?iso-2022-jp?Q?abc?='), 'abc');
});

test('what is written is read again, whole', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
      const words = encodeWords(text);
      for (const line of words.split('\r\n ')) assert.ok(line.length <= 75, line);
      assert.equal(decodeWords(words), text);
    }),
  );
});

test('anything is read, without a throw, and text without words stays', () => {
  const pieces = fc.constantFrom(
    '=?',
    '?=',
    '?',
    '=',
    'utf-8',
    'B',
    'q',
    '=E9',
    '_',
    ' ',
    '\r\n ',
    '飛',
    '*',
    'x',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
      const text = parts.join('');
      assert.equal(typeof decodeWords(text), 'string');
      if (!/\?[bq]\?/i.test(text)) assert.equal(decodeWords(text), text);
    }),
  );
});

test('text beside encoded words is encoded and decodes to the same, with words of unknown charsets in between', () => {
  const token = fc.constantFrom(
    'é',
    'a',
    '"b,"',
    '=?',
    '=?utf-8?Q?Doe,_J=C3=A9?=',
    '=?iso-8859-1?Q?=E9?=',
    '=?x-un?Q?_=C3=A9,?=',
    '=?x-un?B?w6k=?=',
    ' ',
    '  ',
  );
  /** To a reader who knows the charset. */
  const meant = (text: string) => decodeWords(text.replaceAll('x-un', 'utf-8'));
  fc.assert(
    fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
      const text = tokens.join(' ').trim();
      const encoded = encodeAgain(text);
      assert.equal(meant(encoded), meant(text));
      for (const word of encoded.split(/\s+/)) assert.match(word, /^(?:=\?[\w-]+\?[BQ]\?[\w+/=]*\?=)?$/);
    }),
    { numRuns: 500 },
  );
});
