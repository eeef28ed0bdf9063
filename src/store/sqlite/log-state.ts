/** The size of the write-ahead log, and copying it into the file as far as readers permit. */
import type { DatabaseSync } from 'node:sqlite';

/** https://www.sqlite.org/walformat.html: a frame is a page of 4 KiB with 24 octets of header. */
export const FRAME_OCTETS = 4096 + 24;

/**
 * The number of frames from which they are copied. With SQLite's default of a thousand, the writer would sync
 * the store's file several times a second next to retention, and a page that is written again and again would
 * be copied as often.
 */
export const START = 4000;

export interface LogState {
  /** Frames in the log since it last started from its beginning; the file may be longer. */
  readonly frames: number;
  /** The number of these frames that are copied into the store's file. */
  readonly checkpointed: number;
}
function toState(row: Record<string, unknown> | undefined): LogState {
  return {
    frames: Math.max(0, Number(row?.['log'] ?? 0)),
    checkpointed: Math.max(0, Number(row?.['checkpointed'] ?? 0)),
  };
}
export interface Log {
  look(): LogState;
  /** Copies what no reader blocks; blocks no reader, and no writer on another connection. */
  copy(): LogState;
}
export function logOf(db: DatabaseSync): Log {
  const noop = db.prepare('PRAGMA wal_checkpoint(NOOP)');
  const passive = db.prepare('PRAGMA wal_checkpoint(PASSIVE)');
  return { look: () => toState(noop.get()), copy: () => toState(passive.get()) };
}
