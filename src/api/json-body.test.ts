import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keysOf, MOST, shapeOf } from './json-body.ts';

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}
test('in any JSON the keys and the depth written are those read', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(0, 1, '\t'), (value, space) => {
      // A key __proto__ is refused, and a reader of its own kind.
      const text = JSON.stringify(value, null, space);
      fc.pre(!text.includes('__proto__'));
      const read = JSON.parse(text);
      const { keys, depth } = shapeOf(text);
      assert.deepEqual([keys, depth], [keysOf(read), depthOf(read)]);
    }),
  );
});
test('any text at all has a shape', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ':', ',', 'a') }),
      (text) => {
        const { depth, keys, values } = shapeOf(text);
        assert.ok(depth <= text.length && keys <= text.length && values <= text.length);
      },
    ),
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
    assert.equal(shapeOf(text).keys, keysOf(JSON.parse(text)) + 1));
test('what stands in a string is none of the shape', () => {
  const text = '{"a":"b\\":[{,","c":["\\"d\\":"]}';
  assert.deepEqual(shapeOf(text), { depth: 2, keys: 2, values: 1 });
});
test('what is beyond the most is looked at no further', () => {
  assert.equal(shapeOf('['.repeat(1e6)).depth, MOST.depth + 1);
  assert.equal(shapeOf(`[${'1,'.repeat(1e6)}1]`).values, MOST.values + 1);
  assert.equal(shapeOf(`{${'"a":1,'.repeat(1e6)}}`).keys, MOST.keys + 1);
});
