/** The spool's writes on PostgreSQL: rows of the hot path, and a few other commands. */
import type { SpoolTx, StoredMessage } from '../../spool/messages.ts';
import { toBit, toJson } from '../command.ts';
import { BODY_PART } from '../rows/spool.ts';
import { dropDayOf } from './partitions.ts';
import type { Recorder } from './recorder.ts';

const NOTHING = Buffer.alloc(0);

export function postgresSpoolTx(recorder: Recorder): SpoolTx {
  function insertBody(m: StoredMessage, raw: Buffer, reading: Buffer | null, dropDay: number): void {
    for (let part = 0; part === 0 || part * BODY_PART < raw.length; part += 1) {
      const data = raw.length === 0 ? NOTHING : raw.subarray(part * BODY_PART, (part + 1) * BODY_PART);
      const [prefix, read] = part === 0 ? [m.prefix, reading] : [null, null];
      recorder.body([m.projectId, m.id, part, prefix, data, read, dropDay], dropDay);
    }
  }
  return {
    insertMessage(m, bodyOf, reading) {
      const dropDay = dropDayOf(m.keepUntil);
      // Octets that may be removed on a different day cannot be shared.
      const shows = bodyOf !== undefined && recorder.bodies.get(bodyOf) === dropDay ? bodyOf : null;
      if (shows === null) recorder.bodies.set(m.id, dropDay);
      recorder.hot('message', [
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
        dropDay,
        JSON.stringify(m.facts),
        shows,
      ]);
      if (shows === null) insertBody(m, m.raw, reading ?? null, dropDay);
      else insertBody(m, NOTHING, null, dropDay);
    },
    storeReading: (project, id, reading) =>
      recorder.push({
        sql: `UPDATE message_body SET reading = $3 WHERE project_id = $1 AND part = 0 AND reading IS NULL
          AND message_id = (SELECT coalesce(body_of, id) FROM message WHERE project_id = $1 AND id = $2)
          AND drop_day = (SELECT drop_day FROM message WHERE project_id = $1 AND id = $2)`,
        params: [project, id, reading],
      }),
    insertRecipient: (r) =>
      recorder.hot('recipient', [
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
        r.moves,
        toJson(r.dsn),
        toJson(r.lastResult),
        r.createdAt,
        r.settledAt,
      ]),
    moveRecipient: (move) =>
      recorder.hot('move', [
        move.projectId,
        move.recipientId,
        `,${move.from.join(',')},`,
        move.to,
        move.lane,
        move.attempts,
        move.nextAttemptAt,
        move.heldSince,
        move.heldMs,
        move.moves,
        toJson(move.lastResult),
        move.settledAt,
      ]),
    insertAttempt: (a) =>
      recorder.hot('attempt', [
        a.projectId,
        a.messageId,
        a.recipientId,
        a.number,
        a.at,
        a.outcome,
        toJson(a.detail),
      ]),
    capSuspensions(project, most, now) {
      // A row that all projects have is the lock. The count is a statement of its own (control/caps.ts).
      const lock = `UPDATE meta SET value = value WHERE key = 'version'`;
      recorder.pushApart({ sql: lock, params: [] });
      recorder.pushApart({
        sql: `${lock}
          AND (SELECT count(*) FROM suspension WHERE by_operator = $1 AND ($2::text IS NULL OR project_id = $2) AND expires_at > $3) < $4`,
        params: [project === null ? 1 : 0, project, now, most],
        must: true,
      });
    },
    insertSuspension: ({ id, filter, reason, actor, byOperator, createdAt, expiresAt }) =>
      recorder.pushApart({
        sql: 'INSERT INTO suspension (id, project_id, filter, reason, actor, by_operator, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
        params: [id, filter.project, toJson(filter), reason, actor, byOperator ? 1 : 0, createdAt, expiresAt],
      }),
    deleteSuspension: (id) =>
      recorder.pushApart({ sql: 'DELETE FROM suspension WHERE id = $1', params: [id], must: true }),
    insertOperation: ({ id, action, filter, actor, at, changed }) =>
      recorder.pushApart({
        sql: 'INSERT INTO queue_operation (id, project_id, action, filter, actor, at, changed) VALUES ($1, $2, $3, $4, $5, $6, $7)',
        params: [id, filter.project, action, toJson(filter), actor, at, changed],
      }),
    insertSentKey: ({ projectId, key, address, messageId, createdAt }) =>
      recorder.pushApart({
        sql: 'INSERT INTO sent_key (project_id, key, address, message_id, created_at) VALUES ($1, $2, $3, $4, $5)',
        params: [projectId, key, address, messageId, createdAt],
      }),
    forgetSentKey: (project, key, before) =>
      recorder.pushApart({
        sql: 'DELETE FROM sent_key WHERE project_id = $1 AND key = $2 AND created_at < $3',
        params: [project, key, before],
      }),
  };
}
