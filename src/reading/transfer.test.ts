/** Transfer encodings: what Node and others decode, what is broken, and that it does not matter where the pieces end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodePiece, type Encoding } from './transfer.ts';

function decode(encoding: Encoding, text: string | Buffer) {
  const { octets, broken } = decodePiece(encoding, Buffer.from(text as string, 'latin1'), true);
  return [octets.toString('latin1'), broken];
}
/** In pieces of these lengths, over and over. */
function inPieces(encoding: Encoding, octets: Buffer, lengths: readonly number[]) {
  const out: Buffer[] = [];
  let broken = false;
  let carry: Buffer = Buffer.alloc(0);
  for (let at = 0, i = 0; ; i++) {
    const end = Math.min(octets.length, at + lengths[i % lengths.length]!);
    const decoded = decodePiece(
      encoding,
      Buffer.concat([carry, octets.subarray(at, end)]),
      end === octets.length,
    );
    assert.ok(decoded.carry.length <= 1003);
    out.push(Buffer.from(decoded.octets));
    broken ||= decoded.broken;
    carry = Buffer.from(decoded.carry);
    at = end;
    if (decoded.ended) break;
  }
  return { octets: Buffer.concat(out), broken };
}

test('base64: white space, padding or none, what is no alphabet, what stands behind the end', () => {
  assert.deepEqual(decode('base64', 'QUJD\r\nREU='), ['ABCDE', false]);
  assert.deepEqual(decode('base64', 'QUJDREU'), ['ABCDE', false]);
  assert.deepEqual(decode('base64', 'QU*JD'), ['ABC', true]);
  assert.deepEqual(decode('base64', 'QQ==\r\nQQ=='), ['A', true]);
  assert.deepEqual(decode('base64', 'QUJDQ'), ['ABC', true]);
  assert.deepEqual(decode('base64', 'QUJD-_'), ['ABC', true]);
  assert.deepEqual(decode('base64', ''), ['', false]);
});
test('quoted-printable: digits, soft line ends, white space at the end of lines, what is broken', () => {
  assert.deepEqual(decode('quoted-printable', 'caf=C3=a9=\r\n!  \r\nx \ty\t'), [
    'caf\xc3\xa9!\r\nx \ty',
    false,
  ]);
  assert.deepEqual(decode('quoted-printable', 'a= \t\r\nb=\nc='), ['abc', false]);
  assert.deepEqual(decode('quoted-printable', '=4'), ['=4', true]);
  assert.deepEqual(decode('quoted-printable', '=G1 =\rx'), ['=G1 =\rx', true]);
  assert.deepEqual(decode('quoted-printable', `${' '.repeat(1000)}\r\n`), [`${' '.repeat(1000)}\r\n`, false]);
  assert.deepEqual(decode('as-is', '=41 \r\n'), ['=41 \r\n', false]);
});
test('what was encoded comes back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      const given = Buffer.from(octets);
      const lines = given.toString('base64').replace(/.{60}/g, '$&\r\n');
      assert.deepEqual(decodePiece('base64', Buffer.from(lines), true).octets, given);
      const quoted = [...octets].map((o) => `=${o.toString(16).padStart(2, '0')}`).join('=\r\n');
      assert.deepEqual(decodePiece('quoted-printable', Buffer.from(quoted), true).octets, given);
    }),
  );
});
test('it does not matter where the pieces end', () => {
  const octet = fc.constantFrom(...'=AaFf09 \t\r\n+/-_x*');
  const text = fc.array(
    fc.oneof({ weight: 9, arbitrary: octet }, fc.constant(' '.repeat(999)), fc.constant('==\r\n')),
  );
  fc.assert(
    fc.property(
      text,
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
      fc.constantFrom<Encoding>('base64', 'quoted-printable', 'as-is'),
      (chars, lengths, encoding) => {
        const octets = Buffer.from(chars.join(''), 'latin1');
        const whole = decodePiece(encoding, octets, true);
        const pieces = inPieces(encoding, octets, lengths);
        assert.deepEqual(pieces.octets, whole.octets);
        if (encoding === 'quoted-printable') assert.equal(pieces.broken, whole.broken);
      },
    ),
    { numRuns: 1000 },
  );
});
