/** Prepared statements by their text, kept for the life of the connection. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { SqlValue } from '../command.ts';

export interface Statements {
  get(sql: string): StatementSync;
  all<R>(sql: string, ...params: SqlValue[]): R[];
  /**
   * Runs several queries in one read transaction. Between two separate queries, SQLite would drop all cached
   * pages as soon as another connection has written. `ask` must not write or wait for anything: while it
   * reads, the write-ahead log cannot start again from its beginning.
   */
  together<R>(ask: () => R): R;
}
/** `onPrepare` is called once with the text of each statement. */
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
