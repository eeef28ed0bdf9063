/**
 * The corrupt shelf: rows that cannot be read are noted, reported once, and left out; they stop nobody and go like any
 * others, when their time is over.
 */
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Push } from '../command.ts';
import type { Statements } from './statements.ts';

export interface Shelf {
  has(table: string, key: string): boolean;
  put(table: string, key: string, error: unknown): void;
}
export function createShelf(options: {
  statements: Statements;
  clock: Clock;
  logger: Logger;
  write: (record: (push: Push) => void) => Promise<void>;
}): Shelf {
  const { statements, clock, logger, write } = options;
  const rows = statements.all<{ table_name: string; key: string }>('SELECT table_name, key FROM corrupt');
  const known = new Set(rows.map((row) => `${row.table_name}/${row.key}`));
  return {
    has: (table, key) => known.has(`${table}/${key}`),
    put(table, key, error) {
      if (known.has(`${table}/${key}`)) return;
      known.add(`${table}/${key}`);
      const reason = error instanceof Error ? error.message : String(error);
      logger.error({ table, key, reason }, 'a row cannot be read and is put on the corrupt shelf');
      const sql =
        'INSERT INTO corrupt (table_name, key, reason, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING';
      write((push) => push({ sql, params: [table, key, reason, clock.now()] })).catch((failure: unknown) => {
        logger.error({ table, key, failure: String(failure) }, 'the corrupt shelf could not be written');
      });
    },
  };
}
