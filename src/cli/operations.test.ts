/** Arguments of a command line as requests, against small documents. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiClient } from './api-client.ts';
import { type CliOperation, describe, loadOperations, requestOf } from './operations.ts';
import { UsageError } from './usage.ts';

const ID = '0198c0de-0000-7000-8000-000000000001';
const reference = { type: 'object', properties: { self: { type: 'string' } }, required: ['self'] };
const body = {
  type: 'object',
  required: ['kind', 'name', 'owner'],
  properties: {
    kind: { const: 'thing', type: 'string' },
    name: { type: 'string' },
    owner: reference,
    count: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
    loud: { type: 'boolean' },
    tags: { type: 'array', items: { type: 'string' } },
    ages: { type: 'array', items: { type: 'integer' } },
    left: { type: 'object', properties: { size: { type: 'integer' }, colour: { type: 'string' } } },
    right: { type: 'object', properties: { size: { type: 'integer' } } },
    extra: { type: 'object', additionalProperties: true },
  },
};
const example = { kind: 'thing', name: 'x', owner: { self: `https://x.example/a/v1/owners/${ID}` } };
const paths = {
  '/a/v1/things/{id}': {
    put: {
      operationId: 'a.things.replace',
      summary: 'replaces a thing',
      parameters: [
        { name: 'id', in: 'path' },
        { name: 'is_sync', in: 'query', schema: { type: 'boolean' } },
        { name: 'If-Match', in: 'header', schema: { type: 'string' } },
      ],
      requestBody: {
        content: { 'application/json': { schema: body, examples: { one: { value: example } } } },
      },
    },
  },
};
const client = { get: async (path: string) => ({ paths: path.startsWith('/mta') ? paths : {} }) };
const [operation] = (await loadOperations(client as unknown as ApiClient)) as [CliOperation];
const ask = (flags: [string, string | true][], json?: unknown, ids = [ID]) =>
  requestOf(operation, { ids, flags, body: json }, 'http://here');

test('flags become values of the right kind; what can be only one thing is filled in', () => {
  const request = ask([
    ['name', '5'],
    ['owner', ID],
    ['count', '5'],
    ['loud', true],
    ['tags', 'one'],
    ['tags', 'two'],
    ['ages', '1'],
    ['ages', '[2,3]'],
    ['left.size', '7'],
    ['colour', 'red'],
    ['right.size', '8'],
    ['extra', '{"a":1}'],
    ['is-sync', 'true'],
    ['if-match', '"tag"'],
  ]);
  assert.deepEqual(request, {
    method: 'PUT',
    path: `/a/v1/things/${ID}?is_sync=true`,
    headers: { 'If-Match': '"tag"' },
    body: {
      kind: 'thing',
      name: '5',
      owner: { self: `http://here/a/v1/owners/${ID}` },
      count: 5,
      loud: true,
      tags: ['one', 'two'],
      ages: [1, 2, 3],
      left: { size: 7, colour: 'red' },
      right: { size: 8 },
      extra: { a: 1 },
    },
  });
});
test('null, URLs and a whole body stay what they are; a flag beside --json changes one field', () => {
  assert.deepEqual(
    ask([
      ['count', 'null'],
      ['owner', 'https://other.example/x'],
    ]).body,
    { kind: 'thing', count: null, owner: { self: 'https://other.example/x' } },
  );
  const given = { anything: [1], name: 'old' };
  assert.deepEqual(ask([['name', 'new']], given).body, { anything: [1], name: 'new' });
  assert.equal(given.name, 'old');
});
test('an id cannot leave its place in the path', () => {
  assert.equal(ask([], {}, ['../../x?y=1#z']).path, '/a/v1/things/..%2F..%2Fx%3Fy%3D1%23z');
});
const wrong: Record<string, [[string, string | true][], string[], RegExp]> = {
  'an unknown flag': [[['nmae', 'x']], [ID], /has no --nmae; it has --name --owner/],
  'no id': [[], [], /takes id, but 0 were given/],
  'a number that is none': [[['left.size', 'x']], [ID], /--left\.size: expected integer/],
  'JSON that is none': [[['extra', '{']], [ID], /--extra: expected JSON/],
  'a flag without its value': [[['name', true]], [ID], /--name needs a value/],
};
for (const [name, [flags, ids, reason]] of Object.entries(wrong))
  test(`wrong usage: ${name}`, () =>
    assert.throws(
      () => ask(flags, undefined, ids),
      (error) => error instanceof UsageError && reason.test(error.message),
    ));
test('an operation describes itself', () => {
  const text = describe(operation);
  for (const part of [
    'a.things.replace <id>',
    'PUT /a/v1/things/{id}',
    '--name  string, required',
    '--count  integer | null',
    '--if-match',
  ])
    assert.ok(text.includes(part), `${part}: ${text}`);
});
