/** Brings all that stands in a store's write-ahead log into its file, for tests that look at the file. */
import type { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

/** Of 5 ms each: who stands in the way for ten seconds does not let go. */
const MOST_TRIES = 2000;

/**
 * Tries again while another connection copies the log: SQLite answers busy then, however long its time-out
 * (https://www.sqlite.org/c3ref/wal_checkpoint_v2.html). Throws where somebody holds on to it.
 */
export async function foldLog(t: TestContext, db: DatabaseSync): Promise<void> {
  const fold = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)');
  for (let tries = 0; fold.get()?.['busy'] !== 0; tries += 1) {
    if (tries === MOST_TRIES) throw new Error('somebody holds on to the log');
    await delay(5, undefined, { signal: t.signal });
  }
}
