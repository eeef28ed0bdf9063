import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeHeaderText, foldHeader, readHeaderSection, unfold } from './headers.ts';

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
