/** Output that cannot be written: one line and status 1, or, if nobody reads on, a quiet end. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { type Output, watchOutput } from './output.ts';

function watched() {
  const ends: number[] = [];
  const said: string[] = [];
  const stdout = new EventEmitter();
  const stderr = Object.assign(new EventEmitter(), { write: (text: string) => said.push(text) });
  const output = { stdout, stderr, exit: (status: number) => ends.push(status) } as unknown as Output;
  watchOutput('key', output, 'try again');
  const fail = (stream: EventEmitter, code: string) =>
    stream.emit('error', Object.assign(new Error(`${code}: no`), { code }));
  return { ends, said, fail, stdout, stderr };
}

test('a full disk is said in one line, with what to do', () => {
  const { ends, said, fail, stdout } = watched();
  fail(stdout, 'ENOSPC');
  assert.deepEqual(
    [ends, said],
    [[1], ['hikyaku key: the output could not be written (ENOSPC: no): try again\n']],
  );
});
test('a closed pipe ends quietly, and so does an error where errors are said', () => {
  for (const [stream, code, status] of [
    ['stdout', 'EPIPE', 141],
    ['stderr', 'EPIPE', 141],
    ['stderr', 'ENOSPC', 1],
  ] as const) {
    const it = watched();
    it.fail(it[stream], code);
    assert.deepEqual([it.ends, it.said], [[status], []]);
  }
});
