/** Times in requests: what is a time, and which. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problem } from './problems.ts';
import { timeOf } from './times.ts';

test('a time of RFC 3339 with a zone is taken', () => {
  for (const [text, ms] of [
    ['2020-02-29T00:00:00Z', Date.UTC(2020, 1, 29)],
    ['2020-02-29t01:02:03.123456789z', Date.UTC(2020, 1, 29, 1, 2, 3, 123)],
    ['2020-03-01T00:30:00+09:00', Date.UTC(2020, 1, 29, 15, 30)],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
    ['2016-12-31T23:59:60.5Z', Date.UTC(2017, 0, 1, 0, 0, 0, 500)],
    ['9999-12-31T23:59:59Z', Date.UTC(9999, 11, 31, 23, 59, 59)],
  ] as const)
    assert.equal(timeOf(text, 'at'), ms, text);
});
test('what is no day or no time is refused, naming its field', () => {
  for (const text of [
    ...['2020-02-30T00:00:00Z', '2021-02-29T00:00:00Z', '1900-02-29T00:00:00Z', '2020-04-31T00:00:00Z'],
    ...['2020-13-01T00:00:00Z', '2020-00-01T00:00:00Z', '2020-01-00T00:00:00Z', '2020-01-01T24:00:00Z'],
    ...['2020-01-01T00:60:00Z', '2020-01-01T12:00:60Z', '2020-01-01T00:00:00+24:00', '2020-01-01T00:00:00'],
    ...['2020-01-01', '2020-01-01 00:00:00Z', '2020-01-01T00:00:00Z[Asia/Tokyo]', '+02020-01-01T00:00:00Z'],
    ...['2020-01-01T00:00Z', '1577836800000', '', ' 2020-01-01T00:00:00Z', '２020-01-01T00:00:00Z'],
  ])
    assert.throws(
      () => timeOf(text, 'at'),
      (error) => error instanceof Problem && error.field === 'at' && error.type === 'validation',
      text,
    );
});
