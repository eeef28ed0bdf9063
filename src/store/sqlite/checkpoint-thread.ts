/**
 * Copies the write-ahead log into the store's file, on a connection of its own, while the writer goes on. It copies when
 * it is told to, answers how far it came, and ends when it is told to.
 */
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

const port = parentPort!;
const { directory } = workerData as CheckpointData;
const db = new DatabaseSync(join(directory, 'hikyaku.sqlite'));
// What is copied is on the disk before the log is begun anew.
db.exec('PRAGMA synchronous = FULL');
const log = logOf(db);

function copied(): Checkpointed {
  try {
    return log.copy();
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
