/**
 * Reads messages to be shown, on PostgreSQL; see ../sqlite/shown.ts. Octets and readings are in the partition
 * of the day on which the message may be removed. If the message is moved to a later day, or removed, between
 * two queries, it is queried again.
 */
import type { MessageId, ProjectId } from '../../runtime/ids.ts';
import { StoreError } from '../../runtime/transactor.ts';
import { MOST_SHOWN, type ShownMessage, type SpoolReader } from '../../spool/messages.ts';
import { toBuffer } from '../command.ts';
import { BODY_PART, type MessageCells, toSummary } from '../rows/spool.ts';
import type { UnreadableRows } from '../unreadable-rows.ts';
import type { Reading } from './reading.ts';

/**
 * The limits prevent the planner from joining the other way round: first every body of the project, then the
 * right one.
 */
const SHOWN = `SELECT m.*, o.prefix, b.data, b.reading FROM message m
  LEFT JOIN LATERAL (SELECT prefix FROM message_body WHERE project_id = m.project_id AND message_id = m.id
      AND drop_day = m.drop_day AND part = 0 LIMIT 1) o ON true
  LEFT JOIN LATERAL (SELECT data, reading FROM message_body WHERE project_id = m.project_id AND message_id = coalesce(m.body_of, m.id)
      AND drop_day = m.drop_day AND part = 0 LIMIT 1) b ON true
  WHERE m.project_id = $1 AND m.id = $2`;
/**
 * The messages in $2, in their order. Large values are read only for rows that are returned: their size is
 * known without them.
 */
const SHOWN_OF = `SELECT * FROM (SELECT k.n, m.*, o.prefix, b.data, b.reading,
      coalesce(sum(coalesce(octet_length(o.prefix), 0) + coalesce(octet_length(b.data), 0) + coalesce(octet_length(b.reading), 0))
        OVER (ORDER BY k.n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS octets_before
    FROM unnest($2::text[]) WITH ORDINALITY AS k (asked, n)
    LEFT JOIN LATERAL (SELECT * FROM message WHERE project_id = $1 AND id = k.asked LIMIT 1) m ON true
    LEFT JOIN LATERAL (SELECT prefix FROM message_body WHERE project_id = $1 AND message_id = m.id
      AND drop_day = m.drop_day AND part = 0 LIMIT 1) o ON true
    LEFT JOIN LATERAL (SELECT data, reading FROM message_body WHERE project_id = $1 AND message_id = coalesce(m.body_of, m.id)
      AND drop_day = m.drop_day AND part = 0 LIMIT 1) b ON true) s
  WHERE n = 1 OR octets_before < $3::int8 ORDER BY n`;
const PARTS = `SELECT m.size, m.drop_day, b.data FROM message m
  LEFT JOIN LATERAL (SELECT part, data FROM message_body WHERE project_id = m.project_id AND message_id = coalesce(m.body_of, m.id)
      AND drop_day = m.drop_day AND part >= $3 AND part < $4 ORDER BY part LIMIT $4::int8 - $3::int8) b ON true
  WHERE m.project_id = $1 AND m.id = $2 ORDER BY b.part`;
type Stored = { readonly drop_day: number };
type ShownCells = MessageCells &
  Stored & { readonly prefix: unknown; readonly data: unknown; readonly reading: unknown };
/** Nothing was found. */
type Gone = { readonly id: null };
type PartCells = Stored & { readonly size: number; readonly data: unknown };

export function postgresShown(
  all: Reading,
  unreadable: UnreadableRows,
): Pick<SpoolReader, 'shown' | 'shownOf' | 'octets'> {
  const dayOf = async (project: string, id: string) =>
    (await all<Stored>('SELECT drop_day FROM message WHERE project_id = $1 AND id = $2', [project, id]))[0]
      ?.drop_day;
  /**
   * null if the message is gone; otherwise its current day, if that is a different one. Throws if the message
   * is damaged.
   */
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
    unreadable.put('message', id, error);
    throw new StoreError(`message ${id} cannot be read`, false, error);
  }
  async function shown(project: ProjectId, id: MessageId): Promise<ShownMessage | null> {
    const [row] = await all<ShownCells>(SHOWN, [project, id]);
    if (row === undefined) return null;
    const whole = wholeOf(row);
    if (whole !== null) return whole;
    const octets = row.data === null ? 0 : toBuffer(row.data).length;
    const day = await elsewhere(project, id, row.drop_day, `the body has ${octets} of ${row.size} octets`);
    return day === null ? null : shown(project, id);
  }
  async function shownOf(
    project: ProjectId,
    ids: readonly MessageId[],
    octets: number,
  ): Promise<(ShownMessage | null)[]> {
    const asked = ids.slice(0, MOST_SHOWN);
    const found: (ShownMessage | null)[] = [];
    for (const row of await all<ShownCells | Gone>(SHOWN_OF, [project, asked, octets])) {
      const message = row.id === null ? null : readable(row);
      if (message === undefined) break;
      found.push(message);
    }
    // The first message was moved between two queries, or is damaged; the query for it alone reports the
    // damage.
    if (found.length === 0 && asked.length > 0) found.push(await shown(project, asked[0]!));
    return found;
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
  return { shown, shownOf, octets };
}
/** null if its octets are missing, completely or in part. Throws if the row cannot be read. */
function wholeOf(row: ShownCells): ShownMessage | null {
  if (row.prefix === null || row.data === null) return null;
  const [prefix, head] = [toBuffer(row.prefix), toBuffer(row.data)];
  if (head.length < Math.min(row.size, BODY_PART)) return null;
  return { ...toSummary(row), prefix, head, reading: row.reading === null ? null : toBuffer(row.reading) };
}
function readable(row: ShownCells): ShownMessage | undefined {
  try {
    return wholeOf(row) ?? undefined;
  } catch {
    return undefined;
  }
}
