/** One recorded write, and the codecs between rows and values that both engines share. */
import type { Compilable } from 'kysely';
import type { Page } from '../runtime/transactor.ts';

export type SqlValue = string | number | null | Uint8Array;
export interface Command {
  readonly sql: string;
  readonly params: readonly SqlValue[];
  /** StaleError if it changed no row. */
  readonly must?: boolean;
  /**
   * The name of the ConflictError for a violated foreign key. Without it: StaleError (the referenced row is
   * gone).
   */
  readonly foreign?: string;
  /**
   * An addition to counters: the last values, this many. Commands of a batch that differ only in them are
   * summed and written once.
   */
  readonly tally?: number;
}
export type Push = (command: Command) => void;
export type Ask = <R>(query: Compilable<R>) => Promise<R[]>;

/** A Kysely query as a command. */
export function command(query: Compilable, rest: Omit<Command, 'sql' | 'params'> = {}): Command {
  const { sql, parameters } = query.compile();
  return { sql, params: parameters as readonly SqlValue[], ...rest };
}
/**
 * A query whose text is made only once, for queries that every request makes. It is given all its parameters,
 * in their order.
 */
export function prepared<R>(query: Compilable<R>): (...parameters: readonly unknown[]) => Compilable<R> {
  const compiled = query.compile();
  return (...parameters) => ({ compile: () => ({ ...compiled, parameters }) });
}
/** The columns of a change, without those that are undefined. If none is left, the row keeps its id, and must be there. */
export function changed<T extends object>(id: string, columns: T): T | { id: string } {
  return Object.values(columns).some((value) => value !== undefined) ? columns : { id };
}
/** JSON text, or NULL for null and undefined. */
export function toJson(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}
/** Throws SyntaxError if the text does not parse, and TypeError if the value is not text. */
export function fromJson(text: unknown): unknown {
  if (text === null) return null;
  if (typeof text !== 'string') throw new TypeError('JSON column holds no text');
  return JSON.parse(text);
}
/** Settings of a kind. Throws if the column has no object of texts and switches. */
export function toSettings(text: unknown): Readonly<Record<string, string | boolean>> {
  const value = fromJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('the settings are no object');
  for (const [name, one] of Object.entries(value))
    if (typeof one !== 'string' && typeof one !== 'boolean')
      throw new TypeError(`the setting ${name} is neither text nor a switch`);
  return value as Readonly<Record<string, string | boolean>>;
}
/** The same for lists: a row whose settings cannot be read is shown as broken, and stops no other row. */
export function shownSettings<S>(
  read: () => S,
): { readonly settings: S } | { readonly settings: S; readonly broken: true } {
  try {
    return { settings: read() };
  } catch {
    return { settings: {} as S, broken: true };
  }
}
/** A view, not a copy. Throws TypeError if the column has no blob. */
export function toBuffer(value: unknown): Buffer {
  if (!(value instanceof Uint8Array)) throw new TypeError('blob column holds no blob');
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
export function toBit(value: boolean): 0 | 1 {
  return value ? 1 : 0;
}
/**
 * Cursors are opaque: base64url of the last row's key. A cursor that does not decode to a key finds nothing.
 */
export function encodeCursor(key: string | number): string {
  return Buffer.from(String(key)).toString('base64url');
}
/** Without a cursor, a key above every id: lists go downwards. */
export function decodeCursor(cursor: string | null): string {
  if (cursor === null) return '~';
  const key = Buffer.from(cursor, 'base64url').toString('latin1');
  return /^[0-9a-f-]{1,36}$/.test(key) ? key : '';
}
/** The same for lists that go upwards: without a cursor, a key below every id. */
export function decodeUpwards(cursor: string | null): string {
  if (cursor === null) return '';
  const key = decodeCursor(cursor);
  return key === '' ? '~' : key;
}
/** Makes a page of `limit` items from up to `limit + 1` rows. */
export function toPage<R, T>(
  rows: readonly R[],
  limit: number,
  keyOf: (row: R) => string | number,
  map: (row: R) => T,
): Page<T> {
  const shown = rows.slice(0, limit);
  const cursors = shown.map((row) => encodeCursor(keyOf(row)));
  const nextCursor = rows.length > limit ? (cursors.at(-1) ?? null) : null;
  return { items: shown.map(map), cursors, nextCursor };
}
