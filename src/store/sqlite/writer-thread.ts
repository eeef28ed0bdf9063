/**
 * The writer's thread: owns the writing connection and its checkpoints, so that waiting for the disk never stops the
 * event loop. Whatever batches have come by the time a commit begins are committed together. After an error that is not
 * to be tried again it refuses everything.
 */
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { createRandom } from '../../runtime/random.ts';
import { StoreError } from '../../runtime/transactor.ts';
import { commitBatch, type Recorded } from './commit.ts';
import { openDatabase } from './files.ts';
import { createStatements } from './statements.ts';
import { createDecoder, encodeError, type WireAnswer, type WireBatch } from './wire.ts';

export interface WriterData {
  readonly directory: string;
  readonly maxPages: number | null;
  readonly port: MessagePort;
}
const MOST_ITEMS = 1000;
const MOST_BYTES = 16 * 1024 * 1024;

const { directory, maxPages, port } = workerData as WriterData;
const db = openDatabase(directory);
if (maxPages !== null) db.exec(`PRAGMA max_page_count = ${maxPages}`);
const random = createRandom();
db.function('hikyaku_id', () => random.id());
const statements = createStatements(db);
const decode = createDecoder();
const state = { broken: null as StoreError | null };

function commitAll(first: WireBatch): void {
  const batches: { seq: number; items: Recorded[] }[] = [];
  const all: Recorded[] = [];
  let bytes = 0;
  for (let next: WireBatch | undefined = first; next !== undefined; ) {
    const items = decode(next);
    batches.push({ seq: next.seq, items });
    all.push(...items);
    for (const item of items) bytes += item.bytes;
    if (all.length >= MOST_ITEMS || bytes >= MOST_BYTES) break;
    const message: { message: WireBatch | null } | undefined = receiveMessageOnPort(port);
    if (message?.message === null) {
      closing = true;
      break;
    }
    next = message?.message;
  }
  const began = performance.now();
  let answer: WireAnswer['batches'];
  try {
    if (state.broken !== null) throw state.broken;
    const outcomes = commitBatch(db, statements, all);
    let at = 0;
    answer = batches.map(({ seq, items }) => ({
      seq,
      outcomes: items.map(() => {
        const outcome = outcomes[at++] ?? null;
        return outcome === null ? null : encodeError(outcome);
      }),
    }));
  } catch (error) {
    const failure = error instanceof StoreError ? error : new StoreError('the commit failed', false, error);
    if (!failure.retryable) state.broken = failure;
    answer = batches.map(({ seq }) => ({ seq, outcomes: encodeError(failure) }));
  }
  port.postMessage({ ops: all.length, ms: performance.now() - began, batches: answer } satisfies WireAnswer);
}

let closing = false;
port.on('message', (batch: WireBatch | null) => {
  if (batch === null) closing = true;
  else commitAll(batch);
  if (!closing) return;
  db.close();
  port.close();
});
