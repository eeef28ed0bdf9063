/** JSON bodies: the shape of a text, before anything is made of it, is that of its value. */
import assert from 'node:assert/strict';
import type { Target } from './engine/target.ts';

type Body = typeof import('../../src/api/json-body.ts');

export const target: Target = {
  words: [
    '{',
    '}',
    '[',
    ']',
    '"',
    '":',
    ',',
    '\\',
    '\\"',
    '\\u0022',
    '"a":',
    '{"a":1}',
    '[1,2]',
    'null',
    '__proto__',
    '1e9',
    ' ',
  ],
  async open(load) {
    const { keysOf, MOST, shapeOf } = await load<Body>('api/json-body.ts');
    return (input) => {
      const text = input.toString('utf8');
      const shape = shapeOf(text);
      for (const name of ['depth', 'keys', 'values'] as const) if (shape[name] > MOST[name]) return;
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        return;
      }
      // Fewer where one stands twice.
      assert.ok(keysOf(value) <= shape.keys);
      if (text.trimStart().startsWith('[') || text.trimStart().startsWith('{')) assert.ok(shape.depth > 0);
    };
  },
};
