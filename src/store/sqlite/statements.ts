/** Prepared statements by their text, kept for the life of the connection. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { SqlValue } from '../command.ts';

export interface Statements {
  get(sql: string): StatementSync;
  all<R>(sql: string, ...params: SqlValue[]): R[];
  /**
   * Questions asked in one read transaction. Between two of them SQLite would forget every page it has read as soon as
   * another connection has written. `ask` must not write, nor wait for anything: as long as it reads, the write-ahead
   * log cannot be begun anew.
   */
  together<R>(ask: () => R): R;
}
/** `onPrepare` is told the text of each statement once. */
export function createStatements(db: DatabaseSync, onPrepare: (sql: string) => void = () => {}): Statements {
  const kept = new Map<string, StatementSync>();
  function get(sql: string): StatementSync {
    const known = kept.get(sql);
    if (known !== undefined) return known;
    onPrepare(sql);
    const made = db.prepare(sql);
    kept.set(sql, made);
    return made;
  }
  return {
    get,
    all: <R>(sql: string, ...params: SqlValue[]) => get(sql).all(...params) as R[],
    together(ask) {
      if (db.isTransaction) return ask();
      get('BEGIN').run();
      try {
        const answer = ask();
        if (answer instanceof Promise) throw new Error('a read transaction must not wait');
        return answer;
      } finally {
        get('COMMIT').run();
      }
    },
  };
}
