/**
 * Messages on PostgreSQL as they are shown; see ../sqlite/shown.ts. Octets and readings lie in the partition of the day on
 * which the message may go: one that is moved to a later day, or removed, between two questions is asked for again.
 */
import type { MessageId, ProjectId } from '../../runtime/ids.ts';
import { StoreError } from '../../runtime/transactor.ts';
import type { ShownMessage, SpoolReader } from '../../spool/types.ts';
import { toBuffer } from '../command.ts';
import { BODY_PART, type MessageCells, toSummary } from '../rows/spool.ts';
import type { Shelf } from '../shelf.ts';
import type { Reading } from './reading.ts';

/** The limits keep the planner from joining the other way round: every body of the project, then the one that is meant. */
const SHOWN = `SELECT m.*, o.prefix, b.data, b.reading FROM message m
  LEFT JOIN LATERAL (SELECT prefix FROM message_body WHERE project_id = m.project_id AND message_id = m.id
      AND drop_day = m.drop_day AND part = 0 LIMIT 1) o ON true
  LEFT JOIN LATERAL (SELECT data, reading FROM message_body WHERE project_id = m.project_id AND message_id = coalesce(m.body_of, m.id)
      AND drop_day = m.drop_day AND part = 0 LIMIT 1) b ON true
  WHERE m.project_id = $1 AND m.id = $2`;
const PARTS = `SELECT m.size, m.drop_day, b.data FROM message m
  LEFT JOIN LATERAL (SELECT part, data FROM message_body WHERE project_id = m.project_id AND message_id = coalesce(m.body_of, m.id)
      AND drop_day = m.drop_day AND part >= $3 AND part < $4 ORDER BY part LIMIT $4::int8 - $3::int8) b ON true
  WHERE m.project_id = $1 AND m.id = $2 ORDER BY b.part`;
type Stored = { readonly drop_day: number };
type ShownCells = MessageCells &
  Stored & { readonly prefix: unknown; readonly data: unknown; readonly reading: unknown };
type PartCells = Stored & { readonly size: number; readonly data: unknown };

export function postgresShown(all: Reading, shelf: Shelf): Pick<SpoolReader, 'shown' | 'octets'> {
  const dayOf = async (project: string, id: string) =>
    (await all<Stored>('SELECT drop_day FROM message WHERE project_id = $1 AND id = $2', [project, id]))[0]
      ?.drop_day;
  /** null: the message has gone; the day it lies in now, where that is another one. Throws where it is broken. */
  async function elsewhere(
    project: ProjectId,
    id: MessageId,
    day: number,
    reason: string,
  ): Promise<number | null> {
    const now = await dayOf(project, id);
    if (now === undefined) return null;
    if (now !== day) return now;
    const error = new Error(reason);
    shelf.put('message', id, error);
    throw new StoreError(`message ${id} cannot be read`, false, error);
  }
  async function shown(project: ProjectId, id: MessageId): Promise<ShownMessage | null> {
    const [row] = await all<ShownCells>(SHOWN, [project, id]);
    if (row === undefined) return null;
    const head = toBuffer(row.data ?? Buffer.alloc(0));
    const whole = row.prefix !== null && row.data !== null && head.length >= Math.min(row.size, BODY_PART);
    if (!whole) {
      const day = await elsewhere(
        project,
        id,
        row.drop_day,
        `the body has ${head.length} of ${row.size} octets`,
      );
      return day === null ? null : shown(project, id);
    }
    const reading = row.reading === null ? null : toBuffer(row.reading);
    return { ...toSummary(row), prefix: toBuffer(row.prefix), head, reading };
  }
  async function octets(
    project: ProjectId,
    id: MessageId,
    start: number,
    end: number,
  ): Promise<Buffer | null> {
    const [first, behind] = [Math.floor(start / BODY_PART), Math.ceil(end / BODY_PART)];
    const rows = await all<PartCells>(PARTS, [project, id, first, behind]);
    const [row] = rows;
    if (row === undefined) return null;
    const parts = rows.flatMap(({ data }) => (data === null ? [] : [toBuffer(data)]));
    const there = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    const wanted = Math.max(0, Math.min(end, row.size) - start);
    const found = there.subarray(start - first * BODY_PART, start - first * BODY_PART + wanted);
    if (found.length === wanted) return found;
    const day = await elsewhere(project, id, row.drop_day, `${found.length} of ${wanted} octets are there`);
    return day === null ? null : octets(project, id, start, end);
  }
  return { shown, octets };
}
