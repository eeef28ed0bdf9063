/**
 * Writes the embedded store into an export. No service may run on the store: the lock is held to the end, so
 * nothing is accepted or delivered that the file does not contain. The file gets its name only when it is
 * complete and on the disk.
 */
import { once } from 'node:events';
import {
  closeSync,
  createWriteStream,
  existsSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { finished } from 'node:stream/promises';
import { constants, createGzip, gunzipSync } from 'node:zlib';
import { unwatched, type Watch } from '../../runtime/report.ts';
import type { SqlValue } from '../command.ts';
import { partialOf } from '../partial.ts';
import { migrate, openDatabase, takeLock } from '../sqlite/files.ts';
import {
  encodeRow,
  FORMAT,
  FORMAT_VERSION,
  type Head,
  isHead,
  TABLES,
  type TableName,
  TransferError,
} from './format.ts';
import { addFunctions, MOVED } from './moved.ts';

/** The first line of an existing file is within these octets. */
const HEAD_OCTETS = 4096;

export interface ExportOptions {
  readonly directory: string;
  /** Replaced if it is an export; otherwise an existing file is refused. */
  readonly file: string;
  /** Wall ms. */
  readonly takenAt: number;
  readonly keyId: string | null;
  readonly watch?: Watch;
}
/**
 * Returns the number of rows by table. Throws StoreLocked while a service runs, and TransferError if the file
 * exists and is not an export.
 */
export async function exportSqlite(options: ExportOptions): Promise<Readonly<Record<string, number>>> {
  const { directory, file, takenAt, keyId, watch: { report, signal } = unwatched } = options;
  if (existsSync(file) && !isExport(file))
    throw new TransferError(`${file} exists and is not an export, so it is not replaced`);
  using lock = disposable(takeLock(directory));
  using database = disposable(openDatabase(directory));
  void lock;
  const db = database.value;
  migrate(db, report);
  addFunctions(db);
  const partial = partialOf(file);
  const gzip = createGzip({ level: 1 });
  // opened here: a stream that opens the file later would make it again after a failure
  const out = gzip.pipe(createWriteStream(partial, { fd: openSync(partial, 'wx', 0o600) }));
  const failed = new AbortController();
  out.on('error', (error) => failed.abort(error));
  const write = async (line: string) => {
    if (!gzip.write(`${line}\n`)) await once(gzip, 'drain', { signal: failed.signal });
  };
  try {
    const head: Head = { format: FORMAT, version: FORMAT_VERSION, takenAt, keyId };
    await write(JSON.stringify(head));
    const counts: Record<string, number> = {};
    let total = 0;
    const all = rowsOf(db);
    for (const table of TABLES) {
      const rows = db.prepare(MOVED[table] ?? `SELECT * FROM ${table}`);
      const columns = rows.columns().map(({ name }) => name);
      await write(JSON.stringify({ table, columns }));
      let count = 0;
      for (const row of rows.iterate() as Iterable<unknown> as Iterable<Record<string, SqlValue>>) {
        signal.throwIfAborted();
        await write(encodeRow(columns.map((name) => row[name]!)));
        count += 1;
        report({ done: total + count, total: all, unit: 'rows' });
      }
      counts[table] = count;
      total += count;
    }
    await write(JSON.stringify({ end: total }));
    gzip.end();
    await finished(out);
    signal.throwIfAborted();
    sync(partial);
    renameSync(partial, file);
    sync(dirname(file));
    return counts;
  } catch (error) {
    gzip.destroy();
    out.destroy();
    rmSync(partial, { force: true });
    throw failed.signal.aborted ? failed.signal.reason : error;
  }
}
/** Whether the file begins as an export does; false if that cannot be read. */
function isExport(file: string): boolean {
  try {
    const handle = openSync(file, 'r');
    try {
      const head = Buffer.alloc(HEAD_OCTETS);
      const read = readSync(handle, head, 0, head.length, 0);
      // only the beginning is needed, and the end is missing
      const text = gunzipSync(head.subarray(0, read), { finishFlush: constants.Z_SYNC_FLUSH }).toString(
        'utf8',
      );
      return isHead(text.split('\n', 1)[0]!);
    } finally {
      closeSync(handle);
    }
  } catch {
    return false;
  }
}
const STORED_IN: Partial<Record<TableName, string>> = { message_body: 'message' };
/** Approximate: it includes what removed owners have left. */
function rowsOf(db: DatabaseSync): number {
  const counted = TABLES.map((table) => `(SELECT count(*) FROM ${STORED_IN[table] ?? table})`).join(' + ');
  return Number(db.prepare(`SELECT ${counted} AS n`).get()!['n']);
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
