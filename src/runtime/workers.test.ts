/** Workers, with real threads: started when needed, shared by project, ended by CPU and memory but never by the clock. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createWorkers, NoPlace, packed, TooComplex, type WorkersOptions } from './workers.ts';

function setUp(over: Partial<WorkersOptions> = {}) {
  const clock = createFakeClock();
  const workers = createWorkers({ jobs: new URL('../testing/jobs.ts', import.meta.url), clock, ...over });
  return { clock, workers };
}
/** A cell a job waits for, and how to tell it. */
function signalCell() {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  return {
    cell,
    tell() {
      Atomics.store(cell, 0, 1);
      Atomics.notify(cell, 0);
    },
  };
}

test('a job runs in another thread, its large result is handed over, what it throws arrives', async () => {
  const { workers } = setUp();
  await using _ = workers;
  assert.notEqual(await workers.run('thread', null, { share: 'a' }), 0);
  assert.deepEqual(await workers.run('echo', { a: [1] }, { share: 'a' }), { a: [1] });
  const octets = packed(Buffer.from([1, 2, 3]));
  assert.equal(await workers.run('sum', octets, { share: 'a', transfer: [octets.buffer] }), 6);
  assert.equal(octets.length, 0);
  const large = await workers.run<Uint8Array>('large', 1_000_000, { share: 'a' });
  assert.deepEqual([large.length, large.at(-1)], [1_000_000, 7]);
  await assert.rejects(workers.run('fail', null, { share: 'a' }), {
    name: 'RangeError',
    message: 'as asked',
  });
  await assert.rejects(workers.run('nothing', null, { share: 'a' }), /no such job/);
});
test('an input that is a function is asked for once there is a place, and its octets are handed over', async () => {
  const { workers } = setUp({ threads: 1 });
  await using _ = workers;
  const { cell, tell } = signalCell();
  const held = workers.run('untilTold', cell, { share: 'a' });
  const made: Uint8Array[] = [];
  const later = workers.run<{ octets: Uint8Array }>(
    'echo',
    () => {
      made.push(packed(Buffer.from('abc')));
      return { octets: made[0] };
    },
    { share: 'a' },
  );
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(made.length, 0);
  tell();
  await held;
  assert.equal(Buffer.from((await later).octets).toString(), 'abc');
  assert.equal(made[0]!.length, 0);
});
test('no thread is there before the first job', async () => {
  const before = process.getActiveResourcesInfo().length;
  const { workers } = setUp();
  assert.equal(process.getActiveResourcesInfo().length, before);
  await workers[Symbol.asyncDispose]();
  await assert.rejects(workers.run('thread', null, { share: 'a' }), /closed/);
});
test('a job over its CPU time ends as too complex, the others go on, and a new thread takes its place', async () => {
  const { workers } = setUp({ threads: 2, cpuMs: 300 });
  await using _ = workers;
  const { cell, tell } = signalCell();
  const other = workers.run<number>('untilTold', cell, { share: 'b' });
  await assert.rejects(workers.run('spin', null, { share: 'a' }), TooComplex);
  assert.equal(await workers.run('echo', 1, { share: 'a' }), 1);
  tell();
  assert.ok((await other) > 0);
});
test('a job over its memory ends as too complex', async () => {
  const { workers } = setUp({ heapMiB: 16 });
  await using _ = workers;
  await assert.rejects(workers.run('hoard', null, { share: 'a' }), TooComplex);
  assert.equal(await workers.run('echo', 1, { share: 'a' }), 1);
});
test('waiting is no work: a job that uses no CPU is not ended', async () => {
  const { workers } = setUp({ cpuMs: 50 });
  await using _ = workers;
  const { cell, tell } = signalCell();
  const waiting = workers.run<number>('untilTold', cell, { share: 'a' });
  await assert.rejects(workers.run('spin', null, { share: 'a' }), TooComplex); // looked at more than once meanwhile
  tell();
  assert.ok((await waiting) > 0);
});
test('a second project gets the next free thread; where none comes free in time that is said', async () => {
  const { workers, clock } = setUp({ threads: 1 });
  await using _ = workers;
  const { cell, tell } = signalCell();
  const order: string[] = [];
  const held = workers.run('untilTold', cell, { share: 'a' });
  const queued = ['a', 'a', 'b'].map((share) =>
    workers.run('echo', share, { share }).then((got) => void order.push(String(got))),
  );
  tell();
  await Promise.all([held, ...queued]);
  assert.equal(order[0], 'b');

  const again = signalCell();
  const busy = workers.run('untilTold', again.cell, { share: 'a' });
  const late = assert.rejects(workers.run('echo', 1, { share: 'b' }), NoPlace);
  await clock.advance(10_000);
  await late;
  again.tell();
  await busy;
});
test('a job ends with its signal', async () => {
  const { workers } = setUp();
  await using _ = workers;
  const controller = new AbortController();
  const ended = assert.rejects(workers.run('spin', null, { share: 'a', signal: controller.signal }), {
    message: 'the client is gone',
  });
  setImmediate(() => controller.abort(new Error('the client is gone')));
  await ended;
  assert.equal(await workers.run('echo', 1, { share: 'a' }), 1);
});
test('what is under way when they are closed is told so', async () => {
  const { workers } = setUp();
  const ended = assert.rejects(workers.run('spin', null, { share: 'a' }), /closed/);
  await new Promise((resolve) => setImmediate(resolve));
  await workers[Symbol.asyncDispose]();
  await ended;
});
