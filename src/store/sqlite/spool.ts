/**
 * The spool on SQLite, in hand-written SQL. A message has a number, in the order of the commits; dependent
 * rows refer to it. Its first 256 KiB are in its row, the rest in further rows of the same size. Invariant: a
 * transition is applied only from one of its `from` states.
 */
import { setImmediate } from 'node:timers/promises';
import type { DomainId, ProjectId } from '../../runtime/ids.ts';
import { MOST_LOOKED_AT } from '../../runtime/transactor.ts';
import type {
  DueRecipient,
  LaneKey,
  LaneSummary,
  RecipientRow,
  SpoolReader,
  SpoolTx,
  WaitingFilter,
} from '../../spool/messages.ts';
import { isLookedThrough, matchesWaiting } from '../../spool/waiting.ts';
import { decodeCursor, decodeUpwards, type Push, type SqlValue, toBit, toJson, toPage } from '../command.ts';
import {
  type AttemptCells,
  BODY_PART,
  cursorAfter,
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
import { digits, digitsOrNull, ID, idOf, NR, NR_OF_ID, octetsFrom, toId, withIds } from './ids.ts';
import { MESSAGE, messageCells, sqliteShown } from './shown.ts';
import type { Statements } from './statements.ts';

const NOTHING = Buffer.alloc(0);
/** The columns by which recipient_lane is sorted. */
const LANE_KEY = ['project_id', 'lane', 'next_attempt_at', 'state', 'id'];
const markOf = (column: string): string => (column === 'project_id' || column === 'id' ? ID : '?');

/** Of a row of recipient: its message's number, and its own id. */
interface RecipientKey {
  readonly message: number;
  /** Its digits. */
  readonly id: string;
}
const RECIPIENT = `${digits('recipient.id')}, ${digits('recipient.project_id')}, address, domain, lane, state, attempts, next_attempt_at,
  held_since, held_ms, moves, dsn, last_result, created_at, settled_at`;

const LOOKED = `SELECT r.domain, m.mail_from, ${digitsOrNull('m.domain_id')}, m.accepted_at FROM recipient r JOIN message m ON m.nr = r.message
  WHERE r.message = ? AND r.id = ${ID}`;
interface LookedCells {
  readonly domain: string;
  readonly mail_from: string;
  readonly domain_id: string | null;
  readonly accepted_at: number;
}
/** Rows that are read between two turns of the event loop. */
const TURN = 100;

export function sqliteSpoolReader(statements: Statements, unreadable: UnreadableRows): SpoolReader {
  const recipientOf = (row: object, message: string): RecipientRow =>
    toRecipient({ ...withIds<RecipientCells>(row, ['id', 'project_id']), message_id: message });
  function readDue({ message, id }: RecipientKey): DueRecipient | null {
    try {
      const [summary] = statements.all<object>(`SELECT ${MESSAGE} FROM message WHERE nr = ?`, message);
      const [row] = statements.all<object>(
        `SELECT ${RECIPIENT} FROM recipient WHERE message = ? AND id = ${ID}`,
        message,
        id,
      );
      if (summary === undefined) throw new Error('its message is gone');
      const cells = messageCells(summary);
      return { row: recipientOf(row!, cells.id), message: toSummary(cells) };
    } catch (error) {
      unreadable.put('recipient', toId(id), error);
      return null;
    }
  }
  /**
   * Whether a row must be read completely; of most rows, only the columns that the filter compares are read.
   */
  function isMeant(filter: WaitingFilter, key: WaitingKey, { message, id }: RecipientKey): boolean {
    const [row] = statements.all<LookedCells>(LOOKED, message, id);
    return (
      row === undefined ||
      matchesWaiting(filter, {
        row: { ...key, projectId: key.project_id as ProjectId, domain: row.domain },
        message: {
          mailFrom: row.mail_from,
          domainId: row.domain_id === null ? null : (toId(row.domain_id) as DomainId),
          acceptedAt: row.accepted_at,
        },
      })
    );
  }
  function dueOf(
    { project, lane }: LaneKey,
    now: number,
    limit: number,
    exclude: ReadonlySet<RecipientRow['id']>,
  ): DueRecipient[] {
    const found: DueRecipient[] = [];
    if (limit <= 0) return found;
    const sql = `SELECT message, ${digits('id')} FROM recipient INDEXED BY recipient_lane
      WHERE project_id = ${ID} AND lane = ? AND next_attempt_at <= ? ORDER BY next_attempt_at`;
    const keys = statements
      .get(sql)
      .iterate(project, lane, now) as Iterable<unknown> as Iterable<RecipientKey>;
    // only the index is walked while skipping
    for (const key of keys) {
      const id = toId(key.id);
      if (exclude.has(id as RecipientRow['id']) || unreadable.has('recipient', id)) continue;
      const due = readDue(key);
      if (due !== null) found.push(due);
      if (found.length >= limit) break;
    }
    return found;
  }
  function nextOf({ project, lane }: LaneKey, now: number): number | null {
    const sql = `SELECT min(next_attempt_at) AS at FROM recipient INDEXED BY recipient_lane
      WHERE project_id = ${ID} AND lane = ? AND next_attempt_at > ?`;
    return statements.all<{ at: number | null }>(sql, project, lane, now)[0]?.at ?? null;
  }
  const reader: SpoolReader = {
    ...sqliteShown(statements, unreadable),
    async recipients(project, message) {
      const sql = `SELECT ${RECIPIENT} FROM recipient WHERE message = ${NR} ORDER BY recipient.id`;
      return statements.all<object>(sql, project, message).map((row) => recipientOf(row, message));
    },
    async recipientPage(project, message, { limit, cursor }) {
      const sql = `SELECT ${RECIPIENT} FROM recipient WHERE message = ${NR} AND id > ? ORDER BY recipient.id LIMIT ?`;
      const rows = statements
        .all<object>(sql, project, message, octetsFrom(decodeUpwards(cursor)), limit + 1)
        .map((row) => recipientOf(row, message));
      return toPage(
        rows,
        limit,
        (row) => row.id,
        (row) => row,
      );
    },
    async attempts(project, message, recipients) {
      const sql = `SELECT ${digits('recipient_id')}, number, at, outcome, detail FROM attempt WHERE message = ${NR}
        AND recipient_id IN (SELECT ${idOf('value')} FROM json_each(?)) ORDER BY at, attempt.recipient_id, number`;
      const rows = statements.all<object>(sql, project, message, JSON.stringify(recipients));
      return rows.map((row) => toAttempt(project, message, withIds<AttemptCells>(row, ['recipient_id'])));
    },
    async due(lanes, now, limit, exclude) {
      return statements.together(() =>
        lanes.map((lane) => ({ rows: dueOf(lane, now, limit, exclude), next: nextOf(lane, now) })),
      );
    },
    async lanes() {
      const sql = `SELECT ${digits('project_id')}, lane, sum(state = 'queued') AS queued, sum(state = 'deferred') AS deferred,
        sum(state = 'held') AS held, min(next_attempt_at) AS next_due, max(next_attempt_at) AS last_due
        FROM recipient INDEXED BY recipient_lane WHERE next_attempt_at IS NOT NULL GROUP BY project_id, lane`;
      type Cells = Pick<LaneSummary, 'lane' | 'queued' | 'deferred' | 'held'> & {
        project_id: string;
        next_due: number;
        last_due: number;
      };
      return statements.all<Cells>(sql).map(({ project_id, next_due, last_due, ...lane }) => ({
        project: toId(project_id) as LaneSummary['project'],
        nextDue: next_due,
        lastDue: last_due,
        ...lane,
      }));
    },
    async waiting(filter, { limit, cursor }) {
      const at = readCursor(cursor);
      const most = isLookedThrough(filter) ? MOST_LOOKED_AT : limit + 1;
      // each known part of the key has its own condition, so a cursor leads straight to its place in the
      // index
      const { project, lane } = filter;
      const params: SqlValue[] = project === null ? [] : lane === undefined ? [project] : [project, lane];
      const [known, open] = [LANE_KEY.slice(0, params.length), LANE_KEY.slice(params.length)];
      let where = [
        'next_attempt_at IS NOT NULL',
        ...known.map((column) => `${column} = ${markOf(column)}`),
      ].join(' AND ');
      if (at !== null) {
        where += ` AND (${open.join(', ')}) > (${open.map(markOf).join(', ')})`;
        params.push(...at.slice(known.length));
      }
      const keys = statements.all<RecipientKey & WaitingKey>(
        `SELECT message, ${digits('project_id')}, lane, next_attempt_at, state, ${digits('id')} FROM recipient INDEXED BY recipient_lane
          WHERE ${where} ORDER BY ${LANE_KEY.map((column) => `recipient.${column}`).join(', ')} LIMIT ?`,
        ...params,
        most,
      );
      const items: DueRecipient[] = [];
      const cursors: string[] = [];
      let last: WaitingKey | null = null;
      let lookedAt = 0;
      for (const { project_id, id, message, ...rest } of keys) {
        if (items.length >= limit) break;
        const key: WaitingKey = { ...rest, project_id: toId(project_id), id: toId(id) };
        last = key;
        lookedAt += 1;
        if (filter.lane !== undefined && key.lane !== filter.lane) continue;
        if (filter.states !== undefined && !filter.states.includes(key.state)) continue;
        if (unreadable.has('recipient', key.id)) continue;
        if (lookedAt % TURN === 0) await setImmediate();
        if (isLookedThrough(filter) && !isMeant(filter, key, { message, id })) continue;
        const due = readDue({ message, id });
        if (due === null || !matchesWaiting(filter, due)) continue;
        items.push(due);
        cursors.push(writeCursor(key));
      }
      const nextCursor =
        (lookedAt === keys.length && keys.length < most) || last === null ? null : writeCursor(last);
      return { items, cursors, nextCursor, ...(isLookedThrough(filter) ? { lookedAt } : {}) };
    },
    async dueAfter(lane, after, limit) {
      const { items } = await reader.waiting(lane, { limit, cursor: cursorAfter(lane, after) });
      return items;
    },
    async sentKeys(project, key) {
      const sql = 'SELECT * FROM sent_key WHERE project_id = ? AND key = ?';
      return statements.all<SentKeyCells>(sql, project, key).map((r) => toSentKey(project, key, r));
    },
    async suspensions() {
      return statements.all<SuspensionCells>('SELECT * FROM suspension ORDER BY id').map(toSuspension);
    },
    async operations({ limit, cursor }, project) {
      const sql =
        'SELECT * FROM queue_operation WHERE id < ?1 AND (?2 IS NULL OR project_id = ?2) ORDER BY id DESC LIMIT ?3';
      const rows = statements.all<OperationCells>(sql, decodeCursor(cursor), project, limit + 1);
      return toPage(rows, limit, (r) => r.id, toOperation);
    },
    async depth(project) {
      const depth = { queued: 0, deferred: 0, held: 0 };
      const of = project === null ? '' : `AND project_id = ${ID}`;
      const sql = `SELECT state, count(*) AS n FROM recipient INDEXED BY recipient_lane
        WHERE next_attempt_at IS NOT NULL ${of} GROUP BY state`;
      const params = project === null ? [] : [project];
      for (const row of statements.all<{ state: keyof typeof depth; n: number }>(sql, ...params))
        depth[row.state] = row.n;
      return depth;
    },
    async messages(project, { limit, cursor, domainId, messageIdHeader }) {
      const below = cursor === null ? Number.MAX_SAFE_INTEGER : Number(decodeCursor(cursor)) || 0;
      const params: SqlValue[] = [project, below];
      let where = `project_id = ${ID} AND nr < ?`;
      let index = 'message_project';
      if (domainId !== undefined) {
        where += ` AND domain_id = ${ID}`;
        index = 'message_domain';
        params.push(domainId);
      }
      if (messageIdHeader !== undefined) {
        where += ' AND message_id_header = ?';
        index = 'message_header';
        params.push(messageIdHeader);
      }
      const sql = `SELECT ${MESSAGE} FROM message INDEXED BY ${index} WHERE ${where} ORDER BY nr DESC LIMIT ?`;
      const rows = statements.all<object>(sql, ...params, limit + 1).map(messageCells);
      return toPage(rows, limit, (r) => r.nr, toSummary);
    },
  };
  return reader;
}

export function sqliteSpoolTx(push: Push): SpoolTx {
  return {
    insertMessage(m, bodyOf, reading) {
      const raw = bodyOf === undefined ? m.raw : NOTHING;
      push({
        sql: `INSERT INTO message (project_id, id, domain_id, body_of, direction, source, mail_from, message_id_header, size, smtputf8, eight_bit,
          accepted_at, expires_at, keep_until, facts, prefix, reading, data)
          VALUES (${ID}, ${ID}, ${ID}, ${NR_OF_ID}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, hikyaku_pack(?))`,
        params: [
          m.projectId,
          m.id,
          m.domainId,
          bodyOf ?? null,
          m.direction,
          m.source,
          m.mailFrom,
          m.messageIdHeader,
          m.raw.length,
          toBit(m.smtputf8),
          toBit(m.eightBit),
          m.acceptedAt,
          m.expiresAt,
          m.keepUntil,
          JSON.stringify(m.facts),
          m.prefix,
          bodyOf === undefined ? (reading ?? null) : null,
          raw.subarray(0, BODY_PART),
        ],
      });
      for (let part = 1; part * BODY_PART < raw.length; part += 1)
        push({
          sql: `INSERT INTO message_part (message, part, data) VALUES (${NR_OF_ID}, ?, ?)`,
          params: [m.id, part, raw.subarray(part * BODY_PART, (part + 1) * BODY_PART)],
        });
    },
    storeReading: (project, id, reading) =>
      push({
        sql: `UPDATE message SET reading = ? WHERE reading IS NULL
          AND nr = (SELECT coalesce(body_of, nr) FROM message INDEXED BY message_id WHERE project_id = ${ID} AND id = ${ID})`,
        params: [reading, project, id],
      }),
    insertRecipient: (r) =>
      push({
        sql: `INSERT INTO recipient (message, id, project_id, address, domain, lane, state, attempts, next_attempt_at, held_since, held_ms, moves, dsn,
          last_result, created_at, settled_at)
          SELECT nr, ${ID}, project_id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM message INDEXED BY message_id WHERE project_id = ${ID} AND id = ${ID}`,
        params: [
          r.id,
          r.address,
          r.domain,
          r.lane,
          r.state,
          r.attempts,
          r.nextAttemptAt,
          r.heldSince,
          r.heldMs,
          r.moves,
          toJson(r.dsn),
          toJson(r.lastResult),
          r.createdAt,
          r.settledAt,
          r.projectId,
          r.messageId,
        ],
        must: true,
      }),
    moveRecipient: (move) =>
      push({
        sql: `UPDATE recipient SET state = ?, lane = ?, attempts = ?, next_attempt_at = ?, held_since = ?, held_ms = ?, moves = ?, last_result = ?, settled_at = ?
          WHERE message = ${NR} AND id = ${ID} AND instr(?, ',' || state || ',') > 0`,
        params: [
          move.to,
          move.lane,
          move.attempts,
          move.nextAttemptAt,
          move.heldSince,
          move.heldMs,
          move.moves,
          toJson(move.lastResult),
          move.settledAt,
          move.projectId,
          move.messageId,
          move.recipientId,
          `,${move.from.join(',')},`,
        ],
        must: true,
      }),
    insertAttempt: (a) =>
      push({
        sql: `INSERT INTO attempt (message, recipient_id, number, at, outcome, detail)
          SELECT nr, ${ID}, ?, ?, ?, ? FROM message INDEXED BY message_id WHERE project_id = ${ID} AND id = ${ID}`,
        params: [a.recipientId, a.number, a.at, a.outcome, toJson(a.detail), a.projectId, a.messageId],
      }),
    // Transactions are written one after the other, so the count needs no lock here.
    capSuspensions: (project, most, now) =>
      push({
        sql: `UPDATE meta SET value = value WHERE key = 'version'
          AND (SELECT count(*) FROM suspension WHERE by_operator = ? AND (? IS NULL OR project_id = ?) AND expires_at > ?) < ?`,
        params: [project === null ? 1 : 0, project, project, now, most],
        must: true,
      }),
    insertSuspension: ({ id, filter, reason, actor, byOperator, createdAt, expiresAt }) =>
      push({
        sql: 'INSERT INTO suspension (id, project_id, filter, reason, actor, by_operator, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        params: [id, filter.project, toJson(filter), reason, actor, byOperator ? 1 : 0, createdAt, expiresAt],
      }),
    deleteSuspension: (id) => push({ sql: 'DELETE FROM suspension WHERE id = ?', params: [id], must: true }),
    insertOperation: ({ id, action, filter, actor, at, changed }) =>
      push({
        sql: 'INSERT INTO queue_operation (id, project_id, action, filter, actor, at, changed) VALUES (?, ?, ?, ?, ?, ?, ?)',
        params: [id, filter.project, action, toJson(filter), actor, at, changed],
      }),
    insertSentKey: ({ projectId, key, address, messageId, createdAt }) =>
      push({
        sql: 'INSERT INTO sent_key (project_id, key, address, message_id, created_at) VALUES (?, ?, ?, ?, ?)',
        params: [projectId, key, address, messageId, createdAt],
      }),
    forgetSentKey: (project, key, before) =>
      push({
        sql: 'DELETE FROM sent_key WHERE project_id = ? AND key = ? AND created_at < ?',
        params: [project, key, before],
      }),
  };
}
