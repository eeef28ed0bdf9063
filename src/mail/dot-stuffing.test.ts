import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dotStuffed } from './dot-stuffing.ts';

const stuff = (message: Buffer) => Buffer.concat([...dotStuffed(message)]).toString('latin1');

test('leading dots are doubled, and a missing final line end is added', () => {
  for (const [message, wire] of [
    ['', '.\r\n'],
    ['a', 'a\r\n.\r\n'],
    ['a\r\n', 'a\r\n.\r\n'],
    ['.', '..\r\n.\r\n'],
    ['.\r\n.a\r\nb.\r\n', '..\r\n..a\r\nb.\r\n.\r\n'],
    ['a\n.\r\n', 'a\n.\r\n.\r\n'],
  ] as const)
    assert.equal(stuff(Buffer.from(message)), wire);
});

test('a long message is stuffed the same wherever its pieces end', () => {
  const lines = fc.array(fc.constantFrom('', '.', '..', 'a', ' .', 'a.b', '\r', '\n.'), { maxLength: 12 });
  fc.assert(
    fc.property(lines, fc.nat({ max: 30 }), (parts, shift) => {
      const around = parts.join('\r\n');
      const text = `${'x'.repeat(65_536 - shift)}${around}\r\n${'y'.repeat(65_536 - shift)}\r\n${around}`;
      const expected = `${text}${text.endsWith('\r\n') ? '' : '\r\n'}`.replace(/(^|\r\n)\./g, '$1..');
      assert.equal(stuff(Buffer.from(text)), `${expected}.\r\n`);
    }),
  );
});

test('pieces are bounded, and what has no leading dot is not copied', () => {
  const dots = Buffer.from('.\r\n'.repeat(100_000));
  for (const piece of dotStuffed(dots)) assert.ok(piece.length <= 88_000, String(piece.length));
  const plain = Buffer.from('a\r\n'.repeat(100_000));
  for (const piece of [...dotStuffed(plain)].slice(0, -1)) assert.equal(piece.buffer, plain.buffer);
});
