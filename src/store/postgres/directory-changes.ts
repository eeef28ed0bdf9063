/**
 * Tells that the directory has changed: for this process's changes at once, for other processes' changes by a
 * notification, and by polling at the latest. Invariant: the poll always finds a change; a lost notification
 * only costs POLL_MS. A failed poll is repeated.
 */
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Random } from '../../runtime/random.ts';
import { connectConfig } from './connect.ts';
import { DIRECTORY_CHANNEL } from './plan.ts';
import type { Reading } from './reading.ts';
import { createReconnectingConnection } from './reconnecting.ts';

const POLL_MS = 1000;

export interface DirectoryChanges extends AsyncDisposable {
  /** Call it after this process has changed the directory. */
  changed(): void;
  read(): number;
}
export async function createDirectoryChanges(deps: {
  readonly url: string;
  readonly all: Reading;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}): Promise<DirectoryChanges> {
  const { url, all, clock, random, logger } = deps;
  const ask = async () =>
    (await all<{ value: number }>("SELECT value FROM meta WHERE key = 'directory'"))[0]?.value ?? 0;
  const state = { stamp: 0, seen: await ask(), closed: false };
  let timer: Timer | null = null;
  let polling: Promise<void> = Promise.resolve();
  function changed(): void {
    state.stamp += 1;
  }
  async function poll(): Promise<void> {
    try {
      const value = await ask();
      if (value !== state.seen) changed();
      state.seen = value;
    } catch (error) {
      logger.debug({ err: error }, 'polling the directory failed');
    }
    schedule();
  }
  function schedule(): void {
    if (state.closed) return;
    timer = clock.after(POLL_MS, () => {
      polling = poll();
    });
  }
  const listening = createReconnectingConnection({
    config: connectConfig(url, 'directory'),
    async prepare(client) {
      client.on('notification', changed);
      await client.query(`LISTEN ${DIRECTORY_CHANNEL}`);
      changed(); // whatever was told while nobody listened
    },
    clock,
    random,
    logger,
  });
  schedule();
  return {
    changed,
    read: () => state.stamp,
    async [Symbol.asyncDispose]() {
      state.closed = true;
      timer?.cancel();
      await polling;
      await listening.close();
    },
  };
}
