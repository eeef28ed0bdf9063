/**
 * A copy of the store by its own writer (https://www.sqlite.org/backup.html): some pages at a time between
 * batches, so no snapshot is held and the write-ahead log does not grow. What this connection writes in the
 * meantime goes into the copy; the copy is the store as of its end. If another process writes, SQLite starts
 * the copy again. Invariants: a batch waits for one step at most; the copy is never far ahead of its disk,
 * because the last step syncs the rest. Rejects with the error of SQLite or the system, or with BackupError.
 */
import { closeSync, fdatasync, openSync } from 'node:fs';
import { backup, type DatabaseSync } from 'node:sqlite';
import { BackupError } from '../store.ts';

/** Pages of one step: less than a millisecond on a fast disk. */
const STEP = 64;
/** ms of rest between two steps: they leave the processor and the disk to the mail. */
const REST_MS = 2;
/** ms of rest while the disk has not caught up */
const LONG_REST_MS = 20;
/** The most pages that are written and not known to be on the disk; fewer near the end. */
const BEHIND = 2048;
const LAST_BEHIND = 256;
const MOST_RESTARTS = 20;
/** The most first steps that may fall into a transaction of this connection; the next one may not. */
const MOST_BEGINNINGS = 1000;

export interface CopyOptions {
  readonly db: DatabaseSync;
  /** It exists and is empty. */
  readonly file: string;
  readonly isAborted: () => boolean;
  /** Pages. */
  readonly report: (done: number, total: number) => void;
  /** Blocks the thread for at most this long; returns at once if something waits to be done. */
  readonly rest: (ms: number) => void;
}
export async function copyStore({ db, file, isAborted, report, rest }: CopyOptions): Promise<void> {
  const disk = createDisk(file);
  let last = { remaining: Number.POSITIVE_INFINITY, total: 0 };
  let restarts = 0;
  let hasBegun = false;
  const copy = () =>
    backup(db, file, {
      rate: STEP,
      progress({ remainingPages: remaining, totalPages: total }) {
        hasBegun = true;
        if (isAborted()) throw new BackupError('broken off');
        if (remaining - last.remaining > Math.max(0, total - last.total)) restarts += 1;
        if (restarts > MOST_RESTARTS)
          throw new BackupError(
            'other commands write to the store all the time: try again when they are done',
          );
        last = { remaining, total };
        report(total - remaining, total);
        const behind = disk.wrote(STEP);
        rest(behind > (remaining < BEHIND ? LAST_BEHIND : BEHIND) ? LONG_REST_MS : REST_MS);
      },
    });
  try {
    for (let beginnings = 1; ; beginnings += 1)
      try {
        await copy();
        break;
      } catch (error) {
        if (hasBegun || !isNoError(error) || beginnings === MOST_BEGINNINGS) throw error;
        if (isAborted()) throw new BackupError('broken off');
        rest(REST_MS);
      }
    if (disk.failure() !== null) throw disk.failure();
  } finally {
    await disk.close();
  }
}

/**
 * The error of node:sqlite if SQLite put off the first step because a batch was being written: SQLITE_BUSY is
 * not a failure of the copy, and node:sqlite itself repeats only later steps.
 */
const isNoError = (error: unknown): boolean =>
  error instanceof Error && (error as { errcode?: unknown }).errcode === 0;

/** Keeps syncing what was written; tells how many pages of it may not be on the disk yet. */
function createDisk(file: string) {
  const descriptor = openSync(file, 'r+');
  let written = 0;
  let synced = 0;
  let failure: Error | null = null;
  let syncing: Promise<void> | null = null;
  function sync(): Promise<void> {
    const upTo = written;
    return new Promise((resolve) =>
      fdatasync(descriptor, (error) => {
        failure ??= error;
        synced = upTo;
        syncing = null;
        resolve();
      }),
    );
  }
  return {
    wrote(pages: number): number {
      written += pages;
      if (written - synced >= LAST_BEHIND) syncing ??= sync();
      return written - synced;
    },
    failure: () => failure,
    async close() {
      await syncing;
      closeSync(descriptor);
    },
  };
}
