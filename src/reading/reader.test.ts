/** Where a message is read makes no difference; what is read on the loop is small enough, which is printed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as jobs from '../jobs.ts';
import { systemClock } from '../runtime/clock.ts';
import { createWorkers, TooComplex, type Workers } from '../runtime/workers.ts';
import { HOSTILE_MAIL } from '../testing/hostile-mail.ts';
import { createReader, goesOnTheLoop, LOOP_PARTS, LOOP_PLAIN } from './reader.ts';
import { decodeReading } from './stored.ts';

const hostname = 'mx.hikyaku.test';
const message = (size: number, type = 'text/plain') =>
  Buffer.from(
    `Authentication-Results: ${hostname}; spf=pass\r\nSubject: x\r\nContent-Type: ${type}\r\n\r\n${'line\r\n'.repeat(size / 6)}`,
  );

test('a large message is read in a worker, a small one here, and both the same', async () => {
  const workers = createWorkers({ jobs: new URL('../jobs.ts', import.meta.url), clock: systemClock });
  await using _ = workers;
  const used: number[] = [];
  const counting: Workers = {
    run(job, input, options) {
      used.push((input as () => { raw: Uint8Array })().raw.length);
      return workers.run(job, input, options);
    },
    [Symbol.asyncDispose]: async () => {},
  };
  const read = createReader({ workers: counting, read: jobs.read, hostname });
  for (const raw of [
    message(LOOP_PLAIN - 200),
    message(LOOP_PARTS - 200, 'text/html'),
    message(LOOP_PLAIN),
    message(LOOP_PARTS, 'Text/HTML'),
  ]) {
    const stored = await read(raw, 'p');
    assert.deepEqual(stored, jobs.read({ raw, hostname }));
    assert.deepEqual(decodeReading(stored).forged, [[0, raw.indexOf('Subject')]]);
  }
  assert.equal(used.length, 2);
});
test('what passes the limits of the workers is too complex, and nothing else is said of it', async () => {
  const workers: Workers = {
    run: () => Promise.reject(new TooComplex('memory')),
    [Symbol.asyncDispose]: async () => {},
  };
  const read = createReader({ workers, read: jobs.read, hostname });
  const raw = message(LOOP_PLAIN);
  const reading = decodeReading(await read(raw, 'p'));
  assert.deepEqual(
    [reading.defects, reading.text, reading.bodyStart],
    [['too-complex'], null, raw.indexOf('line')],
  );
});
test('the worst of what is read on the loop', (t) => {
  const small = HOSTILE_MAIL.flatMap(({ kind, make }) => {
    const raw = [make(1000), make(LOOP_PARTS - 200), make(LOOP_PLAIN - 200)].findLast(goesOnTheLoop);
    return raw === undefined ? [] : [{ kind, raw }];
  });
  const worst = small.map(({ kind, raw }) => {
    const times = 20;
    const before = process.threadCpuUsage();
    for (let i = 0; i < times; i++) jobs.read({ raw, hostname });
    const { user, system } = process.threadCpuUsage(before);
    return { kind, octets: raw.length, ms: (user + system) / 1000 / times };
  });
  worst.sort((a, b) => b.ms - a.ms);
  for (const { kind, octets, ms } of worst.slice(0, 5))
    t.diagnostic(`${ms.toFixed(2)} ms of CPU: ${kind}, ${octets} octets`);
});
