/** Encoded words (RFC 2047). Text without them stays, and what is written is read again. */
import assert from 'node:assert/strict';
import type { Target } from './engine/target.ts';

type Words = typeof import('../../src/mail/encoded-words.ts');

export const target: Target = {
  words: [
    '=?',
    '?=',
    '?B?',
    '?q?',
    'utf-8',
    'iso-2022-jp',
    'shift_jis',
    'x-unknown',
    '*ja',
    '=E9=A3=9B',
    '6aOb',
    ' ',
    '\r\n ',
    '_',
    'GyRC',
    '?= =?utf-8?B?',
  ],
  async open(load) {
    const { decodeWords, encodeWords } = await load<Words>('mail/encoded-words.ts');
    return (input) => {
      const text = input.toString('utf8');
      const decoded = decodeWords(text);
      if (!text.includes('=?')) assert.equal(decoded, text);
      assert.equal(decodeWords(encodeWords(text)).replace(/^\ufeff/, ''), text.replace(/^\ufeff/, ''));
    };
  },
};
