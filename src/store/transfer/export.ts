/**
 * The embedded store into an export. It must not be served meanwhile: the lock is held to the end, so that nothing is
 * accepted or delivered that the file does not tell of. The file appears under its name only when it is whole and on disk.
 */
import { once } from 'node:events';
import { closeSync, createWriteStream, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { SqlValue } from '../command.ts';
import { migrate, openDatabase, takeLock } from '../sqlite/files.ts';
import { encodeRow, FORMAT, FORMAT_VERSION, type Head, TABLES } from './format.ts';

export interface ExportOptions {
  readonly directory: string;
  readonly file: string;
  /** Wall ms. */
  readonly takenAt: number;
  readonly keyId: string | null;
}
/** Rows by table. Throws StoreLocked while a service runs. */
export async function exportSqlite(options: ExportOptions): Promise<Readonly<Record<string, number>>> {
  const { directory, file, takenAt, keyId } = options;
  using lock = disposable(takeLock(directory));
  using database = disposable(openDatabase(directory));
  void lock;
  const db = database.value;
  migrate(db);
  const partial = `${file}.partial-${process.pid}`;
  const gzip = createGzip({ level: 1 });
  const out = gzip.pipe(createWriteStream(partial, { mode: 0o600 }));
  const write = async (line: string) => {
    if (!gzip.write(`${line}\n`)) await once(gzip, 'drain');
  };
  try {
    const head: Head = { format: FORMAT, version: FORMAT_VERSION, takenAt, keyId };
    await write(JSON.stringify(head));
    const counts: Record<string, number> = {};
    let total = 0;
    for (const table of TABLES) {
      const columns = db
        .prepare(`SELECT name FROM pragma_table_info('${table}')`)
        .all()
        .map((row) => String(row['name']));
      await write(JSON.stringify({ table, columns }));
      // Events in their order: it is what readers go by.
      const rows = db.prepare(`SELECT * FROM ${table} ${table === 'event' ? 'ORDER BY seq' : ''}`).iterate();
      let count = 0;
      for (const row of rows as Iterable<unknown> as Iterable<Record<string, SqlValue>>) {
        await write(encodeRow(columns.map((name) => row[name]!)));
        count += 1;
      }
      counts[table] = count;
      total += count;
    }
    await write(JSON.stringify({ end: total }));
    gzip.end();
    await finished(out);
    sync(partial);
    renameSync(partial, file);
    sync(dirname(file));
    return counts;
  } catch (error) {
    gzip.destroy();
    out.destroy();
    rmSync(partial, { force: true });
    throw error;
  }
}
function sync(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
function disposable<T extends { close(): void }>(value: T): Disposable & { readonly value: T } {
  return { value, [Symbol.dispose]: () => value.close() };
}
