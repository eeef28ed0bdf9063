/**
 * Keeps the write-ahead log of the embedded store small, between batches; no commit copies it. A thread with
 * its own connection copies most of it and blocks no commit; the writer copies the rest, so that its next
 * commit starts the log again from its beginning. What a reader needs stays until the reader releases it:
 * mail continues, and the log grows. Invariants: the writer copies at most REST frames, or as many as were
 * written during one of the thread's rounds; a file that grew is shortened by PART at a time, because a
 * gigabyte at once takes half a second. Fails through `broken`: if the log cannot be copied, the disk cannot
 * be trusted.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { StoreError } from '../../runtime/transactor.ts';
import { startCheckpointer } from './checkpointer.ts';
import { storeError } from './errors.ts';
import { type LogState, logOf, START } from './log-state.ts';

/** The most frames that the writer copies itself; it syncs the store's file then, in a few ms. */
const REST = 32;
/**
 * After this many rounds of the thread the writer copies the rest: with many writes the rounds would never
 * end.
 */
const MOST_ROUNDS = 3;
/** ms between two attempts while a reader blocks the copy */
const RETRY_MS = 100;
/** Octets beyond which the file is shortened, and by how many at a time. */
const LARGE = 64 * 1024 * 1024;
const PART = 32 * 1024 * 1024;

export interface LogKeeper {
  look(): LogState;
  /** Call it after a batch was answered. */
  tend(): void;
  close(): Promise<void>;
}
export interface LogKeeperOptions {
  readonly db: DatabaseSync;
  readonly directory: string;
  /** Called with the state if it changed while nothing was written. */
  readonly told: (state: LogState) => void;
  /** Called if nothing may be written any more. */
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
    // work that waits for this may continue, although nobody writes
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
  /** The next commit that starts the log from its beginning cuts the file to this length. */
  function shorten(octets: number): void {
    db.exec(`PRAGMA journal_size_limit = ${Math.max(LARGE, octets - PART)}`);
  }
  /** If something is left to do, it checks again by itself: there may be no writes for a long time. */
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
  /** A commit that changes nothing starts a copied log from its beginning and shortens its file. */
  function beginAnew(): void {
    const { frames, checkpointed } = log.look();
    if (checkpointed < frames || size() <= LARGE) return;
    try {
      // user_version is unused and stays 0; this writes the page anyway, which an UPDATE to the same value
      // does not
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
