/** MIME parameters, as others write them and as callers give them. What we take of a caller, every reader understands. */
import assert from 'node:assert/strict';
import type { Target } from './engine/target.ts';

type Parameters = typeof import('../../src/mail/mime-parameters.ts');
type Parts = typeof import('../../src/mail/mime-parts.ts');

export const target: Target = {
  words: [
    'text/plain',
    'attachment',
    '; ',
    'name=',
    'filename=',
    '*0*=',
    '*1=',
    "utf-8''",
    '%E9',
    '"',
    '\\',
    '(',
    ' (x)',
    '=?utf-8?B?6aOb?=',
    '\r\n ',
    '\x1b$B',
    '\x1b(B',
  ],
  async open(load) {
    const { readParameters } = await load<Parameters>('mail/mime-parameters.ts');
    const { contentTypeOf } = await load<Parts>('mail/mime-parts.ts');
    return (input) => {
      const text = input.toString('utf8');
      for (const [name, value] of readParameters(text).parameters)
        assert.ok(name !== '' && typeof value === 'string');
      const type = contentTypeOf(text);
      if (type === null) return;
      assert.match(type.text, /^[\x20-\x7e]+$/);
      assert.deepEqual(contentTypeOf(type.text), type);
    };
  },
};
