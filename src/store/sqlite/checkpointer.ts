/** The writer's interface to the thread that copies the write-ahead log. One copy at a time. */

import { Worker } from 'node:worker_threads';
import { moduleBeside } from '../../runtime/module-beside.ts';
import { StoreError } from '../../runtime/transactor.ts';
import type { CheckpointData, Checkpointed } from './checkpoint-thread.ts';
import type { LogState } from './log-state.ts';
import { decodeError } from './wire.ts';

export interface Checkpointer {
  /** Copies what no reader blocks. Rejects with StoreError. */
  copy(): Promise<LogState>;
  /** Call it after a copy was answered. */
  end(): Promise<void>;
}
/** The thread starts when it is first needed. */
export function startCheckpointer(directory: string): Checkpointer {
  let worker: Worker | null = null;
  let settle: (found: Checkpointed | Error) => void = () => {};
  function started(): Worker {
    const data: CheckpointData = { directory };
    const made = new Worker(moduleBeside(import.meta.url, './checkpoint-thread'), {
      workerData: data,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      resourceLimits: { maxYoungGenerationSizeMb: 2 },
    });
    made.on('message', (found: Checkpointed) => settle(found));
    made.on('error', (error: Error) => settle(error));
    made.on('exit', () => settle(new Error('the thread that copies the log has ended')));
    return made;
  }
  return {
    copy: () =>
      new Promise((resolve, reject) => {
        settle = (found) => {
          if (found instanceof Error) reject(new StoreError(found.message, false, found));
          else if ('kind' in found) reject(decodeError(found));
          else resolve(found);
        };
        worker ??= started();
        worker.postMessage('copy');
      }),
    async end() {
      const ended = worker;
      if (ended === null) return;
      await new Promise<void>((resolve) => {
        settle = () => {};
        ended.once('exit', () => resolve());
        ended.postMessage('end');
      });
    },
  };
}
