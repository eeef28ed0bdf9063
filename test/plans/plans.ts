/**
 * How SQLite finds the rows of a statement, as text: `EXPLAIN QUERY PLAN`, and what of it walks more rows than it should.
 * Nothing here depends on statistics: there are none, and a test sees that there are none.
 */
import type { DatabaseSync } from 'node:sqlite';

/** Tables that grow with the mail. What reads them must know more of a row than its project. */
const LARGE = new Set([
  'message',
  'message_part',
  'recipient',
  'attempt',
  'event',
  'subscriber_delivery',
  'task',
  'idempotency',
  'sent_key',
  'audit_event',
  'traffic',
]);

export interface Explained {
  readonly sql: string;
  readonly plan: readonly string[];
  /** Lines of the plan that go through all rows of a large table, or all of a project. */
  readonly walks: readonly string[];
}
export function explain(db: DatabaseSync, sql: string): Explained {
  const plan = db
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .all()
    .map((row) => String(row['detail']));
  const tables = tablesOf(sql);
  const walks = plan.filter((line) => {
    const [, kind, name] = /^(SCAN|SEARCH) (\w+)/.exec(line) ?? [];
    if (name === undefined || !LARGE.has(tables.get(name) ?? name)) return false;
    return kind === 'SCAN' || /\(project_id=\?\)$/.test(line);
  });
  return { sql: sql.replace(/\s+/g, ' ').trim(), plan, walks };
}
/** Tables by the names the statement gives them. */
function tablesOf(sql: string): ReadonlyMap<string, string> {
  const tables = new Map<string, string>();
  for (const [, table, alias] of sql.matchAll(
    /\b(?:from|join|update|into)\s+"?(\w+)"?(?:\s+as)?\s+"?(\w+)"?/gi,
  ))
    tables.set(alias!, table!);
  return tables;
}

/** What SQLite asks by itself: the rows that refer to one that goes, of each foreign key. */
export function foreignKeyQuestions(db: DatabaseSync): readonly string[] {
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
  return tables.flatMap(({ name: child }) => {
    const keys = new Map<number, string[]>();
    for (const { id, from } of db
      .prepare('SELECT id, "from" FROM pragma_foreign_key_list(?)')
      .all(String(child))) {
      const columns = keys.get(Number(id)) ?? [];
      keys.set(Number(id), [...columns, String(from)]);
    }
    return [...keys.values()].map(
      (columns) =>
        `DELETE FROM ${String(child)} WHERE ${columns.map((column) => `${column} = ?`).join(' AND ')}`,
    );
  });
}

/** As the checked-in list has it. */
export function asText(all: readonly Explained[]): string {
  return [...all]
    .sort((a, b) => (a.sql < b.sql ? -1 : 1))
    .map(({ sql, plan }) => `${[sql, ...plan.map((line) => `  ${line}`)].join('\n')}\n`)
    .join('\n');
}
