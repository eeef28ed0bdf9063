/**
 * Reads messages on SQLite: without their octets; with the first octets and the reading; with any octets by
 * position; or whole. Fails: an incomplete body goes to the list of unreadable rows, and reading it throws StoreError.
 */
import { StoreError } from '../../runtime/transactor.ts';
import { MOST_SHOWN, type ShownMessage, type SpoolReader } from '../../spool/messages.ts';
import { toBuffer } from '../command.ts';
import { BODY_PART, type MessageCells, shownOctets, toSummary } from '../rows/spool.ts';
import type { UnreadableRows } from '../unreadable-rows.ts';
import { digits, digitsOrNull, ID, withIds } from './ids.ts';
import { partSize, unpack } from './pack.ts';
import type { Statements } from './statements.ts';

const PLAIN =
  'body_of, direction, source, mail_from, message_id_header, size, smtputf8, eight_bit, accepted_at, expires_at, keep_until, facts';
/** All columns of a message except its octets, of the table by that name. */
const columnsOf = (table: string): string =>
  [
    `${table}.nr`,
    digits(`${table}.project_id`),
    digits(`${table}.id`),
    digitsOrNull(`${table}.domain_id`),
    ...PLAIN.split(', ').map((column) => `${table}.${column}`),
  ].join(', ');
export const MESSAGE = columnsOf('message');
/**
 * `nr` numbers messages in the order of their commits; `body_of` is the number of the message whose octets it
 * shares.
 */
export type NumberedCells = Omit<MessageCells, 'body_of'> & {
  readonly nr: number;
  readonly body_of: number | null;
};
/** Throws TypeError if an id is invalid. */
export const messageCells = (row: object): NumberedCells =>
  withIds<NumberedCells>(row, ['project_id', 'id', 'domain_id']);

const SHOWN = `SELECT ${columnsOf('m')}, m.prefix, b.data, b.reading
  FROM message m INDEXED BY message_id JOIN message b ON b.nr = coalesce(m.body_of, m.nr)
  WHERE m.project_id = ${ID} AND m.id = ${ID}`;
const HEAD = `SELECT m.size, coalesce(m.body_of, m.nr) AS body FROM message m INDEXED BY message_id WHERE m.project_id = ${ID} AND m.id = ${ID}`;
const FIRST = 'SELECT data FROM message WHERE nr = ?';
const PARTS =
  'SELECT part, data FROM message_part WHERE message = ? AND part >= ? AND part < ? ORDER BY part';

interface ShownCells {
  readonly prefix: unknown;
  readonly data: unknown;
  readonly reading: unknown;
}
interface PartCells {
  readonly part: number;
  readonly data: unknown;
}

export function sqliteShown(
  statements: Statements,
  unreadable: UnreadableRows,
): Pick<SpoolReader, 'message' | 'shown' | 'shownOf' | 'octets'> {
  const headOf = (project: string, id: string) =>
    statements.all<{ size: number; body: number }>(HEAD, project, id)[0];
  function broken(id: string, error: unknown): StoreError {
    unreadable.put('message', id, error);
    return new StoreError(`message ${id} cannot be read`, false, error);
  }
  function shownRow(project: string, id: string) {
    const [row] = statements.all<object & ShownCells>(SHOWN, project, id);
    if (row !== undefined) return row;
    if (headOf(project, id) === undefined) return null;
    throw broken(id, new Error('the body is gone'));
  }
  function partsOf(body: number, first: number, behind: number): Iterable<PartCells> {
    return statements.get(PARTS).iterate(body, first, behind) as Iterable<unknown> as Iterable<PartCells>;
  }
  function shown(project: string, id: string): ShownMessage | null {
    const row = shownRow(project, id);
    if (row === null) return null;
    try {
      const summary = toSummary(messageCells(row));
      const head = unpack(toBuffer(row.data), partSize(summary.size, 0));
      const reading = row.reading === null ? null : toBuffer(row.reading);
      return { ...summary, prefix: toBuffer(row.prefix), head, reading };
    } catch (error) {
      throw broken(id, error);
    }
  }
  return {
    async message(project, id) {
      const row = shownRow(project, id);
      if (row === null) return null;
      try {
        const cells = messageCells(row);
        const { size, ...message } = toSummary(cells);
        const prefix = toBuffer(row.prefix);
        const head = unpack(toBuffer(row.data), partSize(size, 0));
        if (size <= BODY_PART) return { ...message, prefix, raw: head };
        // One part at a time into its place, so that a large message is not in memory twice.
        const raw = Buffer.allocUnsafeSlow(size);
        let octets = head.copy(raw);
        for (const { data } of partsOf(cells.body_of ?? cells.nr, 1, Number.MAX_SAFE_INTEGER))
          octets += toBuffer(data).copy(raw, octets);
        if (octets !== size) throw new Error(`the body has ${octets} of ${size} octets`);
        return { ...message, prefix, raw };
      } catch (error) {
        // retention removed it between two of the queries
        if (headOf(project, id) === undefined) return null;
        throw broken(id, error);
      }
    },
    shown: async (project, id) => shown(project, id),
    async shownOf(project, ids, octets) {
      return statements.together(() => {
        const found: (ShownMessage | null)[] = [];
        let sum = 0;
        for (const id of ids.slice(0, MOST_SHOWN)) {
          if (found.length > 0 && sum >= octets) break;
          try {
            const message = shown(project, id);
            found.push(message);
            sum += message === null ? 0 : shownOctets(message);
          } catch (error) {
            if (found.length === 0) throw error;
            break;
          }
        }
        return found;
      });
    },
    async octets(project, id, start, end) {
      const about = headOf(project, id);
      if (about === undefined) return null;
      const { size, body } = about;
      const to = Math.min(end, size);
      const [first, behind] = [Math.floor(start / BODY_PART), Math.ceil(to / BODY_PART)];
      const found: Buffer[] = [];
      try {
        if (first === 0 && behind > 0)
          found.push(
            unpack(toBuffer(statements.all<{ data: unknown }>(FIRST, body)[0]?.data), partSize(size, 0)),
          );
        for (const { part, data } of partsOf(body, Math.max(1, first), behind))
          found.push(unpack(toBuffer(data), partSize(size, part)));
        const octets = found.length === 1 ? found[0]! : Buffer.concat(found);
        const wanted = Math.max(0, to - start);
        const given = octets.subarray(start - first * BODY_PART, start - first * BODY_PART + wanted);
        if (given.length < wanted) throw new Error(`${given.length} of ${wanted} octets are there`);
        return given;
      } catch (error) {
        if (headOf(project, id) === undefined) return null;
        throw broken(id, error);
      }
    },
  };
}
