/**
 * A connection that reconnects by itself: if it is lost, it is made again, with growing pauses, until it is
 * closed. Invariants: a caller gets a connection that was ready a moment ago; every pending query of a lost
 * connection has rejected. Fails: `take` rejects with a retryable StoreError if there is no connection in
 * time.
 */
import pg from 'pg';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Random } from '../../runtime/random.ts';
import { StoreError } from '../../runtime/transactor.ts';
import { destroy } from './connect.ts';

export interface ReconnectingConnection {
  take(ms: number): Promise<pg.Client>;
  close(): Promise<void>;
}
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1000;

export function createReconnectingConnection(options: {
  readonly config: pg.ClientConfig;
  /** Runs on each new connection before a caller gets it. */
  readonly prepare: (client: pg.Client) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}): ReconnectingConnection {
  const { config, prepare, clock, random, logger } = options;
  const takers = new Set<(client: pg.Client) => void>();
  const state = { client: null as pg.Client | null, making: null as pg.Client | null, closed: false };
  let reason = 'not connected yet';
  let wake = () => {};

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.after(ms, resolve);
      wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
  /** Resolves when the connection is over. */
  async function connectOnce(): Promise<boolean> {
    const made = new pg.Client({ ...config });
    const ended = new Promise<void>((resolve) => made.once('end', () => resolve()));
    made.on('error', (error) => {
      reason = error.message;
      destroy(made);
    });
    state.making = made;
    try {
      await made.connect();
      await prepare(made);
    } catch (error) {
      reason = error instanceof Error && error.message !== '' ? error.message : String(error);
      destroy(made);
      return false;
    } finally {
      state.making = null;
    }
    state.client = made;
    for (const give of [...takers]) give(made);
    await ended;
    state.client = null;
    return true;
  }
  async function keep(): Promise<void> {
    for (let failures = 0; !state.closed; ) {
      const was = await connectOnce();
      if (state.closed) break;
      failures = was ? 0 : failures + 1;
      const level = was || failures === 1 ? 'warn' : 'debug';
      logger[level]({ reason, role: config.application_name }, 'no connection to the database');
      if (failures > 0) {
        const ms = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(failures, 10));
        await pause(ms * (0.5 + random.fraction() / 2));
      }
    }
  }
  const kept = keep();
  return {
    take(ms) {
      if (state.client !== null) return Promise.resolve(state.client);
      return new Promise((resolve, reject) => {
        const give = (client: pg.Client) => {
          timer.cancel();
          takers.delete(give);
          resolve(client);
        };
        const timer = clock.after(ms, () => {
          takers.delete(give);
          reject(new StoreError(`postgres: no connection: ${reason}`, true));
        });
        takers.add(give);
      });
    },
    async close() {
      state.closed = true;
      const { client, making } = state;
      if (client !== null) await Promise.race([client.end().catch(() => {}), pause(1000)]);
      for (const each of [client, making]) if (each !== null) destroy(each);
      wake();
      await kept;
    },
  };
}
