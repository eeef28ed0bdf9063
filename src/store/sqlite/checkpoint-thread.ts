/**
 * Copies the write-ahead log into the store's file, on its own connection, while the writer continues. It
 * copies on request, answers how far it came, and ends on request.
 */
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { storeError } from './errors.ts';
import { type LogState, logOf } from './log-state.ts';
import { encodeError, type WireError } from './wire.ts';

export interface CheckpointData {
  readonly directory: string;
}
export type Checkpointed = LogState | WireError;

/** A thread with this priority gets at least 10 % of what another thread gets. */
const NICE = 10;

const port = parentPort!;
const { directory } = workerData as CheckpointData;
const db = new DatabaseSync(join(directory, 'hikyaku.sqlite'));
// The copy is on the disk before the log starts again from its beginning.
db.exec('PRAGMA synchronous = FULL');
const log = logOf(db);
// Mail goes first if there are few processors. On Linux this priority is the thread's; elsewhere it would be
// the process's.
if (process.platform === 'linux') setPriority(NICE);

/** Passes over the log: each copies what was written during the one before. */
const MOST_PASSES = 4;

/**
 * Until nothing new is written in a pass, because only then does SQLite sync the store's file. The writer's
 * next copy would sync what this thread leaves unsynced, and every commit would wait for it
 * (https://www.sqlite.org/wal.html#ckpt).
 */
function copied(): Checkpointed {
  try {
    let state = log.copy();
    for (let pass = 1; pass < MOST_PASSES; pass += 1) {
      const isBehindReader = state.checkpointed < state.frames;
      if (isBehindReader || log.look().frames === state.frames) break;
      state = log.copy();
    }
    return state;
  } catch (error) {
    return encodeError(storeError(error));
  }
}
port.on('message', (asked: 'copy' | 'end') => {
  if (asked === 'copy') {
    port.postMessage(copied());
    return;
  }
  db.close();
  port.close();
});
