/**
 * The write-ahead log of the embedded store, kept small between batches: no commit copies it any more. Most of it is
 * copied by a thread with a connection of its own, which stops no commit; the writer copies the rest, so that its next
 * commit begins the log anew. What a reader needs stays until it lets go: mail goes on, and the log grows.
 * Invariants: the writer copies REST frames, or as many as were written during one of the thread's rounds; a file that
 * grew is made shorter by PART at a time, since a gigabyte at once takes half a second.
 * Fails through `broken`: where the log cannot be copied, the disk cannot be trusted.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { StoreError } from '../../runtime/transactor.ts';
import { startCheckpointer } from './checkpointer.ts';
import { storeError } from './errors.ts';
import { type LogState, logOf, START } from './log-state.ts';

/** Frames the writer copies by itself: it syncs the store's file then, in a few ms. */
const REST = 32;
/** Rounds of the thread after which the writer copies what is left: they never end where much is written. */
const MOST_ROUNDS = 3;
/** ms between two tries while a reader stands in the way */
const RETRY_MS = 100;
/** Octets beyond which the file is made shorter, and by how many at a time. */
const LARGE = 64 * 1024 * 1024;
const PART = 32 * 1024 * 1024;

export interface LogKeeper {
  look(): LogState;
  /** After a batch was answered. */
  tend(): void;
  close(): Promise<void>;
}
export interface LogKeeperOptions {
  readonly db: DatabaseSync;
  readonly directory: string;
  /** Told of what changed while nothing was written. */
  readonly told: (state: LogState) => void;
  /** Nothing may be written any more. */
  readonly broken: (error: StoreError) => void;
}

export function createLogKeeper({ db, directory, told, broken }: LogKeeperOptions): LogKeeper {
  db.exec('PRAGMA wal_autocheckpoint = 0');
  const log = logOf(db);
  const file = join(directory, 'hikyaku.sqlite-wal');
  const thread = startCheckpointer(directory);
  let round: Promise<void> | null = null;
  /** Since the writer last copied. */
  let rounds = 0;
  let notBefore = 0;
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  const size = () => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  function failed(error: unknown): void {
    const failure = storeError(error);
    notBefore = performance.now() + RETRY_MS;
    if (!failure.retryable) broken(failure);
  }
  function copied({ frames, checkpointed }: LogState): boolean {
    const whole = checkpointed === frames;
    if (!whole) notBefore = performance.now() + RETRY_MS;
    return whole;
  }
  async function copyBeside(): Promise<void> {
    try {
      rounds = copied(await thread.copy()) ? rounds + 1 : 0;
    } catch (error) {
      failed(error);
    }
    round = null;
    tend();
    told(log.look());
  }
  function copyHere(): void {
    rounds = 0;
    copied(log.copy());
    // what waits for it may go on, though nobody writes
    told(log.look());
  }
  function tend(): void {
    if (closed || round !== null) return;
    if (performance.now() >= notBefore) {
      try {
        const state = log.look();
        const octets = size();
        const left = state.frames - state.checkpointed;
        if (left === 0) rounds = 0;
        if (octets > LARGE) shorten(octets);
        if (left > 0 && (octets > LARGE || state.frames >= START)) {
          if (left <= REST || rounds >= MOST_ROUNDS) copyHere();
          else round = copyBeside();
        }
      } catch (error) {
        failed(error);
      }
    }
    lookAgain();
  }
  /** The next commit that begins the log anew leaves the file so long. */
  function shorten(octets: number): void {
    db.exec(`PRAGMA journal_size_limit = ${Math.max(LARGE, octets - PART)}`);
  }
  /** Where something is left to do it looks again by itself: nobody may write for long. */
  function lookAgain(): void {
    if (closed || timer !== null || round !== null) return;
    const { frames, checkpointed } = log.look();
    const waits = checkpointed < frames && frames >= START;
    if (!waits && size() <= LARGE) return;
    timer = setTimeout(() => {
      timer = null;
      if (closed) return;
      tend();
      if (round === null) beginAnew();
      told(log.look());
    }, RETRY_MS);
  }
  /** A commit that changes nothing begins a log anew that is copied, and makes its file shorter. */
  function beginAnew(): void {
    const { frames, checkpointed } = log.look();
    if (checkpointed < frames || size() <= LARGE) return;
    try {
      // unused, and 0 it is; the page is written all the same, which it is not by an UPDATE to what is there
      db.exec('PRAGMA user_version = 0');
    } catch (error) {
      failed(error);
    }
  }
  return {
    look: log.look,
    tend,
    async close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      await round;
      await thread.end();
    },
  };
}
