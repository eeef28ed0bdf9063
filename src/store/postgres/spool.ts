/**
 * The spool on PostgreSQL, in hand-written SQL. Bodies are in rows of at most 256 KiB, in the partition of
 * the day on which they may be removed. Invariants: a transition is applied only from one of its `from`
 * states; the scheduler gets only rows that this member owns, and people see everyone's rows. Fails: an
 * incomplete body goes to the list of unreadable rows, and reading it throws StoreError.
 */
import type { MessageId, ProjectId } from '../../runtime/ids.ts';
import { MOST_LOOKED_AT, StoreError } from '../../runtime/transactor.ts';
import type {
  DueRecipient,
  LaneSummary,
  RecipientRow,
  SpoolReader,
  StoredLane,
  StoredMessage,
} from '../../spool/messages.ts';
import { isLookedThrough, matchesWaiting } from '../../spool/waiting.ts';
import { decodeCursor, decodeUpwards, type SqlValue, toBuffer, toPage } from '../command.ts';
import {
  type AttemptCells,
  cursorAfter,
  type MessageCells,
  type OperationCells,
  type RecipientCells,
  readCursor,
  type SentKeyCells,
  type SuspensionCells,
  toAttempt,
  toOperation,
  toRecipient,
  toSentKey,
  toSummary,
  toSuspension,
  type WaitingKey,
  writeCursor,
} from '../rows/spool.ts';
import type { UnreadableRows } from '../unreadable-rows.ts';
import { columnsOf, partOf } from './joined-columns.ts';
import type { Owners } from './owners.ts';
import { LONG_READ, type Reading } from './reading.ts';
import { postgresShown } from './shown.ts';

const MESSAGE_COLUMNS =
  'project_id id domain_id direction source mail_from message_id_header size smtputf8 eight_bit accepted_at expires_at keep_until facts body_of';
const MESSAGE = MESSAGE_COLUMNS.replaceAll(' ', ', ');
const RECIPIENT_COLUMNS =
  'project_id id message_id address domain lane state attempts next_attempt_at held_since held_ms moves dsn last_result created_at settled_at';
const RECIPIENT = RECIPIENT_COLUMNS.replaceAll(' ', ', ');
/** Rows of a body in one answer, so that a large message is not in memory twice. */
const PARTS_AT_ONCE = 8;
/** Keys of a lane read in one query, in addition to the skipped ones. */
const KEYS_AT_ONCE = 200;

/** Those of these rows that still wait, with their messages, in the given order. */
const WAITING_ROWS = `SELECT ${columnsOf('r', RECIPIENT_COLUMNS)}, ${columnsOf('m', MESSAGE_COLUMNS)}
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (project_id, id, n)
  JOIN recipient r ON r.project_id = k.project_id AND r.id = k.id AND r.state IN ('queued', 'deferred', 'held')
  LEFT JOIN message m ON m.project_id = r.project_id AND m.id = r.message_id
  ORDER BY k.n`;
/**
 * Walks only the index, lane by lane ($2, $3) and owner by owner ($1). $5: how many of each lane; $6 to $8:
 * the key after which each lane continues. `n` is the lane's place, from 1.
 */
const LANE_KEYS = `SELECT l.n::int4, f.* FROM unnest($2::text[], $3::text[], $6::int8[], $7::text[], $8::text[]) WITH ORDINALITY
    AS l (project_id, lane, at, state, id, n) CROSS JOIN LATERAL (
  SELECT k.* FROM unnest($1::text[]) AS o (owner) CROSS JOIN LATERAL (
    SELECT next_attempt_at, state, id FROM recipient r WHERE r.owner = o.owner AND r.project_id = l.project_id AND r.lane = l.lane
      AND next_attempt_at <= $4 AND (next_attempt_at, state, id) > (l.at, l.state, l.id) ORDER BY next_attempt_at, state, id LIMIT $5) k
  ORDER BY next_attempt_at, state, id LIMIT $5) f
  ORDER BY l.n, f.next_attempt_at, f.state, f.id`;
const NEXT_DUE = `SELECT min(m.at) AS at FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS l (project_id, lane, n)
  LEFT JOIN LATERAL (SELECT k.at FROM unnest($1::text[]) AS o (owner) CROSS JOIN LATERAL (
    SELECT next_attempt_at AS at FROM recipient r WHERE r.owner = o.owner AND r.project_id = l.project_id AND r.lane = l.lane
      AND next_attempt_at > $4 ORDER BY next_attempt_at LIMIT 1) k) m ON true
  GROUP BY l.n ORDER BY l.n`;
/** Lanes of one owner in one answer: tens of thousands at once would block the event loop. */
const LANES_AT_ONCE = 1000;
const LANES = `SELECT project_id, lane, count(*) FILTER (WHERE state = 'queued') AS queued, count(*) FILTER (WHERE state = 'deferred') AS deferred,
    count(*) FILTER (WHERE state = 'held') AS held, min(next_attempt_at) AS next_due,
    max(next_attempt_at) AS last_due
  FROM recipient WHERE next_attempt_at IS NOT NULL AND owner = $1 AND (project_id, lane) > ($2, $3)
  GROUP BY project_id, lane ORDER BY project_id, lane LIMIT ${LANES_AT_ONCE}`;

type Behind = readonly [at: number, state: string, id: string];
const START: Behind = [-1, '', ''];
interface DueKey {
  readonly n: number;
  readonly next_attempt_at: number;
  readonly state: string;
  readonly id: string;
}
export function postgresSpoolReader(deps: {
  readonly all: Reading;
  readonly owners: Owners;
  readonly unreadable: UnreadableRows;
}): SpoolReader {
  const { all, owners, unreadable } = deps;
  type StoredCells = MessageCells & { readonly drop_day: number };
  const messageOf = async (project: string, id: string) =>
    (
      await all<StoredCells>(`SELECT ${MESSAGE}, drop_day FROM message WHERE project_id = $1 AND id = $2`, [
        project,
        id,
      ])
    )[0];
  interface Part {
    prefix: unknown;
    data: unknown;
  }
  const partsOf = (project: string, id: string, day: number, from: number) =>
    all<Part>(
      `SELECT prefix, data FROM message_body WHERE project_id = $1 AND message_id = $2 AND drop_day = $3
        AND part >= $4 AND part < $5 ORDER BY part`,
      [project, id, day, from, from + PARTS_AT_ONCE],
    );
  async function bodyOf(row: StoredCells): Promise<{ prefix: Buffer; raw: Buffer }> {
    const own = await partsOf(row.project_id, row.id, row.drop_day, 0);
    const prefix = toBuffer(own[0]?.prefix);
    const raw = Buffer.allocUnsafeSlow(row.size);
    let octets = 0;
    for (let from = 0; from === 0 || octets < row.size; from += PARTS_AT_ONCE) {
      const parts =
        from === 0 && row.body_of === null
          ? own
          : await partsOf(row.project_id, row.body_of ?? row.id, row.drop_day, from);
      for (const part of parts) {
        const data = toBuffer(part.data);
        data.copy(raw, octets);
        octets += data.length;
      }
      if (parts.length < PARTS_AT_ONCE) break;
    }
    if (octets !== row.size) throw new Error(`the body has ${octets} of ${row.size} octets`);
    return { prefix, raw };
  }
  const ownersOf = async (of: 'all' | readonly string[] | undefined) =>
    of === undefined ? owners.mine('recipient') : of === 'all' ? owners.all('recipient') : of;
  async function waitingRows(keys: readonly { project_id: string; id: string }[]): Promise<DueRecipient[]> {
    const found: DueRecipient[] = [];
    if (keys.length === 0) return found;
    const ids = [keys.map((key) => key.project_id), keys.map((key) => key.id)];
    for (const row of await all<Record<string, unknown>>(WAITING_ROWS, ids)) {
      const recipient = partOf<RecipientCells>(row, 'r')!;
      try {
        const message = partOf<MessageCells>(row, 'm');
        if (message === null) throw new Error('its message is gone');
        found.push({ row: toRecipient(recipient), message: toSummary(message) });
      } catch (error) {
        unreadable.put('recipient', recipient.id, error);
      }
    }
    return found;
  }
  async function readMessage(project: ProjectId, id: MessageId): Promise<StoredMessage | null> {
    const row = await messageOf(project, id);
    if (row === undefined) return null;
    try {
      const { size: _, ...message } = toSummary(row);
      return { ...message, ...(await bodyOf(row)) };
    } catch (error) {
      if (error instanceof StoreError) throw error;
      // retention removed it or moved it to a later day between two of the queries
      const now = await messageOf(project, id);
      if (now === undefined) return null;
      if (now.drop_day !== row.drop_day) return readMessage(project, id);
      unreadable.put('message', id, error);
      throw new StoreError(`message ${id} cannot be read`, false, error);
    }
  }
  const reader: SpoolReader = {
    message: readMessage,
    ...postgresShown(all, unreadable),
    async recipients(project, message) {
      // Sorted here: the key of the table gives the same order, but by walking the whole project.
      const sql = `SELECT ${RECIPIENT} FROM recipient WHERE project_id = $1 AND message_id = $2`;
      const rows = await all<RecipientCells>(sql, [project, message]);
      return rows.sort((a, b) => (a.id < b.id ? -1 : 1)).map(toRecipient);
    },
    async recipientPage(project, message, { limit, cursor }) {
      // Not in the form of the table's key: that would walk the whole project.
      const sql = `SELECT ${RECIPIENT} FROM recipient WHERE project_id = $1 AND message_id = $2 AND id || '' > $3
        ORDER BY id || '' LIMIT $4`;
      const rows = await all<RecipientCells>(sql, [project, message, decodeUpwards(cursor), limit + 1]);
      return toPage(rows, limit, (r) => r.id, toRecipient);
    },
    async attempts(project, message, recipients) {
      const sql = `SELECT a.recipient_id, a.number, a.at, a.outcome, a.detail FROM message m
        JOIN attempt a ON a.project_id = m.project_id AND a.message_id = m.id AND a.drop_day = m.drop_day
        WHERE m.project_id = $1 AND m.id = $2 AND a.recipient_id = ANY ($3::text[]) ORDER BY a.at, a.recipient_id, a.number`;
      const rows = await all<AttemptCells>(sql, [project, message, recipients]);
      return rows.map((row) => toAttempt(project, message, row));
    },
    async due(lanes, now, limit, exclude) {
      const mine = await owners.mine('recipient');
      const found = lanes.map(() => [] as DueRecipient[]);
      const next = await all<{ at: number | null }>(NEXT_DUE, [
        mine,
        lanes.map(({ project }) => project),
        lanes.map(({ lane }) => lane),
        now,
      ]);
      let open = limit <= 0 || mine.length === 0 ? [] : lanes.map((_, n) => ({ n, behind: START }));
      while (open.length > 0) {
        const most = Math.max(Math.ceil(KEYS_AT_ONCE / open.length), 2 * limit);
        const keys = await all<DueKey>(LANE_KEYS, [
          mine,
          open.map(({ n }) => lanes[n]!.project),
          open.map(({ n }) => lanes[n]!.lane),
          now,
          most,
          open.map(({ behind }) => behind[0]),
          open.map(({ behind }) => behind[1]),
          open.map(({ behind }) => behind[2]),
        ]);
        const byLane = Map.groupBy(keys, (key) => open[key.n - 1]!.n);
        const free = open.map(({ n }) =>
          (byLane.get(n) ?? []).filter(
            ({ id }) => !exclude.has(id as RecipientRow['id']) && !unreadable.has('recipient', id),
          ),
        );
        while (free.some((keys) => keys.length > 0)) {
          const chunk = open.flatMap(({ n }, i) =>
            free[i]!.splice(0, limit - found[n]!.length).map(({ id }) => ({ n, id })),
          );
          if (chunk.length === 0) break;
          const rows = await waitingRows(chunk.map(({ n, id }) => ({ project_id: lanes[n]!.project, id })));
          const laneOf = new Map(chunk.map(({ n, id }) => [id, n]));
          for (const due of rows) {
            const n = laneOf.get(due.row.id)!;
            // a row that has moved since the keys were read is no longer due
            if (due.row.lane === lanes[n]!.lane && due.row.nextAttemptAt! <= now) found[n]!.push(due);
          }
        }
        open = open.flatMap(({ n }) => {
          const of = byLane.get(n) ?? [];
          const last = of.at(-1);
          if (found[n]!.length >= limit || last === undefined || of.length < most) return [];
          return [{ n, behind: [last.next_attempt_at, last.state, last.id] as const }];
        });
      }
      return found.map((rows, n) => ({
        rows: rows.filter(({ row }) => !exclude.has(row.id)),
        next: next[n]?.at ?? null,
      }));
    },
    async lanes(of) {
      type Cells = Pick<LaneSummary, 'lane' | 'queued' | 'deferred' | 'held'> & {
        project_id: string;
        next_due: number;
        last_due: number;
      };
      const found: StoredLane[] = [];
      for (const owner of await ownersOf(of))
        for (let last = { project_id: '', lane: '' }; ; ) {
          const rows = await all<Cells>(LANES, [owner, last.project_id, last.lane]);
          for (const { project_id, next_due, last_due, ...lane } of rows) {
            const project = project_id as LaneSummary['project'];
            found.push({ project, nextDue: next_due, lastDue: last_due, ...lane });
          }
          if (rows.length < LANES_AT_ONCE) break;
          last = rows.at(-1)!;
        }
      return found;
    },
    async waiting(filter, { limit, cursor }, own = false) {
      const at = readCursor(cursor);
      const params: (SqlValue | readonly string[])[] = [
        await (own ? owners.mine('recipient') : owners.all('recipient')),
      ];
      const param = (value: SqlValue) => `$${params.push(value)}`;
      let where = 'r.owner = o.owner AND r.next_attempt_at IS NOT NULL';
      if (filter.project !== null) {
        where += ` AND r.project_id = ${param(filter.project)}`;
        if (filter.lane !== undefined) where += ` AND r.lane = ${param(filter.lane)}`;
      }
      if (at !== null) {
        const [project, lane, time, state, id] = at.map(param);
        where += ` AND (r.project_id, r.lane, r.next_attempt_at, r.state, r.id) > (${project}, ${lane}, ${time}::int8, ${state}, ${id})`;
      }
      const inOrder = `project_id, lane, next_attempt_at, state, id`;
      const most = isLookedThrough(filter) ? MOST_LOOKED_AT : limit + 1;
      const atMost = `LIMIT ${param(most)}::int8`;
      const keys = await all<WaitingKey>(
        `SELECT k.* FROM unnest($1::text[]) AS o (owner) CROSS JOIN LATERAL (
            SELECT ${inOrder} FROM recipient r WHERE ${where} ORDER BY ${inOrder} ${atMost}) k
          ORDER BY ${inOrder} ${atMost}`,
        params,
        LONG_READ,
      );
      const items: DueRecipient[] = [];
      let next = 0;
      while (next < keys.length && items.length < limit) {
        const chunk: WaitingKey[] = [];
        for (; next < keys.length && chunk.length < limit - items.length; next += 1) {
          const key = keys[next]!;
          if (filter.lane !== undefined && key.lane !== filter.lane) continue;
          if (filter.states !== undefined && !filter.states.includes(key.state)) continue;
          if (!unreadable.has('recipient', key.id)) chunk.push(key);
        }
        items.push(...(await waitingRows(chunk)).filter((due) => matchesWaiting(filter, due)));
      }
      const byId = new Map(keys.map((key) => [key.id, key]));
      const cursors = items.map(({ row }) => writeCursor(byId.get(row.id)!));
      const last = keys[next - 1];
      const over = next === keys.length && keys.length < most;
      const nextCursor = over || last === undefined ? null : writeCursor(last);
      return { items, cursors, nextCursor, ...(isLookedThrough(filter) ? { lookedAt: next } : {}) };
    },
    async dueAfter(lane, after, limit) {
      const { items } = await reader.waiting(lane, { limit, cursor: cursorAfter(lane, after) }, true);
      return items;
    },
    async sentKeys(project, key) {
      const sql = 'SELECT address, message_id, created_at FROM sent_key WHERE project_id = $1 AND key = $2';
      return (await all<SentKeyCells>(sql, [project, key])).map((r) => toSentKey(project, key, r));
    },
    async suspensions() {
      const sql =
        'SELECT id, filter, reason, actor, by_operator, created_at, expires_at FROM suspension ORDER BY id';
      return (await all<SuspensionCells>(sql)).map(toSuspension);
    },
    async operations({ limit, cursor }, project) {
      const sql = `SELECT id, action, filter, actor, at, changed FROM queue_operation
        WHERE id < $1 AND ($2::text IS NULL OR project_id = $2) ORDER BY id DESC LIMIT $3`;
      const rows = await all<OperationCells>(sql, [decodeCursor(cursor), project, limit + 1]);
      return toPage(rows, limit, (r) => r.id, toOperation);
    },
    async depth(project) {
      const depth = { queued: 0, deferred: 0, held: 0 };
      const rows = await all<{ state: keyof typeof depth; n: number }>(
        `SELECT state, count(*) AS n FROM recipient WHERE next_attempt_at IS NOT NULL AND owner = ANY ($1::text[])
          AND ($2::text IS NULL OR project_id = $2) GROUP BY state`,
        [await owners.all('recipient'), project],
        LONG_READ,
      );
      for (const row of rows) depth[row.state] = row.n;
      return depth;
    },
    async messages(project, { limit, cursor, domainId, messageIdHeader }) {
      const params: SqlValue[] = [project, decodeCursor(cursor), limit + 1];
      const param = (value: SqlValue) => `$${params.push(value)}`;
      let where = 'project_id = $1 AND id < $2';
      let order = 'id DESC';
      if (domainId !== undefined) where += ` AND domain_id = ${param(domainId)}`;
      if (messageIdHeader !== undefined) {
        const header = param(messageIdHeader);
        // Bounds, not equality, and in the index's own order: no other index gives that order.
        where += ` AND left(message_id_header, 200) >= left(${header}, 200) AND message_id_header = ${header}
          AND (left(message_id_header, 200), project_id, id) < (left(${header}, 200), $1, $2)`;
        order = 'left(message_id_header, 200) DESC, project_id DESC, id DESC';
      }
      const sql = `SELECT ${MESSAGE} FROM message WHERE ${where} ORDER BY ${order} LIMIT $3`;
      return toPage(await all<MessageCells>(sql, params), limit, (r) => r.id, toSummary);
    },
  };
  return reader;
}
