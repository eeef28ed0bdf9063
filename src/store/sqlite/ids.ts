/**
 * Ids in the tables that grow with the mail: their 16 octets, not their 36 characters; the instance's own "project",
 * which is no text, has none. Statements take the text and say `ID` for it; what they read is made text again here.
 */

/** The place of an id in a statement. NULL stays NULL. */
export const ID = "unhex(?, '-')";
/** The same for an id in a column or expression of text. */
export const idOf = (text: string): string => `unhex(${text}, '-')`;

const HEX = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));
/** Behind these octets stands a hyphen (RFC 9562 §4). */
const HYPHENS = [4, 6, 8, 10];

/** The text of an id. Throws TypeError where it is none. */
export function toId(octets: unknown): string {
  if (!(octets instanceof Uint8Array) || (octets.length !== 16 && octets.length !== 0))
    throw new TypeError('an id column holds no id');
  let text = '';
  for (let i = 0; i < octets.length; i += 1) {
    if (HYPHENS.includes(i)) text += '-';
    text += HEX[octets[i]!];
  }
  return text;
}
/** A row that was just read, with the text of its ids; an empty one stays empty. */
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
