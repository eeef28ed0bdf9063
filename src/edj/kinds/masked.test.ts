/** What is shown of texts that hold secrets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { masked } from './masked.ts';

const URL_OF = 'https://hooks.example:8443/services/T00000000/w3bhookSecret?key=anotherSecret&v=1';

test('keys are replaced wherever they stand, also twice and with characters that replacements know', () => {
  const text = 'x$&y x$&y and another-key1';
  assert.equal(masked(text, { a: 'x$&y', b: 'another-key1', c: '' }), '*** *** and ***');
});

test('of a secret URL the host stays; its path, query and their long parts go', () => {
  const cases: readonly [string, string][] = [
    [`POST ${URL_OF}`, 'POST https://hooks.example:8443/***'],
    ['/services/T00000000/w3bhookSecret?key=anotherSecret&v=1', '/***'],
    ['/services/T00000000/w3bhookSecret was not found', '/*** was not found'],
    ['services%2FT00000000%2Fw3bhookSecret', 'services%2F***%2F***'],
    ['key = anotherSecret', 'key = ***'],
    ['the services of hooks.example:8443', 'the services of hooks.example:8443'],
  ];
  for (const [text, shown] of cases) assert.equal(masked(text, { url: URL_OF }), shown);
});

test('a short path is no word that is taken out of other texts', () => {
  const url = 'https://hook.example/e';
  assert.equal(masked(`{"event":"e"} at ${url}`, { url }), '{"event":"e"} at https://hook.example/***');
});
