/**
 * Reads an export into an empty PostgreSQL store, in one transaction: all or nothing. Waiting rows belong to
 * a new member that has already left, so the first node that looks takes them over. Afterwards the filled
 * tables are analysed; if that fails, the first node that starts does it. Fails with TransferError if the
 * file is not an export or not complete, or if the store is not empty.
 */

import { stat } from 'node:fs/promises';
import pg from 'pg';
import { unwatched, type Watch } from '../../runtime/report.ts';
import type { SqlValue } from '../command.ts';
import { BOTH } from '../migrations/both/index.ts';
import { GONE } from '../postgres/cluster.ts';
import { connectConfig, endOn, openingError } from '../postgres/connect.ts';
import { migratePostgres } from '../postgres/migrate.ts';
import { createPartitions, dropDayOf } from '../postgres/partitions.ts';
import { analyse } from '../postgres/statistics.ts';
import { type Head, readHead, readLine, type TableName, TransferError } from './format.ts';
import { linesOf } from './lines.ts';

export interface ImportOptions {
  readonly url: string;
  readonly file: string;
  /** The id of the member that owns the waiting rows. */
  readonly member: string;
  /** Wall ms. */
  readonly now: number;
  /** Throws if the file's secret key is not ours. */
  readonly check: (head: Head) => void;
  readonly watch?: Watch;
}
/** Rows and octets of one statement. */
const ROWS = 500;
const OCTETS = 1024 * 1024;

/** What a row needs in addition to its own columns. `v` is the given row. */
const MORE: Partial<Record<TableName, Readonly<Record<string, string>>>> = {
  message_body: {
    drop_day: '(SELECT drop_day FROM message m WHERE m.project_id = v.project_id AND m.id = v.message_id)',
  },
  attempt: {
    drop_day: '(SELECT drop_day FROM message m WHERE m.project_id = v.project_id AND m.id = v.message_id)',
  },
  subscriber_delivery: {
    drop_day: '(SELECT drop_day FROM event e WHERE e.project_id = v.project_id AND e.id = v.event_id)',
    owner: '$1',
  },
  recipient: { owner: '$1' },
  event: { era: '$2::int8' },
};

/** Returns the number of rows by table. */
export async function importPostgres(options: ImportOptions): Promise<Readonly<Record<string, number>>> {
  const { url, member, watch = unwatched } = options;
  const { era } = await migratePostgres(url, { ...unwatched, signal: watch.signal });
  const client = new pg.Client(connectConfig(url, 'import'));
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    throw openingError(url, error);
  }
  try {
    await client.query('SET plan_cache_mode = force_generic_plan');
    const counts = await take(client, options, era, member);
    await analyseUnlessEnded(client, url, watch);
    return counts;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  } finally {
    await client.end().catch(() => {});
  }
}

/** The import is committed: ending it here only ends the analysis. Never rejects. */
async function analyseUnlessEnded(client: pg.Client, url: string, { report, signal }: Watch): Promise<void> {
  using _ = endOn(signal, client, url);
  try {
    if (!signal.aborted) await analyse(client, 0, report);
  } catch {
    // the first node that starts does it
  }
}

async function take(
  client: pg.Client,
  { file, now, check, watch = unwatched }: ImportOptions,
  era: number,
  member: string,
): Promise<Readonly<Record<string, number>>> {
  const partitions = createPartitions();
  const types = new Map<TableName, ReadonlyMap<string, string>>();
  const counts: Record<string, number> = {};
  const days = new Set<number>();
  let head: Head | null = null;
  let table: TableName | null = null;
  let columns: readonly string[] = [];
  let rows: SqlValue[][] = [];
  let octets = 0;
  let total = 0;
  let whole = false;
  let all: number | null = null;

  async function flush(): Promise<void> {
    if (table === null || rows.length === 0) return;
    await insert(client, table, columns, types.get(table)!, rows, member, era);
    counts[table] = (counts[table] ?? 0) + rows.length;
    rows = [];
    octets = 0;
    watch.report({ done: total, total: all, unit: 'rows' });
    watch.signal.throwIfAborted();
  }
  for await (const line of linesOf(file, watch)) {
    if (head === null) {
      head = readHead(line);
      check(head);
      // The days are known only at the end of the file, so the partitions are made before the transaction.
      all = await prepareDays(client, file, partitions, days, watch);
      await client.query('BEGIN');
      await client.query('LOCK TABLE project IN ACCESS EXCLUSIVE MODE');
      const { rows: there } = await client.query('SELECT 1 FROM project LIMIT 1');
      if (there.length > 0) throw new TransferError('the store is not empty: an import needs a new database');
      await client.query(
        'INSERT INTO node (id, name, holder, beat, started_at) VALUES ($1, $2, $1, $3, $4)',
        [member, 'import', GONE, now],
      );
      continue;
    }
    if (whole) throw new TransferError(`${file} is damaged: it has lines after its last line`);
    const read = readLine(line);
    if (read.kind === 'end') {
      await flush();
      if (read.rows !== total)
        throw new TransferError(`${file} is incomplete: it has ${total} of ${read.rows} rows`);
      whole = true;
    } else if (read.kind === 'table') {
      await flush();
      table = read.table;
      columns = read.columns;
      types.set(table, await columnTypes(client, table));
      const unknown = columns.find((name) => !types.get(read.table)!.has(name));
      if (unknown !== undefined)
        throw new TransferError(`the export has a column this schema does not know: ${table}.${unknown}`);
    } else {
      if (table === null || read.row.length !== columns.length)
        throw new TransferError(`${file} is damaged: a row does not fit its table`);
      rows.push(read.row);
      total += 1;
      for (const value of read.row)
        if (typeof value === 'string' || value instanceof Uint8Array) octets += value.length;
      if (rows.length >= ROWS || octets >= OCTETS) await flush();
    }
  }
  if (!whole) throw new TransferError(`${file} is incomplete: its end is missing`);
  for (const { imported } of BOTH) if (imported !== undefined) await client.query(imported);
  await client.query(
    `INSERT INTO meta (key, value) VALUES ('directory', 1) ON CONFLICT (key) DO UPDATE SET value = meta.value + 1`,
  );
  await client.query('COMMIT');
  return counts;
}

/**
 * Reads the file a first time: for the days until which its messages and events are kept, and for the number
 * of rows.
 */
async function prepareDays(
  client: pg.Client,
  file: string,
  partitions: ReturnType<typeof createPartitions>,
  days: Set<number>,
  { report, signal }: Watch,
): Promise<number> {
  const { size } = await stat(file);
  const onOctets = (done: number) => report({ done, total: size, unit: 'octets' });
  let rows = 0;
  let at = -1;
  let first = true;
  for await (const line of linesOf(file, { signal, onOctets })) {
    if (first) {
      first = false;
      continue;
    }
    if (line.startsWith('{')) {
      const read = readLine(line);
      at =
        read.kind === 'table' && (read.table === 'message' || read.table === 'event')
          ? read.columns.indexOf('keep_until')
          : -1;
      continue;
    }
    rows += 1;
    if (at >= 0) {
      const read = readLine(line);
      if (read.kind === 'row') days.add(dropDayOf(Number(read.row[at])));
    }
  }
  await partitions.ensure(client, days);
  return rows;
}
async function columnTypes(client: pg.Client, table: TableName): Promise<ReadonlyMap<string, string>> {
  const { rows } = await client.query<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
      WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
    [table],
  );
  return new Map(rows.map(({ name, type }) => [name, type]));
}
async function insert(
  client: pg.Client,
  table: TableName,
  columns: readonly string[],
  types: ReadonlyMap<string, string>,
  rows: readonly (readonly SqlValue[])[],
  member: string,
  era: number,
): Promise<void> {
  const keep = columns.indexOf('keep_until');
  const more: Record<string, string> = { ...MORE[table] };
  if (keep >= 0) more['drop_day'] = '(v.keep_until / 86400000 + 1)::int';
  const params: unknown[] = [];
  const used = { member: Object.values(more).includes('$1'), era: Object.values(more).includes('$2::int8') };
  const place = (value: unknown) => `$${params.push(value)}`;
  const memberPlace = used.member ? place(member) : '';
  const eraPlace = used.era ? place(era) : '';
  const values = rows
    .map(
      (row, i) =>
        `(${row.map((value, at) => `${place(value)}${i === 0 ? `::${types.get(columns[at]!)}` : ''}`).join(', ')})`,
    )
    .join(', ');
  const extra = Object.entries(more);
  const expressions = extra.map(([, text]) =>
    text === '$1' ? memberPlace : text === '$2::int8' ? `${eraPlace}::int8` : text,
  );
  await client.query(
    `INSERT INTO ${table} (${[...columns, ...extra.map(([name]) => name)].join(', ')})
      SELECT ${[...columns.map((name) => `v.${name}`), ...expressions].join(', ')} FROM (VALUES ${values}) AS v (${columns.join(', ')})`,
    params,
  );
}
