/**
 * The spool on SQLite: hand-written SQL, bodies in rows of at most 256 KiB. Invariant: a move is applied only from one
 * of its `from` states. Fails: a body that is not whole is shelved as corrupt and reading it throws StoreError.
 */
import { StoreError } from '../../runtime/transactor.ts';
import type {
  AttemptRow,
  DueRecipient,
  MessageFacts,
  RecipientRow,
  SpoolReader,
  SpoolTx,
  StoredMessage,
} from '../../spool/types.ts';
import {
  decodeCursor,
  fromJson,
  type Push,
  type SqlValue,
  toBit,
  toBuffer,
  toJson,
  toPage,
} from '../command.ts';
import type { Shelf } from './corrupt.ts';
import type { Statements } from './statements.ts';

/** Octets of body in one row. */
const PART = 256 * 1024;
const NOTHING = Buffer.alloc(0);

interface MessageCells {
  project_id: string;
  id: string;
  domain_id: string | null;
  direction: string;
  source: string;
  mail_from: string;
  message_id_header: string;
  size: number;
  smtputf8: number;
  eight_bit: number;
  accepted_at: number;
  expires_at: number;
  facts: string;
}
interface RecipientCells {
  project_id: string;
  id: string;
  message_id: string;
  address: string;
  domain: string;
  state: string;
  attempts: number;
  next_attempt_at: number | null;
  last_result: string | null;
  created_at: number;
  settled_at: number | null;
}
type Summary = DueRecipient['message'];

function toSummary(r: MessageCells): Summary {
  return {
    id: r.id as Summary['id'],
    projectId: r.project_id as Summary['projectId'],
    domainId: r.domain_id as Summary['domainId'],
    direction: r.direction as Summary['direction'],
    source: r.source as Summary['source'],
    mailFrom: r.mail_from,
    messageIdHeader: r.message_id_header,
    smtputf8: r.smtputf8 === 1,
    eightBit: r.eight_bit === 1,
    acceptedAt: r.accepted_at,
    expiresAt: r.expires_at,
    facts: fromJson(r.facts) as MessageFacts,
    size: r.size,
  };
}
function toRecipient(r: RecipientCells): RecipientRow {
  return {
    id: r.id as RecipientRow['id'],
    messageId: r.message_id as RecipientRow['messageId'],
    projectId: r.project_id as RecipientRow['projectId'],
    address: r.address,
    domain: r.domain,
    state: r.state as RecipientRow['state'],
    attempts: r.attempts,
    nextAttemptAt: r.next_attempt_at,
    lastResult: fromJson(r.last_result),
    createdAt: r.created_at,
    settledAt: r.settled_at,
  };
}

export function sqliteSpoolReader(statements: Statements, shelf: Shelf): SpoolReader {
  const messageOf = (project: string, id: string) =>
    statements.get('SELECT * FROM message WHERE project_id = ? AND id = ?').get(project, id) as unknown as
      | MessageCells
      | undefined;
  return {
    async message(project, id) {
      const row = messageOf(project, id);
      if (row === undefined) return null;
      const parts = statements.all<{ prefix: unknown; data: unknown }>(
        'SELECT prefix, data FROM message_body WHERE project_id = ? AND message_id = ? ORDER BY part',
        project,
        id,
      );
      try {
        const blobs = parts.map((part) => toBuffer(part.data));
        const raw = blobs.length === 1 ? blobs[0]! : Buffer.concat(blobs);
        if (parts.length === 0 || raw.length !== row.size)
          throw new Error(`the body has ${raw.length} of ${row.size} octets`);
        const { size: _, ...message } = toSummary(row);
        return { ...message, prefix: toBuffer(parts[0]!.prefix), raw };
      } catch (error) {
        shelf.put('message', id, error);
        throw new StoreError(`message ${id} cannot be read`, false, error);
      }
    },
    async recipients(project, message) {
      const sql = 'SELECT * FROM recipient WHERE project_id = ? AND message_id = ? ORDER BY id';
      return statements.all<RecipientCells>(sql, project, message).map(toRecipient);
    },
    async attempts(project, message) {
      const sql =
        'SELECT * FROM attempt WHERE project_id = ? AND message_id = ? ORDER BY at, recipient_id, number';
      const rows = statements.all<{
        recipient_id: string;
        number: number;
        at: number;
        outcome: string;
        detail: string | null;
      }>(sql, project, message);
      return rows.map((r) => ({
        projectId: project,
        messageId: message,
        recipientId: r.recipient_id as AttemptRow['recipientId'],
        number: r.number,
        at: r.at,
        outcome: r.outcome as AttemptRow['outcome'],
        detail: fromJson(r.detail),
      }));
    },
    async due(now, limit, exclude) {
      const found: DueRecipient[] = [];
      if (limit <= 0) return found;
      const sql =
        'SELECT project_id, id FROM recipient INDEXED BY recipient_due WHERE next_attempt_at <= ? ORDER BY next_attempt_at';
      // only the index is walked while skipping, so that a large `exclude` costs little
      for (const key of statements.get(sql).iterate(now) as Iterable<unknown> as Iterable<{
        project_id: string;
        id: string;
      }>) {
        if (exclude.has(key.id as RecipientRow['id']) || shelf.has('recipient', key.id)) continue;
        const row = statements
          .get('SELECT * FROM recipient WHERE project_id = ? AND id = ?')
          .get(key.project_id, key.id) as unknown as RecipientCells;
        try {
          const message = messageOf(row.project_id, row.message_id);
          if (message === undefined) throw new Error('its message is gone');
          found.push({ row: toRecipient(row), message: toSummary(message) });
        } catch (error) {
          shelf.put('recipient', key.id, error);
        }
        if (found.length >= limit) break;
      }
      return found;
    },
    async nextDueAfter(now) {
      const sql = 'SELECT min(next_attempt_at) AS at FROM recipient WHERE next_attempt_at > ?';
      return statements.all<{ at: number | null }>(sql, now)[0]?.at ?? null;
    },
    async depth(project) {
      const depth = { queued: 0, deferred: 0, held: 0 };
      // The index ends in the primary key, so that it covers the project too.
      const sql = `SELECT state, count(*) AS n FROM recipient INDEXED BY recipient_due
        WHERE next_attempt_at IS NOT NULL AND (?1 IS NULL OR project_id = ?1) GROUP BY state`;
      for (const row of statements.all<{ state: keyof typeof depth; n: number }>(sql, project))
        depth[row.state] = row.n;
      return depth;
    },
    async messages(project, { limit, cursor, domainId, messageIdHeader }) {
      const params: SqlValue[] = [project, decodeCursor(cursor)];
      let where = 'project_id = ? AND id < ?';
      if (domainId !== undefined) {
        where += ' AND domain_id = ?';
        params.push(domainId);
      }
      if (messageIdHeader !== undefined) {
        where += ' AND message_id_header = ?';
        params.push(messageIdHeader);
      }
      const sql = `SELECT * FROM message WHERE ${where} ORDER BY id DESC LIMIT ?`;
      return toPage(statements.all<MessageCells>(sql, ...params, limit + 1), limit, (r) => r.id, toSummary);
    },
  };
}

export function sqliteSpoolTx(push: Push): SpoolTx {
  function insertBody(m: StoredMessage): void {
    const sql =
      'INSERT INTO message_body (project_id, message_id, part, prefix, data) VALUES (?, ?, ?, ?, ?)';
    for (let part = 0; part === 0 || part * PART < m.raw.length; part += 1) {
      const data = m.raw.length === 0 ? NOTHING : m.raw.subarray(part * PART, (part + 1) * PART);
      push({ sql, params: [m.projectId, m.id, part, part === 0 ? m.prefix : null, data] });
    }
  }
  return {
    insertMessage(m) {
      push({
        sql: `INSERT INTO message (project_id, id, domain_id, direction, source, mail_from, message_id_header, size, smtputf8, eight_bit,
          accepted_at, expires_at, facts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
          JSON.stringify(m.facts),
        ],
      });
      insertBody(m);
    },
    insertRecipient: (r) =>
      push({
        sql: `INSERT INTO recipient (project_id, id, message_id, address, domain, state, attempts, next_attempt_at, last_result, created_at, settled_at)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        params: [
          r.projectId,
          r.id,
          r.messageId,
          r.address,
          r.domain,
          r.state,
          r.attempts,
          r.nextAttemptAt,
          toJson(r.lastResult),
          r.createdAt,
          r.settledAt,
        ],
      }),
    moveRecipient: (move) =>
      push({
        sql: `UPDATE recipient SET state = ?, attempts = ?, next_attempt_at = ?, last_result = ?, settled_at = ?
          WHERE project_id = ? AND id = ? AND instr(?, ',' || state || ',') > 0`,
        params: [
          move.to,
          move.attempts,
          move.nextAttemptAt,
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
  };
}
