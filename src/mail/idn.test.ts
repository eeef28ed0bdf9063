/** Warnings about names, by the rule of UTS 39. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDomain } from './domain.ts';
import { nameWarning, unicodeName } from './idn.ts';

function codeOf(text: string): string | null {
  const domain = parseDomain(text);
  assert.ok(domain !== null, text);
  return nameWarning(domain)?.code ?? null;
}

test('one script per label, and Latin beside one East Asian writing system, are no cause for a warning', () => {
  const fine = [
    'example.com',
    'bücher.example',
    'メール.jp',
    '日本語ドメイン.jp',
    '東京tower.jp',
    'さくらmail.jp',
    'コーヒー.jp',
    '한국어.kr',
    'россия.рф',
    'ελλάδα.gr',
    'почта.example',
    '中文网.cn',
  ];
  for (const name of fine) assert.equal(codeOf(name), null, name);
});

test('mixed scripts in one label', () => {
  // Cyrillic а in a Latin name, Greek ο in one, Hiragana beside Hangul, Cyrillic beside Han
  for (const name of ['pаypal.com', 'gοogle.com', 'あ한.jp', 'я東.jp', 'latinя東.jp'])
    assert.equal(codeOf(name), 'mixed_script', name);
});

test('one script alone that looks like Latin, and signs among Latin letters', () => {
  for (const name of ['асе.com', 'рауоо.com', 'ορυ.gr', 'wwwノexample.jp', 'gıthub.com'])
    assert.equal(codeOf(name), 'confusable', name);
});

test('scripts that names hardly use', () => {
  assert.equal(codeOf('ᏣᎳᎩ.com'), 'unusual_script');
});

test('both spellings are one name, shown both ways', () => {
  const domain = parseDomain('メール.jp')!;
  assert.equal(parseDomain(domain), domain);
  assert.equal(unicodeName(domain), 'メール.jp');
  assert.match(domain, /^xn--/);
});
