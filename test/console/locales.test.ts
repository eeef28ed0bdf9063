/**
 * The console's texts: the same keys in both languages, every key used and every used key there, each text translated,
 * the same values filled in; and no text outside of them.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EVENTS } from '../../src/contract/events.ts';

const CONSOLE = fileURLToPath(new URL('../../console', import.meta.url));
const SOURCES = globSync('src/**/*.{ts,tsx}', { cwd: CONSOLE }).filter((file) => !file.endsWith('.d.ts'));
const read = (file: string) => readFileSync(join(CONSOLE, file), 'utf8');

function flat(node: unknown, path = ''): [string, string][] {
  if (typeof node === 'string') return [[path, node]];
  return Object.entries(node as object).flatMap(([key, value]) =>
    flat(value, path === '' ? key : `${path}.${key}`),
  );
}
const ja = new Map(flat(JSON.parse(read('src/locales/ja.json'))));
const en = new Map(flat(JSON.parse(read('src/locales/en.json'))));
/** Names that are the same in both languages. */
const SAME =
  /^(common\.(document_title|action_on)|language\.|shell\.name|dns\.(title|purpose\.\w+\.title)|dkim\.title|rules\.incoming\.at|subscribers\.url|events\.json|dns_accounts\.providers\.)/;

test('both languages have the same keys and fill in the same values', () => {
  assert.deepEqual([...ja.keys()], [...en.keys()]);
  const values = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort();
  for (const [key, text] of ja) assert.deepEqual(values(text), values(en.get(key)!), key);
});

test('every text is in its language', () => {
  const japanese = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u;
  for (const [key, text] of ja) {
    assert.notEqual(text.trim(), '', key);
    if (SAME.test(key)) continue;
    assert.match(text.replaceAll(/\{\{\w+\}\}/g, ''), /[^\x20-\x7e]/, `ja ${key} is not translated`);
    assert.doesNotMatch(en.get(key)!, japanese, `en ${key} is not translated`);
  }
});

test('every key is used, and every used key is there', () => {
  const code = SOURCES.map(read).join('\n');
  const whole = new Set(
    [...code.matchAll(/['"`]([a-z_0-9]+(?:\.[a-z_0-9]+)+)['"`]/g)].map((match) => match[1]!),
  );
  const starts = [
    ...[...code.matchAll(/\bt\(\s*`([a-z_.]+\.)\$\{/g)].map((match) => match[1]!),
    ...[...code.matchAll(/\bnamed\(\s*t,\s*'([a-z_.]+)'/g)].map((match) => `${match[1]}.`),
  ];
  assert.ok(starts.length > 10 && whole.size > 100, 'the uses were not found');
  const unused = [...en.keys()].filter(
    (key) => !whole.has(key) && !starts.some((start) => key.startsWith(start)),
  );
  assert.deepEqual(unused, []);
  const called = [...code.matchAll(/\bt\(\s*'([a-z_0-9.]+)'/g)].map((match) => match[1]!);
  assert.deepEqual(
    called.filter((key) => !en.has(key)),
    [],
  );
  for (const start of starts)
    assert.ok(
      [...en.keys()].some((key) => key.startsWith(start)),
      start,
    );
});

test('every event is called something, and said when it happens, in both languages', () => {
  for (const [name, { label, when }] of Object.entries(EVENTS)) {
    assert.match(label.ja + when.ja, /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u, name);
    assert.match(label.en + when.en, /^[\x20-\x7e]+$/, name);
    assert.match(when.en, /^[A-Z].*\.$/, name);
    assert.match(when.ja, /。$/, name);
  }
});

/** Attributes whose values people read. */
const READ = new Set(['title', 'label', 'placeholder', 'description', 'aria-label', 'alt', 'intro', 'text']);

test('no text stands in the components', () => {
  const ts = createRequire(join(CONSOLE, 'package.json'))('typescript');
  /** What people would read in the source. */
  function written(name: string, code: string): string[] {
    const found: string[] = [];
    // biome-ignore lint/suspicious/noExplicitAny: the compiler's nodes, loaded from the console's own packages
    function look(node: any): void {
      if (ts.isJsxText(node) && /\p{L}/u.test(node.text)) found.push(`${name}: ${node.text.trim()}`);
      if (
        ts.isJsxAttribute(node) &&
        READ.has(node.name.getText()) &&
        node.initializer !== undefined &&
        ts.isStringLiteral(node.initializer) &&
        /\p{L}/u.test(node.initializer.text)
      )
        found.push(`${name}: ${node.initializer.text}`);
      ts.forEachChild(node, look);
    }
    look(ts.createSourceFile(name, code, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX));
    return found;
  }
  assert.equal(written('x.tsx', 'const x = <p title="Hello">world</p>;').length, 2);
  const allowed = new Set(['https://', 'example.jp']);
  const found = SOURCES.filter((file) => file.endsWith('.tsx'))
    .flatMap((file) => written(file, read(file)))
    .filter((text) => !allowed.has(text.slice(text.indexOf(': ') + 2)));
  assert.deepEqual(found, []);
});
