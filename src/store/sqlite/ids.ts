/**
 * Ids in the tables that grow with the mail are stored as their 16 octets, not as 36 characters. The
 * instance's own "project" is the empty text and has no octets. Statements take the text and write `ID` for
 * it; they read the hexadecimal digits, and this module makes them text again.
 */

/** The placeholder of an id in a statement. NULL stays NULL. */
export const ID = "unhex(?, '-')";
/** The same for an id in a text column or expression. */
export const idOf = (text: string): string => `unhex(${text}, '-')`;

/** A column of an id, as hexadecimal digits. Octets would each need their own block of memory. */
export const digits = (column: string, as = column.replace(/^\w+\./, '')): string =>
  `lower(hex(${column})) AS ${as}`;
/** The same of a column that may be NULL. */
export const digitsOrNull = (column: string, as = column.replace(/^\w+\./, '')): string =>
  `nullif(lower(hex(${column})), '') AS ${as}`;

/** The text of an id, with the hyphens of RFC 9562 §4. Throws TypeError if it is not an id. */
export function toId(read: unknown): string {
  if (read === '') return '';
  if (typeof read !== 'string' || read.length !== 32) throw new TypeError('an id column holds no id');
  return `${read.slice(0, 8)}-${read.slice(8, 12)}-${read.slice(12, 16)}-${read.slice(16, 20)}-${read.slice(20)}`;
}
/** A row that was just read, with its ids as text; NULL stays NULL. */
export function withIds<Cells>(row: object, columns: readonly (keyof Cells & string)[]): Cells {
  const cells = row as Record<string, unknown>;
  for (const column of columns) if (cells[column] !== null) cells[column] = toId(cells[column]);
  return cells as Cells;
}
/** For a cursor, the value that ids are compared with: the octets of as much of an id as there is. */
export function octetsFrom(cursor: string): Uint8Array {
  return cursor === '~' ? ABOVE_ALL : Buffer.from(cursor.replaceAll('-', ''), 'hex');
}
const ABOVE_ALL = Buffer.alloc(17, 0xff);
/** The number of a message by its project and id. */
export const NR = `(SELECT nr FROM message INDEXED BY message_id WHERE project_id = ${ID} AND id = ${ID})`;
/** The same if the project is known to be right. */
export const NR_OF_ID = `(SELECT nr FROM message INDEXED BY message_id WHERE id = ${ID})`;
