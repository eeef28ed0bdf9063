/** Dates as they are read: zones, two-digit years, comments, and what is none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDate, parseDate } from './dates.ts';

test('dates are read in any zone; the day of the week and comments do not matter', () => {
  const at = Date.UTC(2026, 10, 3, 1, 0, 0);
  for (const text of [
    formatDate(at),
    'Tue, 3 Nov 2026 10:00:00 +0900',
    '3 nov 2026 10:00 JST',
    ' Fri , 3 Nov 26 01:00:00 GMT',
    'Mon, 02 Nov 2026 20:00:00 -0500 (EST)',
    '3 Nov 126 01:00:00 UT',
  ])
    assert.equal(parseDate(text), at, text);
});
test('what is no date is null', () => {
  for (const text of [
    '',
    'now',
    '32 Nov 2026 10:00 +0000',
    '3 Foo 2026 10:00 +0000',
    '3 Nov 2026 25:00 +0000',
    '3 Nov 2026',
    `3 Nov 2026 ${' '.repeat(1000)}`,
  ])
    assert.equal(parseDate(text), null, text);
});
