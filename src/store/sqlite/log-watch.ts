/**
 * What the operator learns about the embedded store's write-ahead log: its size, how much of it is copied,
 * and a line in the log when it has grown too large because a reader blocks the copy. There is one line for
 * each time that it grows.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../runtime/logger.ts';
import { FRAME_OCTETS, type LogState, START } from './log-state.ts';

/** Octets from which there is a warning, and below which all is well again. */
const WARN = 256 * 1024 * 1024;
const WELL = 128 * 1024 * 1024;

/** Figures of the log. */
export interface LogFigures extends LogState {
  /** of the file */
  readonly octets: number;
}
export interface LogWatch {
  /** The writer reported this state. */
  told(state: LogState): void;
  figures(): LogFigures;
  /**
   * The log is being copied, or cannot be copied because a reader blocks it: then work that can wait must not
   * make it longer.
   */
  isFull(): boolean;
}
export function createLogWatch(directory: string, logger: Logger): LogWatch {
  let last: LogState = { frames: 0, checkpointed: 0 };
  let warned = false;
  return {
    told(state) {
      last = state;
      const octets = state.frames * FRAME_OCTETS;
      if (!warned && octets > WARN) {
        warned = true;
        logger.warn(
          { octets, frames: state.frames, checkpointed: state.checkpointed },
          'the write-ahead log of the store has grown large: another process keeps reading the store (find it, for example sqlite3, and end it); mail continues, but the disk fills up',
        );
      } else if (warned && octets < WELL) {
        warned = false;
        logger.info({ octets }, 'the write-ahead log of the store is small again');
      }
    },
    isFull: () => last.frames >= START && last.checkpointed < last.frames,
    figures: () => ({
      ...last,
      octets: statSync(join(directory, 'hikyaku.sqlite-wal'), { throwIfNoEntry: false })?.size ?? 0,
    }),
  };
}
