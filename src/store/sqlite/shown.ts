/**
 * Messages on SQLite as they are shown: their first octets with what was read of them, and any octets by their place.
 * Fails: a body that is not whole is shelved as corrupt and reading it throws StoreError.
 */
import { StoreError } from '../../runtime/transactor.ts';
import type { SpoolReader } from '../../spool/types.ts';
import { toBuffer } from '../command.ts';
import { BODY_PART, type MessageCells, toSummary } from '../rows/spool.ts';
import type { Shelf } from '../shelf.ts';
import type { Statements } from './statements.ts';

const SHOWN = `SELECT m.*, o.prefix, b.data, b.reading FROM message m
  JOIN message_body o ON o.project_id = m.project_id AND o.message_id = m.id AND o.part = 0
  JOIN message_body b ON b.project_id = m.project_id AND b.message_id = coalesce(m.body_of, m.id) AND b.part = 0
  WHERE m.project_id = ? AND m.id = ?`;
const PARTS = `SELECT b.data FROM message m
  JOIN message_body b ON b.project_id = m.project_id AND b.message_id = coalesce(m.body_of, m.id)
  WHERE m.project_id = ? AND m.id = ? AND b.part >= ? AND b.part < ? ORDER BY b.part`;
type ShownCells = MessageCells & {
  readonly prefix: unknown;
  readonly data: unknown;
  readonly reading: unknown;
};

export function sqliteShown(statements: Statements, shelf: Shelf): Pick<SpoolReader, 'shown' | 'octets'> {
  const sizeOf = (project: string, id: string) =>
    statements.all<{ size: number }>(
      'SELECT size FROM message WHERE project_id = ? AND id = ?',
      project,
      id,
    )[0]?.size;
  function broken(id: string, error: unknown): StoreError {
    shelf.put('message', id, error);
    return new StoreError(`message ${id} cannot be read`, false, error);
  }
  return {
    async shown(project, id) {
      const [row] = statements.all<ShownCells>(SHOWN, project, id);
      if (row === undefined && sizeOf(project, id) === undefined) return null;
      try {
        if (row === undefined) throw new Error('the body is gone');
        const head = toBuffer(row.data);
        if (head.length < Math.min(row.size, BODY_PART))
          throw new Error(`the body has ${head.length} of ${row.size} octets`);
        const reading = row.reading === null ? null : toBuffer(row.reading);
        return { ...toSummary(row), prefix: toBuffer(row.prefix), head, reading };
      } catch (error) {
        throw broken(id, error);
      }
    },
    async octets(project, id, start, end) {
      const [first, behind] = [Math.floor(start / BODY_PART), Math.ceil(end / BODY_PART)];
      const parts = statements
        .all<{ data: unknown }>(PARTS, project, id, first, behind)
        .map(({ data }) => toBuffer(data));
      const size = sizeOf(project, id);
      if (size === undefined) return null;
      const octets = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      const wanted = Math.max(0, Math.min(end, size) - start);
      const found = octets.subarray(start - first * BODY_PART, start - first * BODY_PART + wanted);
      if (found.length < wanted) throw broken(id, new Error(`${found.length} of ${wanted} octets are there`));
      return found;
    },
  };
}
