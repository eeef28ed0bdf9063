/**
 * Reads on the pool, as prepared statements. If a read meets a broken connection, or a plan older than the
 * schema, it is made once more. Fails with a retryable StoreError within 4 s, unless more time is given.
 */
import type pg from 'pg';
import type { SqlValue } from '../command.ts';
import { isLost, isOutdatedPlan, stateOf, storeError } from './errors.ts';

type Value = SqlValue | readonly string[] | readonly number[];
export type Reading = <R>(text: string, values?: readonly Value[], options?: ReadOptions) => Promise<R[]>;
export interface ReadOptions {
  /** A longer limit than for other reads: for reads that scan everything. */
  readonly ms?: number;
}
/** For reads that count or walk over all waiting rows. */
export const LONG_READ = { ms: 30_000 } as const;
const TRIES = 9;

export function createReading(pool: pg.Pool): Reading {
  const names = new Map<string, string>();
  return async (text, values = [], options = {}) => {
    let name = names.get(text);
    if (name === undefined) {
      name = `r${names.size}`;
      names.set(text, name);
    }
    const query = {
      name,
      text,
      values: values as unknown[],
      query_timeout: options.ms,
    };
    for (let tries = 1; ; tries += 1) {
      try {
        return (await pool.query(query as pg.QueryConfig)).rows as never;
      } catch (error) {
        // If the server answers that the session is over, the answer comes at once; without an answer, the
        // time may already be used up.
        const cut = stateOf(error) !== null ? isLost(error) : wasCut(error);
        if ((cut && tries === 1) || (isOutdatedPlan(error) && tries < TRIES)) continue;
        throw storeError(error);
      }
    }
  };
}
function wasCut(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === 'ECONNRESET' || code === 'EPIPE' || message === 'Connection terminated unexpectedly';
}
