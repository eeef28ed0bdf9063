import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatMailbox, parseAddress, parseMailbox, parseMailboxList } from './address.ts';
import { parseDomain } from './domain.ts';

const good: [text: string, wire: string, local: string][] = [
  ['a@b.test', 'a@b.test', 'a'],
  ['A.b+c@B.Test', 'A.b+c@b.test', 'A.b+c'],
  ['a..b.@docomo.ne.jp', '"a..b."@docomo.ne.jp', 'a..b.'],
  ['.a@docomo.ne.jp', '".a"@docomo.ne.jp', '.a'],
  ['"a b"@b.test', '"a b"@b.test', 'a b'],
  ['"a\\"b"@b.test', '"a\\"b"@b.test', 'a"b'],
  ['"plain"@b.test', 'plain@b.test', 'plain'],
  ['"x@evil.example"@good.example', '"x@evil.example"@good.example', 'x@evil.example'],
  ['user%evil.example@good.example', 'user%evil.example@good.example', 'user%evil.example'],
  ['x@日本語.jp', 'x@xn--wgv71a119e.jp', 'x'],
  // RFC 5321 §4.5.3.1.3: with its brackets, a path has 256 octets.
  [`${'x'.repeat(247)}@b.test`, `${'x'.repeat(247)}@b.test`, 'x'.repeat(247)],
];
for (const [text, wire, local] of good) {
  test(`address ${text}`, () => {
    const address = parseAddress(text);
    assert.equal(address?.wire, wire);
    assert.equal(address?.localPart, local);
  });
}
for (const text of [
  '',
  'a',
  '@b.test',
  'a@',
  'a@b',
  'a b@b.test',
  'a@[127.0.0.1]',
  '@x.test,@y.test:a@b.test',
  'a@b.test.',
  'a@b..test',
  'a@-b.test',
  'a@1.2.3.4',
  'a@0x7f.1',
  'a@b。test',
  'a@ｂ.test',
  'a@so\u00adft.test',
  'a\0@b.test',
  'a\r\n@b.test',
  '"a\r\nb"@b.test',
  '"open@b.test',
  `${'x'.repeat(248)}@b.test`,
  `"${' '.repeat(246)}"@b.test`,
  `${'é'.repeat(124)}@b.test`,
  '..@b.test',
]) {
  test(`no address: ${JSON.stringify(text)}`, () => assert.equal(parseAddress(text), null));
}

test('any address that parses survives its own wire form', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), (local) => {
      const address = parseAddress(`"${local.replace(/["\\]/g, '\\$&')}"@b.test`);
      if (address === null) return;
      const again = parseAddress(address.wire);
      assert.deepEqual(again, address);
      assert.ok(!/[\r\n\0]/.test(address.wire));
    }),
  );
});

const mailboxes: [text: string, name: string | null, wire: string][] = [
  ['a@b.test', null, 'a@b.test'],
  ['John Smith <j@b.test>', 'John Smith', 'j@b.test'],
  ['"Smith, John" <j@b.test>', 'Smith, John', 'j@b.test'],
  ['=?UTF-8?B?6aOb6ISa?= <j@b.test>', '飛脚', 'j@b.test'],
  ['飛脚 <j@b.test> (a comment)', '飛脚', 'j@b.test'],
  ['"x@evil.example" <j@b.test>', 'x@evil.example', 'j@b.test'],
];
for (const [text, name, wire] of mailboxes) {
  test(`mailbox ${text}`, () => {
    const mailbox = parseMailbox(text);
    assert.equal(mailbox?.displayName, name);
    assert.equal(mailbox?.address.wire, wire);
    assert.deepEqual(parseMailbox(formatMailbox(mailbox!).replaceAll('\r\n', '')), mailbox);
  });
}
for (const text of [
  'a@b.test, c@d.test',
  'friends: a@b.test;',
  '<a@b.test',
  'x@evil.example <j@b.test>',
  'a@b.test <c@d.test> e@f.test',
  'a\r\nBcc: x@y.test',
  '',
]) {
  test(`no mailbox: ${JSON.stringify(text)}`, () => assert.equal(parseMailbox(text), null));
}

test('a bracket that closes nothing is no mailbox, and its reading ends', () => {
  for (const text of ['Smile :) <x@a.test>', ')', 'a) <x@a.test>', 'a@b.test )', '(a)) b@c.test']) {
    assert.equal(parseMailbox(text), null, text);
    assert.equal(parseMailboxList(text), null, text);
  }
});

test('lists are read whole or not at all', () => {
  assert.equal(parseMailboxList('a@b.test, "x, y" <c@d.test>')?.length, 2);
  assert.equal(parseMailboxList('a@b.test, nonsense'), null);
});

const pieces = [
  'a',
  'b.test',
  '@',
  '<',
  '>',
  ',',
  '.',
  ' ',
  '(',
  ')',
  '"',
  '\\',
  ':',
  ';',
  '[',
  ']',
  '飛',
  '\ud800',
  '\0',
];

test('any text is read to its end: as mailboxes that each survive being written, or as none', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...pieces, 'x@y.test', '<x@y.test>'), { maxLength: 40 }),
      (parts) => {
        const text = parts.join('');
        const list = parseMailboxList(text);
        for (const { address } of list ?? []) assert.deepEqual(parseAddress(address.wire), address);
        const mailbox = parseMailbox(text);
        if (mailbox !== null) assert.deepEqual(list, [mailbox]);
      },
    ),
    { numRuns: 2000 },
  );
});

test('256 KiB of any piece is read as quickly as it is long', () => {
  for (const piece of [...pieces, 'a@b.test,', 'a b ', '"a" ', '(a)', '((', '\\(', '"\\', 'a.', '<a@b.test>'])
    for (const [before, behind] of [
      ['', ''],
      ['x ', ' <a@b.test>'],
      ['"', '" <a@b.test>'],
      ['(', ') a@b.test'],
    ] as const) {
      const list = parseMailboxList(before + piece.repeat(262_144 / piece.length) + behind);
      assert.ok(list === null || list.length === 1, piece);
    }
});

test('domains whose labels no name could have are not handed to IDNA', () => {
  const label = (length: number) => String.fromCodePoint(...Array.from({ length }, (_, i) => 0x4e00 + i * 7));
  assert.equal(parseDomain(`${label(127)}.test`), null);
  assert.equal(parseDomain(`${label(400)}.test`), null);
  assert.notEqual(parseDomain(`${label(15)}.test`), null);
  assert.notEqual(parseDomain(`${'e\u0301'.repeat(40)}.test`), null);
});

test('a formatted name makes no line of its own', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (displayName) => {
      const address = parseAddress('a@b.test')!;
      const text = formatMailbox({ displayName, address });
      assert.ok(!/[\r\n](?![\n ])|\0/.test(text.replaceAll('\r\n ', '')), JSON.stringify(text));
    }),
  );
});

test('domains: one key', () => {
  assert.equal(parseDomain('EXAMPLE.test'), 'example.test');
  assert.equal(parseDomain('XN--WGV71A119E.jp'), 'xn--wgv71a119e.jp');
  for (const bad of [
    '',
    '.',
    'a',
    'a.test.',
    '2130706433',
    '127.1',
    'a b.test',
    'a\0.test',
    'xn--\u00e4.test',
    `${'a'.repeat(64)}.test`,
  ]) {
    assert.equal(parseDomain(bad), null, bad);
  }
});
