import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createDataReader, unstuff } from '../smtp/server/data-reader.ts';
import { dotStuffed } from './dot-stuffing.ts';
import { findBareLineEnd } from './has-bare-line-ends.ts';
import { decodeHeaderText, foldHeader, readHeaderSection, unfold } from './headers.ts';

const lines = fc.array(fc.constantFrom('', '.', '..', '.a', 'a', 'a.b', ' .'), { maxLength: 12 });

test('dot-stuffing and unstuffing are each other’s inverse, at every cut', () => {
  fc.assert(
    fc.property(lines, fc.nat(), (parts, seed) => {
      const message = Buffer.from(parts.map((line) => `${line}\r\n`).join(''));
      const wire = Buffer.concat(dotStuffed(message));
      assert.deepEqual(unstuff(wire.subarray(0, -3)), message);
      const reader = createDataReader(10_000, 998);
      const at = seed % wire.length;
      const first = reader.push(wire.subarray(0, at));
      assert.equal(first, -1);
      assert.equal(reader.push(wire.subarray(at)), wire.length - at);
      assert.deepEqual(reader.result(), { kind: 'message', message });
    }),
  );
});

test('a missing final line end is added', () => {
  assert.equal(Buffer.concat(dotStuffed(Buffer.from('a'))).toString(), 'a\r\n.\r\n');
  assert.equal(Buffer.concat(dotStuffed(Buffer.from(''))).toString(), '.\r\n');
});

test('a line of 998 octets passes, one of 999 does not', () => {
  for (const [length, kind] of [
    [998, 'message'],
    [999, 'line-too-long'],
  ] as const) {
    const reader = createDataReader(10_000, 998);
    reader.push(Buffer.from(`a\r\n${'x'.repeat(length)}\r\nb\r\n.\r\n`));
    assert.equal(reader.result().kind, kind);
  }
});

test('bare line ends are found where they are', () => {
  for (const [text, at] of [
    ['a\r\nb\r\n', -1],
    ['', -1],
    ['a\nb', 1],
    ['a\rb', 1],
    ['\r\n\n', 2],
    ['\r\r\n', 0],
    ['a\r', 1],
  ] as const) {
    assert.equal(findBareLineEnd(Buffer.from(text)), at, JSON.stringify(text));
  }
});

test('headers by offset: the fields and the body are the message', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const message = Buffer.concat([Buffer.from('A: b\r\nC: d\r\n e\r\n'), bytes]);
      const { fields, bodyStart } = readHeaderSection(message);
      assert.ok(fields.length >= 2 && bodyStart <= message.length);
      for (const [i, field] of fields.entries()) assert.equal(field.start, i === 0 ? 0 : fields[i - 1]!.end);
    }),
  );
});

test('folding keeps lines short and says the same unfolded', () => {
  const value = Array.from({ length: 60 }, (_, i) => `<id-${i}@example.test>`).join(' ');
  const field = foldHeader('References', value);
  assert.ok(field.split('\r\n').every((line) => line.length <= 78));
  assert.equal(unfold(field.slice('References:'.length)), value);
});

test('encoded-words in the charsets of Japanese mail', () => {
  assert.equal(decodeHeaderText('=?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?='), '日本語');
  assert.equal(decodeHeaderText('=?utf-8?Q?=E9=A3=9B_a?= =?UTF-8?B?6ISa?='), '飛 a脚');
  assert.equal(decodeHeaderText('=?x-unknown?B?YQ==?='), '=?x-unknown?B?YQ==?=');
});
