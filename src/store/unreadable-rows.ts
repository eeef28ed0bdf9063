/**
 * Rows that cannot be read: they are recorded, reported once, and skipped. They block nothing
 * and are never deleted.
 */
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';

export interface UnreadableRow {
  readonly table_name: string;
  readonly key: string;
}
export interface UnreadableRows {
  has(table: string, key: string): boolean;
  put(table: string, key: string, error: unknown): void;
  /** Keys of the table's unreadable rows. */
  of(table: string): string[];
}
export function createUnreadableRows(options: {
  /** The rows that are already on it. */
  rows: readonly UnreadableRow[];
  clock: Clock;
  logger: Logger;
  note: (table: string, key: string, reason: string, at: number) => Promise<void>;
}): UnreadableRows {
  const { rows, clock, logger, note } = options;
  const known = new Set(rows.map((row) => `${row.table_name}/${row.key}`));
  return {
    has: (table, key) => known.has(`${table}/${key}`),
    of: (table) =>
      [...known].filter((row) => row.startsWith(`${table}/`)).map((row) => row.slice(table.length + 1)),
    put(table, key, error) {
      if (known.has(`${table}/${key}`)) return;
      known.add(`${table}/${key}`);
      const reason = error instanceof Error ? error.message : String(error);
      logger.error({ table, key, reason }, 'a row cannot be read; it is recorded and skipped');
      note(table, key, reason, clock.now()).catch((failure: unknown) => {
        logger.error({ table, key, failure: String(failure) }, 'recording an unreadable row failed');
      });
    },
  };
}
