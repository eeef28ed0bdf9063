/**
 * Retention of short-lived records on SQLite: by their age, or walked in the order of their keys
 * (short-lived.ts).
 */
import { BEYOND, type Beyond, type Ending } from '../short-lived.ts';
import type { Statements } from './statements.ts';
import type { Step } from './sweep-mail.ts';

/** The key by which a row of each table is removed. */
const KEYS: Readonly<Record<string, string>> = {
  idempotency: 'project_id, key',
  sent_key: 'project_id, key, address',
  auth_failure: 'rowid',
  auth_success: 'scope',
};
/** Rows read in one step. */
const LOOKED_AT = 500;

/** Rows that are expired by their age, or lie too far ahead, of the first table that has any. */
export function overByAge(statements: Statements, now: number, most: number): Step {
  for (const aged of BEYOND) {
    const bound = aged.bound(now);
    const [counted] = statements.all<{ n: number }>(
      `SELECT count(*) AS n FROM (${overOf('1', aged)})`,
      bound,
      most,
    );
    if (counted!.n === 0) continue;
    const keys = KEYS[aged.table]!;
    return {
      units: counted!.n,
      removed: { records: counted!.n },
      record: (push) =>
        push({
          sql: `DELETE FROM ${aged.table} WHERE (${keys}) IN (${overOf(keys, aged)})`,
          params: [bound, most],
        }),
    };
  }
  return { units: 0, removed: {}, record() {} };
}
const overOf = (columns: string, { table, index, column, than }: Beyond): string =>
  `SELECT ${columns} FROM ${table} INDEXED BY ${index} WHERE ${column} ${than} ? ORDER BY ${column} LIMIT ?`;

/** The ended ones of the next rows after `from`, and how far it has read; null if there are no more. */
export function overByEnd(
  statements: Statements,
  { table, key, over }: Ending,
  now: number,
  most: number,
  from: string,
): { readonly step: Step; readonly to: string | null } {
  const bounds = over(now);
  const ended = bounds.map(([column]) => `${column} <= ?`).join(' OR ');
  const rows = statements.all<{ key: string; ended: 0 | 1 }>(
    `SELECT ${key} AS key, ${ended} AS ended FROM ${table} WHERE ${key} > ? ORDER BY ${key} LIMIT ?`,
    ...bounds.map(([, at]) => at),
    from,
    Math.min(LOOKED_AT, most),
  );
  const gone = rows.filter((row) => row.ended === 1);
  return {
    to: rows.at(-1)?.key ?? null,
    step: {
      units: gone.length,
      removed: { records: gone.length },
      record(push) {
        for (const row of gone) push({ sql: `DELETE FROM ${table} WHERE ${key} = ?`, params: [row.key] });
      },
    },
  };
}
