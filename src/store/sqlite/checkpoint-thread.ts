/**
 * Copies the write-ahead log into the store's file, on a connection of its own, while the writer goes on. It copies when
 * it is told to, answers how far it came, and ends when it is told to.
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

/** The least of a processor's share is 10 % of what another thread has. */
const NICE = 10;

const port = parentPort!;
const { directory } = workerData as CheckpointData;
const db = new DatabaseSync(join(directory, 'hikyaku.sqlite'));
// What is copied is on the disk before the log is begun anew.
db.exec('PRAGMA synchronous = FULL');
const log = logOf(db);
// Mail goes first where there are few processors. On Linux this is the thread's own; elsewhere it would be the process's.
if (process.platform === 'linux') setPriority(NICE);

/** Passes over the log: each copies what came during the one before. */
const MOST_PASSES = 4;

/**
 * Until nothing comes meanwhile, since only then does SQLite sync the store's file: what this thread leaves unsynced, the
 * writer's next copy would sync, and every commit would wait for it (https://www.sqlite.org/wal.html#ckpt).
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
