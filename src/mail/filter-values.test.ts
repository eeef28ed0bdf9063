/** Spellings of one domain, address or site are one filter; what no stored name can be is none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filterAddress, filterDomain, filterSite } from './filter-values.ts';

const CASES: readonly (readonly [
  read: (text: string) => string | null,
  text: string,
  stored: string | null,
])[] = [
  [filterDomain, 'out.test', 'out.test'],
  [filterDomain, 'OUT2.test.', 'out2.test'],
  [filterDomain, 'bücher.test', 'xn--bcher-kva.test'],
  [filterDomain, 'XN--BCHER-KVA.test.', 'xn--bcher-kva.test'],
  [filterDomain, 'out.test..', null],
  [filterDomain, '.', null],
  [filterDomain, '*.test', null],
  [filterDomain, 'a@b', null],
  [filterDomain, 'out', null],
  [filterDomain, '192.0.2.1', null],
  [filterAddress, 'u@BÜCHER.test', 'u@xn--bcher-kva.test'],
  [filterAddress, '"a b"@out.test.', '"a b"@out.test'],
  [filterAddress, '"ab"@out.test', 'ab@out.test'],
  [filterAddress, '@out.test', null],
  [filterAddress, 'out.test', null],
  [filterAddress, '*', null],
  [filterSite, 'MX.out.test.', 'mx.out.test'],
  [filterSite, 'bücher.test', 'xn--bcher-kva.test'],
  [filterSite, 'mail', 'mail'],
  [filterSite, 'mx1.out.test mx2.out.test', 'mx1.out.test mx2.out.test'],
  [filterSite, 'route smtp 127.0.0.1:25 User', 'route smtp 127.0.0.1:25 User'],
  [filterSite, 'held:quota', 'held:quota'],
  [filterSite, '*.test', null],
  [filterSite, 'a@b', null],
  [filterSite, 'mx..out.test', null],
];
for (const [read, text, stored] of CASES)
  test(`${read.name}: ${text}`, () => assert.equal(read(text), stored));
