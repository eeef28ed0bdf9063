/**
 * The spool on SQLite: hand-written SQL, bodies in rows of at most 256 KiB. Invariant: a move is applied only from one
 * of its `from` states. Fails: a body that is not whole is shelved as corrupt and reading it throws StoreError.
 */
import { MOST_LOOKED_AT, StoreError } from '../../runtime/transactor.ts';
import type {
  DueRecipient,
  LaneKey,
  LaneSummary,
  RecipientRow,
  SpoolReader,
  SpoolTx,
  StoredMessage,
} from '../../spool/types.ts';
import { isLookedThrough, matchesWaiting } from '../../spool/waiting.ts';
import {
  decodeCursor,
  decodeUpwards,
  type Push,
  type SqlValue,
  toBit,
  toBuffer,
  toJson,
  toPage,
} from '../command.ts';
import {
  type AttemptCells,
  BODY_PART,
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
import type { Shelf } from '../shelf.ts';
import { sqliteShown } from './shown.ts';
import type { Statements } from './statements.ts';

const NOTHING = Buffer.alloc(0);
/** What recipient_lane is sorted by. */
const LANE_KEY = ['project_id', 'lane', 'next_attempt_at', 'state', 'id'];

export function sqliteSpoolReader(statements: Statements, shelf: Shelf): SpoolReader {
  const messageOf = (project: string, id: string) =>
    statements.get('SELECT * FROM message WHERE project_id = ? AND id = ?').get(project, id) as unknown as
      | MessageCells
      | undefined;
  function readDue(project: string, id: string): DueRecipient | null {
    try {
      const row = statements
        .get('SELECT * FROM recipient WHERE project_id = ? AND id = ?')
        .get(project, id) as unknown as RecipientCells;
      const message = messageOf(project, row.message_id);
      if (message === undefined) throw new Error('its message is gone');
      return { row: toRecipient(row), message: toSummary(message) };
    } catch (error) {
      shelf.put('recipient', id, error);
      return null;
    }
  }
  function dueOf(
    { project, lane }: LaneKey,
    now: number,
    limit: number,
    exclude: ReadonlySet<RecipientRow['id']>,
  ): DueRecipient[] {
    const found: DueRecipient[] = [];
    if (limit <= 0) return found;
    const sql = `SELECT id FROM recipient INDEXED BY recipient_lane
      WHERE project_id = ? AND lane = ? AND next_attempt_at <= ? ORDER BY next_attempt_at`;
    const keys = statements.get(sql).iterate(project, lane, now) as Iterable<unknown> as Iterable<{
      id: string;
    }>;
    // only the index is walked while skipping
    for (const { id } of keys) {
      if (exclude.has(id as RecipientRow['id']) || shelf.has('recipient', id)) continue;
      const due = readDue(project, id);
      if (due !== null) found.push(due);
      if (found.length >= limit) break;
    }
    return found;
  }
  function nextOf({ project, lane }: LaneKey, now: number): number | null {
    const sql =
      'SELECT min(next_attempt_at) AS at FROM recipient INDEXED BY recipient_lane WHERE project_id = ? AND lane = ? AND next_attempt_at > ?';
    return statements.all<{ at: number | null }>(sql, project, lane, now)[0]?.at ?? null;
  }
  return {
    async message(project, id) {
      const row = messageOf(project, id);
      if (row === undefined) return null;
      const parts = statements
        .get('SELECT data FROM message_body WHERE project_id = ? AND message_id = ? ORDER BY part')
        .iterate(project, row.body_of ?? id) as Iterable<unknown> as Iterable<{ data: unknown }>;
      try {
        const [first] = statements.all<{ prefix: unknown }>(
          'SELECT prefix FROM message_body WHERE project_id = ? AND message_id = ? AND part = 0',
          project,
          id,
        );
        const prefix = toBuffer(first?.prefix);
        // One part at a time into its place: a large message is not there twice.
        const raw = Buffer.allocUnsafeSlow(row.size);
        let octets = 0;
        for (const part of parts) {
          const data = toBuffer(part.data);
          data.copy(raw, octets);
          octets += data.length;
        }
        if (octets !== row.size) throw new Error(`the body has ${octets} of ${row.size} octets`);
        const { size: _, ...message } = toSummary(row);
        return { ...message, prefix, raw };
      } catch (error) {
        // removed between two of the questions (retention)
        if (messageOf(project, id) === undefined) return null;
        shelf.put('message', id, error);
        throw new StoreError(`message ${id} cannot be read`, false, error);
      }
    },
    ...sqliteShown(statements, shelf),
    async recipients(project, message) {
      const sql =
        'SELECT * FROM recipient INDEXED BY recipient_message WHERE project_id = ? AND message_id = ? ORDER BY id';
      return statements.all<RecipientCells>(sql, project, message).map(toRecipient);
    },
    async recipientPage(project, message, { limit, cursor }) {
      const sql = `SELECT * FROM recipient INDEXED BY recipient_message
        WHERE project_id = ? AND message_id = ? AND id > ? ORDER BY id LIMIT ?`;
      const rows = statements.all<RecipientCells>(sql, project, message, decodeUpwards(cursor), limit + 1);
      return toPage(rows, limit, (r) => r.id, toRecipient);
    },
    async attempts(project, message, recipients) {
      const sql = `SELECT * FROM attempt WHERE project_id = ? AND message_id = ?
        AND recipient_id IN (SELECT value FROM json_each(?)) ORDER BY at, recipient_id, number`;
      const rows = statements.all<AttemptCells>(sql, project, message, JSON.stringify(recipients));
      return rows.map((row) => toAttempt(project, message, row));
    },
    async due(lanes, now, limit, exclude) {
      return statements.together(() =>
        lanes.map((lane) => ({ rows: dueOf(lane, now, limit, exclude), next: nextOf(lane, now) })),
      );
    },
    async lanes() {
      const sql = `SELECT project_id, lane, sum(state = 'queued') AS queued, sum(state = 'deferred') AS deferred,
        sum(state = 'held') AS held, min(next_attempt_at) AS next_due
        FROM recipient INDEXED BY recipient_lane WHERE next_attempt_at IS NOT NULL GROUP BY project_id, lane`;
      type Cells = Pick<LaneSummary, 'lane' | 'queued' | 'deferred' | 'held'> & {
        project_id: string;
        next_due: number;
      };
      return statements.all<Cells>(sql).map(({ project_id, next_due, ...lane }) => ({
        project: project_id as LaneSummary['project'],
        nextDue: next_due,
        ...lane,
      }));
    },
    async waiting(filter, { limit, cursor }) {
      const at = readCursor(cursor);
      const most = isLookedThrough(filter) ? MOST_LOOKED_AT : limit + 1;
      // what is known of the key is said by itself, so that a cursor leads straight to its place in the index
      const { project, lane } = filter;
      const params: SqlValue[] = project === null ? [] : lane === undefined ? [project] : [project, lane];
      const [known, open] = [LANE_KEY.slice(0, params.length), LANE_KEY.slice(params.length)];
      let where = ['next_attempt_at IS NOT NULL', ...known.map((column) => `${column} = ?`)].join(' AND ');
      if (at !== null) {
        where += ` AND (${open.join(', ')}) > (${open.map(() => '?').join(', ')})`;
        params.push(...at.slice(known.length));
      }
      const keys = statements.all<WaitingKey>(
        `SELECT project_id, lane, next_attempt_at, state, id FROM recipient INDEXED BY recipient_lane
          WHERE ${where} ORDER BY ${LANE_KEY.join(', ')} LIMIT ?`,
        ...params,
        most,
      );
      const items: DueRecipient[] = [];
      const cursors: string[] = [];
      let last: WaitingKey | null = null;
      let lookedAt = 0;
      for (const key of keys) {
        if (items.length >= limit) break;
        last = key;
        lookedAt += 1;
        if (filter.lane !== undefined && key.lane !== filter.lane) continue;
        if (filter.states !== undefined && !filter.states.includes(key.state)) continue;
        if (shelf.has('recipient', key.id)) continue;
        const due = readDue(key.project_id, key.id);
        if (due === null || !matchesWaiting(filter, due)) continue;
        items.push(due);
        cursors.push(writeCursor(key));
      }
      const nextCursor =
        (lookedAt === keys.length && keys.length < most) || last === null ? null : writeCursor(last);
      return { items, cursors, nextCursor, ...(isLookedThrough(filter) ? { lookedAt } : {}) };
    },
    async recipient(project, id) {
      const [row] = statements.all<RecipientCells>(
        'SELECT * FROM recipient WHERE project_id = ? AND id = ?',
        project,
        id,
      );
      return row === undefined ? null : toRecipient(row);
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
      const of = project === null ? '' : 'AND project_id = ?';
      const sql = `SELECT state, count(*) AS n FROM recipient INDEXED BY recipient_lane
        WHERE next_attempt_at IS NOT NULL ${of} GROUP BY state`;
      const params = project === null ? [] : [project];
      for (const row of statements.all<{ state: keyof typeof depth; n: number }>(sql, ...params))
        depth[row.state] = row.n;
      return depth;
    },
    async messages(project, { limit, cursor, domainId, messageIdHeader }) {
      const params: SqlValue[] = [project, decodeCursor(cursor)];
      let where = 'project_id = ? AND id < ?';
      let index = 'sqlite_autoindex_message_1';
      if (domainId !== undefined) {
        where += ' AND domain_id = ?';
        index = 'message_domain';
        params.push(domainId);
      }
      if (messageIdHeader !== undefined) {
        where += ' AND message_id_header = ?';
        index = 'message_header';
        params.push(messageIdHeader);
      }
      const sql = `SELECT * FROM message INDEXED BY ${index} WHERE ${where} ORDER BY id DESC LIMIT ?`;
      return toPage(statements.all<MessageCells>(sql, ...params, limit + 1), limit, (r) => r.id, toSummary);
    },
  };
}

export function sqliteSpoolTx(push: Push): SpoolTx {
  function insertBody(m: StoredMessage, raw: Buffer, reading: Buffer | null): void {
    const sql =
      'INSERT INTO message_body (project_id, message_id, part, prefix, data, reading) VALUES (?, ?, ?, ?, ?, ?)';
    for (let part = 0; part === 0 || part * BODY_PART < raw.length; part += 1) {
      const data = raw.length === 0 ? NOTHING : raw.subarray(part * BODY_PART, (part + 1) * BODY_PART);
      const [prefix, read] = part === 0 ? [m.prefix, reading] : [null, null];
      push({ sql, params: [m.projectId, m.id, part, prefix, data, read] });
    }
  }
  return {
    insertMessage(m, bodyOf, reading) {
      push({
        sql: `INSERT INTO message (project_id, id, domain_id, direction, source, mail_from, message_id_header, size, smtputf8, eight_bit,
          accepted_at, expires_at, keep_until, facts, body_of) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        params: [
          m.projectId,
          m.id,
          m.domainId,
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
          bodyOf ?? null,
        ],
      });
      if (bodyOf === undefined) insertBody(m, m.raw, reading ?? null);
      else insertBody(m, NOTHING, null);
    },
    storeReading: (project, id, reading) =>
      push({
        sql: `UPDATE message_body SET reading = ? WHERE project_id = ? AND part = 0 AND reading IS NULL
          AND message_id = (SELECT coalesce(body_of, id) FROM message WHERE project_id = ? AND id = ?)`,
        params: [reading, project, project, id],
      }),
    insertRecipient: (r) =>
      push({
        sql: `INSERT INTO recipient (project_id, id, message_id, address, domain, lane, state, attempts, next_attempt_at, held_since, held_ms, dsn,
          last_result, created_at, settled_at)
          SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM message WHERE project_id = ? AND id = ?`,
        params: [
          r.projectId,
          r.id,
          r.messageId,
          r.address,
          r.domain,
          r.lane,
          r.state,
          r.attempts,
          r.nextAttemptAt,
          r.heldSince,
          r.heldMs,
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
        sql: `UPDATE recipient SET state = ?, lane = ?, attempts = ?, next_attempt_at = ?, held_since = ?, held_ms = ?, last_result = ?, settled_at = ?
          WHERE project_id = ? AND id = ? AND instr(?, ',' || state || ',') > 0`,
        params: [
          move.to,
          move.lane,
          move.attempts,
          move.nextAttemptAt,
          move.heldSince,
          move.heldMs,
          toJson(move.lastResult),
          move.settledAt,
          move.projectId,
          move.recipientId,
          `,${move.from.join(',')},`,
        ],
        must: true,
      }),
    insertAttempt: (a) =>
      push({
        sql: 'INSERT INTO attempt (project_id, message_id, recipient_id, number, at, outcome, detail) VALUES (?, ?, ?, ?, ?, ?, ?)',
        params: [a.projectId, a.messageId, a.recipientId, a.number, a.at, a.outcome, toJson(a.detail)],
      }),
    insertSuspension: ({ id, filter, reason, actor, createdAt, expiresAt }) =>
      push({
        sql: 'INSERT INTO suspension (id, project_id, filter, reason, actor, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
        params: [id, filter.project, toJson(filter), reason, actor, createdAt, expiresAt],
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
