/**
 * The writer's thread: owns the writing connection and its checkpoints, so that waiting for the disk never stops the
 * event loop. One message is one batch is one commit. After an error that is not to be tried again it refuses everything.
 */
import { type MessagePort, workerData } from 'node:worker_threads';
import type { ItemOutcome } from '../../runtime/group-commit.ts';
import { createRandom } from '../../runtime/random.ts';
import { StoreError } from '../../runtime/transactor.ts';
import { commitBatch } from './commit.ts';
import { openDatabase, shrinkFile } from './files.ts';
import { createStatements } from './statements.ts';
import { createDecoder, encodeError, type WireAnswer, type WireBatch, type WireShrink } from './wire.ts';

export interface WriterData {
  readonly directory: string;
  readonly maxPages: number | null;
  readonly port: MessagePort;
}
const { directory, maxPages, port } = workerData as WriterData;
const db = openDatabase(directory);
if (maxPages !== null) db.exec(`PRAGMA max_page_count = ${maxPages}`);
const random = createRandom();
db.function('hikyaku_id', () => random.id());
const statements = createStatements(db);
const decode = createDecoder();
const state = { broken: null as StoreError | null };

function answer(seq: number, ops: number, work: () => readonly ItemOutcome[]): WireAnswer {
  const began = performance.now();
  let outcomes: WireAnswer['outcomes'];
  try {
    if (state.broken !== null) throw state.broken;
    outcomes = work().map((outcome) => (outcome === null ? null : encodeError(outcome)));
  } catch (error) {
    const failure = error instanceof StoreError ? error : new StoreError('the commit failed', false, error);
    if (!failure.retryable) state.broken = failure;
    outcomes = encodeError(failure);
  }
  return { seq, outcomes, ops, ms: performance.now() - began };
}

port.on('message', (asked: WireBatch | WireShrink | null) => {
  if (asked === null) {
    db.close();
    port.close();
  } else if ('shrink' in asked) {
    port.postMessage(answer(asked.seq, 0, () => shrinkFile(db, asked.shrink)));
  } else {
    port.postMessage(answer(asked.seq, asked.items.length, () => commitBatch(db, statements, decode(asked))));
    // Freed at once: this thread's heap is so small that its garbage would be collected much too late.
    asked.block.transfer(0);
  }
});
