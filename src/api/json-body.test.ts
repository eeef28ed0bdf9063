import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keysIn, keysOf } from './json-body.ts';

test('in any JSON the keys written are the keys read', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(0, 1, '\t'), (value, space) => {
      // A key __proto__ is refused before anything is counted.
      const text = JSON.stringify(value, null, space);
      fc.pre(!text.includes('__proto__'));
      assert.equal(keysIn(text), keysOf(JSON.parse(text)));
    }),
  );
});
const twice: Record<string, string> = {
  'at the top': '{"a":1,"a":2}',
  'within a list': '[{"b":{"a":1, "c":[], "a" : 2}}]',
  'written in two ways': '{"a":1,"\\u0061":2}',
  'behind an escaped quote': '{"\\"":1,"\\"":2}',
  'behind a backslash': '{"\\\\":"\\\\","\\\\":1}',
};
for (const [name, text] of Object.entries(twice))
  test(`a key that stands twice is found: ${name}`, () =>
    assert.equal(keysIn(text), keysOf(JSON.parse(text)) + 1));
test('a colon in a string is no key', () => {
  const text = '{"a":"b\\":","c":["\\"d\\":"]}';
  assert.deepEqual([keysIn(text), keysOf(JSON.parse(text))], [2, 2]);
});
