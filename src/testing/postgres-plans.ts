/**
 * What is asked of PostgreSQL, and how it goes about it. Statements are noted where all of them pass, in pg's client; a
 * plan is told in one line: each table that is looked at, by which index, and which columns of the index the condition
 * fixes or bounds. Plans are generic ones, as a session keeps them, with the settings of our own connections.
 */
import pg from 'pg';

export interface Recording extends Disposable {
  /** One of each: as noted in `nameOf`, with the text as it was sent. */
  readonly statements: ReadonlyMap<string, string>;
}
/** Lists of any length and the partitions of any day are one statement. */
export function nameOf(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/\bin \((\$\d+)(?:, \$\d+)+\)/gi, 'in ($1, …)')
    .replace(/_d\d{5}\b/g, '_d…');
}
const PLANNED = /^(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b/i;

/** Notes what any client sends until it is disposed of. */
export function recordStatements(): Recording {
  const statements = new Map<string, string>();
  const query = pg.Client.prototype.query;
  pg.Client.prototype.query = function (this: pg.Client, ...args: readonly unknown[]) {
    const [first] = args as readonly [string | { readonly text: string }];
    const text = typeof first === 'string' ? first : first.text;
    // Several in one are a migration.
    if (PLANNED.test(text.trimStart()) && !text.includes(';')) statements.set(nameOf(text), text);
    return Reflect.apply(query, this, args);
  } as typeof query;
  return {
    statements,
    [Symbol.dispose]() {
      pg.Client.prototype.query = query;
    },
  };
}

interface Index {
  readonly name: string;
  readonly columns: readonly string[];
}
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'Conflict Arbiter Indexes'?: readonly string[];
  readonly Plans?: readonly PlanNode[];
}
export type Explain = (text: string) => Promise<string>;

/** Explains on a store that is there; of tables that are not `large` only the name is told. */
export async function createExplain(client: pg.Client, large: ReadonlySet<string>): Promise<Explain> {
  const indexes = await indexesOf(client);
  const { rows } = await client.query<{ day: string }>(
    `SELECT max(relname) AS day FROM pg_class WHERE relkind = 'r' AND relname ~ '^event_d[0-9]+$'`,
  );
  const day = rows[0]!.day.slice('event'.length);
  function* scansOf(node: PlanNode, table?: string): Generator<string> {
    const relation = node['Relation Name']?.replace(/_d\d{5}$/, '') ?? table;
    if (relation !== undefined && !large.has(relation)) {
      if (node['Relation Name'] !== undefined) yield relation;
      return;
    }
    if (node['Index Name'] !== undefined) {
      const index = indexes.get(node['Index Name'])!;
      const condition = node['Index Cond'] ?? '';
      const words = new Set(condition.match(/\w+/g));
      const bound = index.columns.filter((column) =>
        /^\w+$/.test(column) ? words.has(column) : condition.includes(column),
      );
      yield `${relation} by ${index.name} (${bound.join(', ')})`;
    } else if (node['Node Type'] === 'Seq Scan') yield `${relation} whole`;
    for (const arbiter of node['Conflict Arbiter Indexes'] ?? [])
      yield `new in ${indexes.get(arbiter)!.name}`;
    for (const child of node.Plans ?? []) yield* scansOf(child, relation);
  }
  return async (text) => {
    const { rows } = await client.query<{ 'QUERY PLAN': readonly [{ Plan: PlanNode }] }>(
      `EXPLAIN (GENERIC_PLAN, COSTS OFF, FORMAT JSON) ${text.replace(/_d\d{5}\b/g, day)}`,
    );
    const scans = new Set(scansOf(rows[0]!['QUERY PLAN'][0].Plan));
    return scans.size === 0 ? 'nothing is looked up' : [...scans].sort().join('; ');
  };
}
/** By name; that of a partition is called as its table's. */
async function indexesOf(client: pg.Client): Promise<ReadonlyMap<string, Index>> {
  const { rows } = await client.query<Index & { of: string }>(
    `SELECT c.relname AS name, coalesce(p.relname, c.relname) AS of, ARRAY(
        SELECT coalesce(a.attname::text, pg_get_indexdef(c.oid, k.n::int, true))
          FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (column_number, n)
          LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.column_number AND a.attnum > 0 ORDER BY k.n) AS columns
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      LEFT JOIN pg_inherits h ON h.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = h.inhparent`,
  );
  return new Map(rows.map(({ name, of, columns }) => [name, { name: of, columns }]));
}

/** What the server itself asks where a row goes that others refer to: `ri_triggers.c`, word for word. */
export async function cascades(client: pg.Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ text: string }>(
    `SELECT CASE confdeltype WHEN 'c' THEN 'DELETE FROM ONLY ' || child || ' WHERE ' || condition
        ELSE 'SELECT 1 FROM ONLY ' || child || ' x WHERE ' || condition || ' FOR KEY SHARE OF x' END AS text
      FROM (SELECT confdeltype, conrelid::regclass::text AS child, (
          SELECT string_agg('$' || k.n || ' = ' || quote_ident(a.attname), ' AND ' ORDER BY k.n)
            FROM unnest(conkey) WITH ORDINALITY AS k (number, n)
            JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = k.number) AS condition
        FROM pg_constraint WHERE contype = 'f' AND conparentid = 0) AS f ORDER BY text`,
  );
  return rows.map(({ text }) => text);
}
