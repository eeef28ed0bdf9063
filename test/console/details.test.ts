/** What the service says of a value is known to the console, so that it can be said in the reader's language. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { detailText } from '../../console/src/ui/details.ts';
import { sentenceOf, type Violation } from '../../src/api/validation-words.ts';
import { PROBLEMS } from '../../src/contract/problems.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const words = (language: string) => JSON.parse(read(`console/src/locales/${language}.json`)).problem;

/** Sentences among the literals of code, 7 for what templates fill in; names of fields have no spaces, titles begin with a capital. */
function sentences(code: string): string[] {
  return [...code.matchAll(/'((?:[^'\\\n]|\\.)*)'|`([^`]+)`/g)]
    .map(([, plain, template]) => plain ?? template!.replaceAll(/\$\{[^}]*(?:\{[^}]*\}[^}]*)*\}/g, '7'))
    .filter((text) => /^\S+ \S/.test(text) && !/^[A-Z][a-z]/.test(text));
}
/** Where what is passed to `invalid` as a value comes from, and how it looks there. */
const ELSEWHERE: readonly [file: string, place: RegExp][] = [
  ['src/api/queue-request.ts', /wrong: '[^']*'/g],
  ['src/iam/passwords.ts', /function passwordComplaint[\s\S]*?\n\}/g],
  ['src/iam/passkeys.ts', /const (ELSEWHERE|UNREADABLE) = [^;]*;/g],
  ['src/iam/account.ts', /kind: 'refused', detail: [^}]*\}/g],
  ['src/domains/dkim-import.ts', /return refused\([\s\S]*?\);/g],
  ['src/runtime/settings.ts', /new SettingsError\([\s\S]*?\);/g],
  ['src/domains/dns-providers/readers.ts', /judged\([\s\S]*?\);|wrong: '[^']*'/g],
  ['src/api/conflict-words.ts', /: '[^']*',|'it is there[^']*'/g],
  ['src/api/mta-dkim.ts', /const reason =[\s\S]*?;|new Problem\([\s\S]*?\);/g],
  ['src/api/iam-domains.ts', /new Problem\([\s\S]*?\);/g],
  ['src/api/members.ts', /'too-many-[\s\S]*?\);/g],
  ['src/api/roles.ts', /'too-many-[\s\S]*?\);/g],
  ['src/api/context.ts', /'operation-not-permitted'[\s\S]*?\);/g],
  ['src/api/mta-dns-providers.ts', /'dns-zone-not-found'[\s\S]*?\);/g],
  ['src/api/server.ts', /'internal',[\s\S]*?\);/g],
];

function details(): Map<string, string> {
  const found = new Map<string, string>();
  const look = (file: string, place: RegExp) => {
    const places = [...read(file).matchAll(place)];
    for (const [code] of places) for (const text of sentences(code)) found.set(text, file);
    return places.length;
  };
  for (const file of globSync('src/api/**/*.ts', { cwd: ROOT }).filter((name) => !name.endsWith('.test.ts')))
    look(file, /\binvalid\([\s\S]*?\);/g);
  let kinds = 0;
  for (const file of globSync('src/{edj/kinds,domains/dns-providers}/*.ts', { cwd: ROOT }))
    if (!file.endsWith('.test.ts')) kinds += look(file, /wrong: '[^']*'/g);
  assert.ok(kinds > 0, 'what kinds say of their settings');
  for (const [file, place] of ELSEWHERE) assert.ok(look(file, place) > 0, file);
  return found;
}

test('every sentence about a value has a text in both languages', () => {
  const found = details();
  assert.ok(found.size > 50, `${found.size} sentences`);
  for (const [text, file] of found) {
    const known = detailText(text);
    assert.notEqual(known, null, `${file}: ${text}`);
    for (const language of ['ja', 'en'])
      assert.ok(known!.key.replace('problem.detail.', '') in words(language).detail, known!.key);
  }
});

test('so has every sentence of the checks of bodies', () => {
  const violation = (keyword: string, params: Record<string, unknown> = {}): Violation => ({
    keyword,
    instancePath: '',
    params,
  });
  const limits = ['minLength', 'maxLength', 'minItems', 'maxItems', 'maxProperties', 'minimum', 'maximum'];
  const violations = [
    ...['required', 'boolean', 'additionalProperties', 'uniqueItems', 'pattern', 'format', 'anyOf'].map(
      (keyword) => violation(keyword),
    ),
    ...limits.flatMap((keyword) => [1, 7].map((limit) => violation(keyword, { limit }))),
    ...['string', 'integer', 'number', 'boolean', 'object', 'array', 'null'].map((type) =>
      violation('type', { type }),
    ),
    violation('enum', { allowedValues: ['a', 'b'] }),
    violation('const', { allowedValue: 'publish' }),
  ];
  for (const one of violations) {
    const text = sentenceOf(one);
    assert.notEqual(detailText(text), null, `${one.keyword}: ${text}`);
  }
  assert.notEqual(detailText('must be a whole number or null'), null);
});

test('what is filled in is what the service said; what is unknown stays as it is', () => {
  assert.deepEqual(detailText('has 1024 bits; a key that signs must have 2048 or more (RFC 8301)'), {
    key: 'problem.detail.key_short',
    values: { bits: '1024', least: '2048' },
  });
  assert.deepEqual(detailText('must have at most 64 characters')?.values, { count: '64' });
  assert.equal(detailText('something new'), null);
});

test('every type of problem that the console can meet has a sentence', () => {
  /** Of sending a message by the API, which the console does not do. */
  const sending = /^(message-too-large|sender-.*|author-.*|header-invalid|loop|limit-exceeded)$/;
  for (const type of Object.keys(PROBLEMS).filter((name) => !sending.test(name)))
    for (const language of ['ja', 'en'])
      assert.ok(type.replaceAll('-', '_') in words(language).type, `${language}: ${type}`);
});
