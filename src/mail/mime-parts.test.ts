import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readParameters } from './mime-parameters.ts';
import { contentTypeOf } from './mime-parts.ts';

test('a media type of a caller is taken as it is, or refused whole', () => {
  const type = contentTypeOf('Text/Plain ; Charset="UTF-8"; format=flowed ; ');
  assert.equal(type?.major, 'text');
  assert.equal(type?.text, 'Text/Plain; Charset="UTF-8"; format=flowed');
  assert.deepEqual(
    [...type!.parameters],
    [
      ['charset', 'UTF-8'],
      ['format', 'flowed'],
    ],
  );
  for (const bad of [
    'text',
    'text/plain x',
    'text/plain;;',
    'text/plain; a',
    'text/plain; a=b; A=c',
    'text/plain; a="b',
  ])
    assert.equal(contentTypeOf(bad), null, bad);
});

const pieces = [' ', ';', 'a', 'a=b', '=', '"', 'x="y z"', '\\', '\r\n', '\0', 'é', 'charset=utf-8', '/'];

test('a media type that is taken is one line, and every reader sees the same in it', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 20 }), (parts) => {
      const type = contentTypeOf(`text/plain${parts.join('')}`);
      if (type === null) return;
      assert.match(type.text, /^[\x20-\x7e]+$/);
      assert.deepEqual(contentTypeOf(type.text), type);
      assert.deepEqual(readParameters(type.text).parameters, type.parameters);
    }),
    { numRuns: 2000 },
  );
});
