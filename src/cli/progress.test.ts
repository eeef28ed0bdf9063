/** What a long command shows, on a terminal and elsewhere. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../testing/fake-clock.ts';
import { showProgress } from './progress.ts';

function recorded(isTTY: boolean, columns = 80) {
  const written: string[] = [];
  return { written, stream: { isTTY, columns, write: (text: string) => written.push(text) } };
}

test('a line every ten seconds: done, total, rate, time left', async () => {
  const clock = createFakeClock();
  const { written, stream } = recorded(false);
  {
    using progress = showProgress('export', stream, clock);
    for (let second = 0; second <= 25; second++) {
      progress.report({ done: second * 1000, total: 100_000, unit: 'rows' });
      await clock.advance(1000);
    }
  }
  assert.deepEqual(written, [
    'export: 9 %, 9,000 of 100,000 rows, 900/s, 2 min left\n',
    'export: 19 %, 19,000 of 100,000 rows, 950/s, 2 min left\n',
  ]);
  assert.equal(clock.pending, 0);
});

test('nothing of a command that is done sooner, nor before there is anything to tell', async () => {
  const clock = createFakeClock();
  const { written, stream } = recorded(false);
  using progress = showProgress('import', stream, clock);
  await clock.advance(15_000);
  progress.report({ done: 1, total: 2, unit: 'rows' });
  progress.report({ done: 2, total: 2, unit: 'rows' });
  assert.deepEqual(written, []);
});

test('where the loop stands still, the reports draw; another unit begins its own rate', async () => {
  const clock = createFakeClock();
  const { written, stream } = recorded(false);
  const still = { ...clock, after: () => ({ cancel() {} }) };
  using progress = showProgress('restore', stream, still);
  const MIB = 1024 * 1024;
  progress.report({ done: 0, total: 400 * MIB, unit: 'octets' });
  await clock.advance(10_000);
  progress.report({ done: 100 * MIB, total: 400 * MIB, unit: 'octets' });
  progress.report({ done: 200 * MIB, total: 400 * MIB, unit: 'octets' });
  progress.report({ done: 0, total: null, unit: 'tables' });
  await clock.advance(10_000);
  progress.report({ done: 20, total: null, unit: 'tables' });
  assert.deepEqual(written, [
    'restore: 25 %, 100 of 400 MiB, 10/s, 30 s left\n',
    'restore: 20 tables, 2/s\n',
  ]);
});

test('a bar on a terminal, drawn over itself, never wider, and taken away at the end', async () => {
  const clock = createFakeClock();
  const { written, stream } = recorded(true, 70);
  {
    using progress = showProgress('export', stream, clock);
    for (let i = 0; i <= 1000; i++) progress.report({ done: i, total: 2000, unit: 'rows' });
    await clock.advance(400);
  }
  const [bar, , end] = written;
  assert.equal(written.length, 3);
  assert.equal(bar, '\r[#######-------] export: 50 %, 1,000 of 2,000 rows, 5,000/s, 1 s left\x1b[K');
  assert.equal(end, '\r\x1b[K');
});

test('the longest line ends with the time left, within 79 columns, on a terminal and elsewhere', async () => {
  for (const isTTY of [true, false])
    for (const [name, unit] of [
      ['migrate', 'messages and events'],
      ['queue suspend', 'recipients'],
    ] as const) {
      const clock = createFakeClock();
      const { written, stream } = recorded(isTTY);
      {
        using progress = showProgress(name, stream, clock);
        for (let second = 0; second <= 25; second++) {
          progress.report({ done: 123_456_789 + second * 12_345, total: 987_654_321, unit });
          await clock.advance(1000);
        }
      }
      const lines = written.filter((line) => line.includes('left'));
      assert.ok(lines.length > 0);
      for (const line of lines) {
        const shown = line.replace(/^\r|\x1b\[K$|\n$/g, '');
        assert.ok(shown.length <= 79, shown);
        assert.match(shown, /: 12 %, 12\d\.\dM of 987\.7M .*, [\d.]+K\/s, \d+ h \d+ min left$/);
      }
    }
});
