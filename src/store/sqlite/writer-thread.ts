/**
 * The writer's thread. It owns the writing connection, its checkpoints and copies, so waiting for the disk
 * never blocks the event loop. One message is one batch is one commit; between batches it tends the log and
 * continues a copy. After an error that must not be retried it refuses everything.
 */
import { type MessagePort, workerData } from 'node:worker_threads';
import type { ItemOutcome } from '../../runtime/group-commit.ts';
import { createRandom } from '../../runtime/random.ts';
import { StoreError } from '../../runtime/transactor.ts';
import { BackupError } from '../store.ts';
import { commitBatch } from './commit.ts';
import { copyStore } from './copy.ts';
import { openDatabase, shrinkFile } from './files.ts';
import { createLogKeeper } from './log.ts';
import { createStatements } from './statements.ts';
import {
  createDecoder,
  encodeError,
  type WireAnswer,
  type WireAsked,
  type WireCopy,
  type WireTold,
} from './wire.ts';
import { sqliteWords } from './words.ts';

export interface WriterData {
  readonly directory: string;
  readonly maxPages: number | null;
  readonly port: MessagePort;
  /** The number of messages sent to this thread; each one wakes the thread. */
  readonly bell: Int32Array;
}
const { directory, maxPages, port, bell } = workerData as WriterData;
const db = openDatabase(directory);
if (maxPages !== null) db.exec(`PRAGMA max_page_count = ${maxPages}`);
const random = createRandom();
db.function('hikyaku_id', () => random.id());
const statements = createStatements(db);
const decode = createDecoder();
const state = { broken: null as StoreError | null, taken: 0, copying: null as Promise<void> | null };
const brokenOff = new Set<number>();
const keeper = createLogKeeper({
  db,
  directory,
  told: (log) => tell({ log }),
  broken: (error) => {
    state.broken ??= error;
  },
});

function tell(told: WireTold): void {
  port.postMessage(told);
}
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
  return { seq, outcomes, ops, ms: performance.now() - began, log: keeper.look() };
}
async function copy({ seq, copy: file }: WireCopy): Promise<void> {
  const began = performance.now();
  let outcomes: WireAnswer['outcomes'] = [];
  try {
    if (state.broken !== null) throw state.broken;
    if (state.copying !== null) throw new BackupError('another backup is being made');
    state.copying = copyStore({
      db,
      file,
      isAborted: () => brokenOff.has(seq),
      report: (done, total) => tell({ seq, done, total }),
      rest: (ms) => Atomics.wait(bell, 0, state.taken, ms),
    });
    await state.copying.finally(() => {
      state.copying = null;
    });
  } catch (error) {
    // A failure of the copy's file says nothing about the store.
    outcomes = encodeError(
      error instanceof BackupError
        ? error
        : new BackupError(sqliteWords(error) ?? (error as Error).message, error),
    );
  }
  brokenOff.delete(seq);
  tell({ seq, outcomes, ops: 0, ms: performance.now() - began, log: keeper.look() });
}
async function close(): Promise<void> {
  await state.copying?.catch(() => {});
  await keeper.close();
  db.close();
  port.close();
}

port.on('message', (asked: WireAsked) => {
  state.taken += 1;
  if (asked === null) void close();
  else if ('breakOff' in asked) brokenOff.add(asked.breakOff);
  else if ('copy' in asked) void copy(asked);
  else if ('shrink' in asked) {
    tell(answer(asked.seq, 0, () => shrinkFile(db, asked.shrink)));
    keeper.tend();
  } else {
    tell(answer(asked.seq, asked.items.length, () => commitBatch(db, statements, decode(asked))));
    // Freed at once: this thread's heap is so small that its garbage would be collected much too late.
    asked.block.transfer(0);
    keeper.tend();
  }
});
