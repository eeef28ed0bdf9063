import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dotStuffed } from '../../mail/dot-stuffing.ts';
import { createDataReader, type DataResult } from './data-reader.ts';

interface Limits {
  readonly limit: number;
  readonly maxLine: number;
}
/** What RFC 5321 asks for, without care for time or space. */
function expected(wire: string, { limit, maxLine }: Limits): { end: number; result: DataResult | null } {
  const end = `\r\n${wire}`.indexOf('\r\n.\r\n');
  if (end === -1) return { end: -1, result: null };
  const message = wire.slice(0, end).replace(/(^|\r\n)\./g, '$1');
  const result = (): DataResult => {
    if (message.length > limit) return { kind: 'too-large' };
    if (/\r(?!\n)|(?<!\r)\n/.test(message)) return { kind: 'bare-line-end' };
    const long = message.split('\r\n').some((line) => line.length > maxLine);
    return { kind: 'message', message: Buffer.from(message, 'latin1'), long };
  };
  return { end: end + 3, result: result() };
}
function read(wire: string, { limit, maxLine }: Limits, cuts: readonly number[], announced: number | null) {
  const octets = Buffer.from(wire, 'latin1');
  const reader = createDataReader(limit, maxLine, announced);
  const places = [...cuts.map((cut) => cut % (octets.length + 1)), octets.length].sort((a, b) => a - b);
  let from = 0;
  for (const to of places) {
    const end = reader.push(Buffer.from(octets.subarray(from, to)));
    if (end !== -1) {
      assert.equal(reader.received, from + end);
      return { end: from + end, result: reader.result() };
    }
    from = to;
  }
  return { end: -1, result: null };
}

const pieces = fc.constantFrom(
  '\r',
  '\n',
  '\r\n',
  '.',
  '\r\n.',
  '\r\n..',
  'a',
  'abcdefgh',
  '\r\n.\r\n',
  '\0',
  '\xff',
);

test('data end, dots, bare line ends and limits are as the RFC has them, however the octets come', () => {
  fc.assert(
    fc.property(
      fc.array(pieces, { maxLength: 30 }),
      fc.array(fc.nat({ max: 300 }), { maxLength: 8 }),
      fc.record({ limit: fc.integer({ min: 1, max: 60 }), maxLine: fc.integer({ min: 1, max: 12 }) }),
      fc.option(fc.nat({ max: 100 })),
      (parts, cuts, limits, announced) => {
        const wire = `${parts.join('')}\r\n.\r\n`;
        assert.deepEqual(read(wire, limits, cuts, announced), expected(wire, limits));
      },
    ),
    { numRuns: 3000 },
  );
});

test('the same beyond what is kept as it came', () => {
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 8 }), fc.nat({ max: 500_000 }), (parts, cut) => {
      const long = `${'.line of some length\r\n'.repeat(10_000)}${parts.join('')}\r\n${'x\r\n'.repeat(30_000)}`;
      for (const [wire, limit] of [
        [`${long}\r\n.\r\n`, 400_000],
        [`${long}\r\n.\r\n`, 200_000],
      ] as const) {
        const limits = { limit, maxLine: 998 };
        for (const announced of [null, 10, 1_000_000])
          assert.deepEqual(
            read(wire, limits, [cut, cut + 1, 70_000, 140_000], announced),
            expected(wire, limits),
          );
      }
    }),
    { numRuns: 20 },
  );
});

test('dot-stuffing and reading are each other’s inverse', () => {
  const lines = fc.array(fc.constantFrom('', '.', '..', '.a', 'a', 'a.b', ' .'), { maxLength: 12 });
  fc.assert(
    fc.property(lines, fc.nat(), (parts, cut) => {
      const message = parts.map((line) => `${line}\r\n`).join('');
      const wire = Buffer.concat([...dotStuffed(Buffer.from(message))]).toString('latin1');
      const { end, result } = read(wire, { limit: 10_000, maxLine: 998 }, [cut], null);
      assert.equal(end, wire.length);
      assert.deepEqual(result, { kind: 'message', message: Buffer.from(message), long: false });
    }),
  );
});

test('a line of 999 octets is told of, one of 998 is not', () => {
  for (const [length, long] of [
    [998, false],
    [999, true],
  ] as const) {
    const wire = `a\r\n.${'x'.repeat(length)}\r\nb\r\n.\r\n`;
    const { result } = read(wire, { limit: 10_000, maxLine: 998 }, [], null);
    assert.equal(result?.kind === 'message' && result.long, long);
  }
});

test('a message without leading dots that came whole is not copied', () => {
  const reader = createDataReader(10_000, 998);
  const chunk = Buffer.from('a\r\n.\r\nQUIT\r\n');
  assert.equal(reader.push(chunk), 6);
  const result = reader.result();
  assert.ok(result.kind === 'message' && result.message.buffer === chunk.buffer);
});
