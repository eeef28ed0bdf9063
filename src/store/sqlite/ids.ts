/**
 * Ids in the tables that grow with the mail: their 16 octets, not their 36 characters; the instance's own "project",
 * which is no text, has none. Statements take the text and say `ID` for it; they read the digits, which are made text again here.
 */

/** The place of an id in a statement. NULL stays NULL. */
export const ID = "unhex(?, '-')";
/** The same for an id in a column or expression of text. */
export const idOf = (text: string): string => `unhex(${text}, '-')`;

/** A column of an id, as it is read: by its digits. Octets would each be a block of memory of their own. */
export const digits = (column: string, as = column.replace(/^\w+\./, '')): string =>
  `lower(hex(${column})) AS ${as}`;
/** The same of a column that may be NULL. */
export const digitsOrNull = (column: string, as = column.replace(/^\w+\./, '')): string =>
  `nullif(lower(hex(${column})), '') AS ${as}`;

/** The text of an id, with the hyphens of RFC 9562 §4. Throws TypeError where it is none. */
export function toId(read: unknown): string {
  if (read === '') return '';
  if (typeof read !== 'string' || read.length !== 32) throw new TypeError('an id column holds no id');
  return `${read.slice(0, 8)}-${read.slice(8, 12)}-${read.slice(12, 16)}-${read.slice(16, 20)}-${read.slice(20)}`;
}
/** A row that was just read, with the text of its ids; what is NULL stays so. */
export function withIds<Cells>(row: object, columns: readonly (keyof Cells & string)[]): Cells {
  const cells = row as Record<string, unknown>;
  for (const column of columns) if (cells[column] !== null) cells[column] = toId(cells[column]);
  return cells as Cells;
}
/** What ids are compared with, for a cursor: the octets of as much of an id as there is. */
export function octetsFrom(cursor: string): Uint8Array {
  return cursor === '~' ? ABOVE_ALL : Buffer.from(cursor.replaceAll('-', ''), 'hex');
}
const ABOVE_ALL = Buffer.alloc(17, 0xff);
/** The number of a message by its project and id. */
export const NR = `(SELECT nr FROM message INDEXED BY message_id WHERE project_id = ${ID} AND id = ${ID})`;
/** The same where the project is known to be right. */
export const NR_OF_ID = `(SELECT nr FROM message INDEXED BY message_id WHERE id = ${ID})`;
