import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readParameters } from './mime-parameters.ts';
import { filenameParameters } from './mime-parts.ts';

const read: [text: string, value: string, parameters: Record<string, string>][] = [
  ['text/plain', 'text/plain', {}],
  ['', '', {}],
  ['Text/HTML; Charset=UTF-8', 'text/html', { charset: 'UTF-8' }],
  ['multipart/mixed;\r\n\tboundary="a b;c"', 'multipart/mixed', { boundary: 'a b;c' }],
  ['text/plain; charset = "utf-8" ; format=flowed;', 'text/plain', { charset: 'utf-8', format: 'flowed' }],
  ['text/plain (a; b=c) ; (d) charset=us-ascii (Plain text; x=y)', 'text/plain', { charset: 'us-ascii' }],
  ['attachment; filename="a\\"b\\\\c"', 'attachment', { filename: 'a"b\\c' }],
  ['attachment; filename="open; x=y', 'attachment', { filename: 'open; x=y' }],
  [
    'attachment; filename=my report (1).pdf; size=3',
    'attachment',
    { filename: 'my report (1).pdf', size: '3' },
  ],
  ['attachment; filename=a(1).pdf', 'attachment', { filename: 'a(1).pdf' }],
  ['attachment; filename=a (1', 'attachment', { filename: 'a (1' }],
  ['attachment filename=a.pdf', 'attachment', { filename: 'a.pdf' }],
  ['attachment;; ; filename=a.pdf; junk; =x', 'attachment', { filename: 'a.pdf' }],
  ['attachment; filename=a; filename=b', 'attachment', { filename: 'a' }],
  ['attachment; filename="=?utf-8?B?6aM=?=\r\n =?utf-8?B?mw==?="', 'attachment', { filename: '飛' }],
  ['attachment; filename="飛脚.pdf"', 'attachment', { filename: '飛脚.pdf' }],
  ['attachment; filename=飛脚.pdf', 'attachment', { filename: '飛脚.pdf' }],
  ["attachment; filename*=UTF-8''%E9%A3%9B%20a; filename=x", 'attachment', { filename: '飛 a' }],
  ["attachment; filename=x; filename*=iso-2022-jp'ja'%1B$BF%7CK%5C%1B(B", 'attachment', { filename: '日本' }],
  [
    'attachment; filename*1*=%9B.; filename*0*=UTF-8\'\'%E9%A3; filename*2="pdf%41"',
    'attachment',
    { filename: '飛.pdf%41' },
  ],
  ['application/pdf; name*0="a b"; name*1=c.pdf', 'application/pdf', { name: 'a bc.pdf' }],
  ["attachment; filename*=x-unknown'en'%41", 'attachment', { filename: '%41' }],
  ['attachment; filename*=%41%zz', 'attachment', { filename: 'A%zz' }],
  ['attachment; filename="\x1b$B%"%;\x1b(B.txt"; size=1', 'attachment', { filename: 'アセ.txt', size: '1' }],
  ['attachment; __proto__=x', 'attachment', { ['__proto__']: 'x' }],
];
for (const [text, value, parameters] of read)
  test(`parameters: ${JSON.stringify(text)}`, () => {
    const found = readParameters(text);
    assert.equal(found.value, value);
    assert.deepEqual([...found.parameters].sort(), Object.entries(parameters).sort());
  });

test('names that we write are read again', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 120 }), (name) => {
      fc.pre(!/[\p{Cc}\p{Cs}]|=\?/u.test(name));
      assert.equal(readParameters(`attachment${filenameParameters(name)}`).parameters.get('filename'), name);
    }),
  );
});

const pieces = [
  'a',
  '=',
  ';',
  '"',
  '\\',
  '(',
  ')',
  '*',
  '*0',
  "''",
  '%41',
  ' ',
  '\r\n ',
  '飛',
  '\x1b$',
  '=?',
  '?=',
  '\0',
];

test('anything is read without a throw', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces, 'utf-8', '1*=', 'x="'), { maxLength: 60 }), (parts) => {
      const { value, parameters } = readParameters(parts.join(''));
      assert.equal(typeof value, 'string');
      for (const [name, meaning] of parameters) assert.ok(name !== '' && typeof meaning === 'string');
    }),
    { numRuns: 2000 },
  );
});

test('256 KiB of any piece is read as quickly as it is long', () => {
  for (const piece of [...pieces, 'a=(', ' (', 'a;', 'a=b;', 'a="b";', '\\(', 'a*0=b;', "a*=u'e'%41;"])
    for (const before of ['', 'a/b; x=', 'a/b; x="', 'a/b; x*0*=utf-8'])
      assert.equal(typeof readParameters(before + piece.repeat(262_144 / piece.length)).value, 'string');
});
