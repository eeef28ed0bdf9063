import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodePiece } from '../reading/transfer.ts';
import { base64Lines, encodeOctets, hasLongLine, isSevenBit, quotedPrintable } from './transfer-encode.ts';

const pieces = [
  '\r\n',
  '\r',
  '\n',
  ' ',
  '\t',
  '=',
  '--',
  '--b',
  '\0',
  'é',
  '飛脚',
  '.',
  'a',
  'x'.repeat(72),
  '\x7f',
];
const octetsOf = fc
  .array(fc.constantFrom(...pieces), { maxLength: 40 })
  .map((parts) => Buffer.from(parts.join('')));

test('encoded octets are short lines of ASCII, none of which is a boundary, and decode to the same', () => {
  fc.assert(
    fc.property(octetsOf, (octets) => {
      for (const [encoding, encoded] of [
        ['quoted-printable', quotedPrintable(octets)],
        ['base64', base64Lines(octets)],
      ] as const) {
        for (const line of encoded.toString('latin1').split('\r\n'))
          assert.match(line, /^(?!--)[\t\x20-\x7e]{0,76}$/);
        assert.deepEqual(Buffer.from(decodePiece(encoding, encoded, true).octets), octets, encoding);
      }
    }),
    { numRuns: 2000 },
  );
});

test('text goes into what is shorter, other octets into base64', () => {
  const mostly = Buffer.from(`${'This is English with one é in it.\r\n'.repeat(20)}`);
  const hardly = Buffer.from('飛脚は走る。\r\n'.repeat(20));
  assert.equal(encodeOctets(mostly, true).encoding, 'quoted-printable');
  assert.equal(encodeOctets(hardly, true).encoding, 'base64');
  assert.equal(encodeOctets(mostly, false).encoding, 'base64');
  const shorter = Math.min(quotedPrintable(mostly).length, base64Lines(mostly).length);
  assert.equal(encodeOctets(mostly, true).octets.length, shorter);
});

test('a long line is one of over 998 octets up to CRLF, wherever it is', () => {
  const line = 'x'.repeat(998);
  for (const text of ['', line, `${line}\r\n`, `${line}\r\n${line}\r\n`, `a\r\n${line}`])
    assert.equal(hasLongLine(Buffer.from(text)), false, text.length.toString());
  for (const text of [`${line}x`, `${line}x\r\n`, `a\r\n${line}\n\r\n`, `${line}\r\n${line}\rx\r\n`])
    assert.equal(hasLongLine(Buffer.from(text)), true, text.length.toString());
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1100 }), { maxLength: 8 }), (lengths) => {
      const text = lengths.map((length) => 'x'.repeat(length)).join('\r\n');
      assert.equal(
        hasLongLine(Buffer.from(text)),
        lengths.some((length) => length > 998),
      );
    }),
  );
  assert.equal(isSevenBit(Buffer.from('a\0')), false);
  assert.equal(isSevenBit(Buffer.from('é')), false);
  assert.equal(isSevenBit(Buffer.from('a\r\n')), true);
});
