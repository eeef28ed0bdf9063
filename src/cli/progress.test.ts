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
    'export: 9 %, 9,000 of 100,000 rows, 900 rows/s, 2 min left\n',
    'export: 19 %, 19,000 of 100,000 rows, 950 rows/s, 2 min left\n',
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
    'restore: 25 %, 100 of 400 MiB, 10 MiB/s, 30 s left\n',
    'restore: 20 tables, 2 tables/s\n',
  ]);
});

test('a bar on a terminal, drawn over itself, never wider, and taken away at the end', async () => {
  const clock = createFakeClock();
  const { written, stream } = recorded(true, 60);
  {
    using progress = showProgress('export', stream, clock);
    for (let i = 0; i <= 1000; i++) progress.report({ done: i, total: 2000, unit: 'rows' });
    await clock.advance(400);
  }
  const [bar, , end] = written;
  assert.equal(written.length, 3);
  assert.equal(bar, '\r[############------------] export: 50 %, 1,000 of 2,000 row\x1b[K');
  assert.equal(end, '\r\x1b[K');
});
