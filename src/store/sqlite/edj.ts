/**
 * Events and subscriber deliveries on SQLite. Invariants: an event fans out, in its own transaction, to the subscribers
 * its topic has then; order within a topic is commit order (`seq`). What a topic or subscriber that is gone has left is
 * gone for readers, though its rows stay until retention has removed them. Unreadable due rows go to the corrupt shelf.
 */
import type { DueDelivery, EdjTx, EventRow, SubscriberDelivery } from '../../edj/types.ts';
import type { EventId } from '../../runtime/ids.ts';
import { decodeCursor, type Push, toJson, toPage } from '../command.ts';
import { toSubscriber } from '../control/topics.ts';
import {
  type DeliveryCells,
  type EventCells,
  type EventReader,
  LOOKED_AT,
  projectShares,
  restOf,
  surelyBefore,
  toDelivery,
  toEvent,
  walksOf,
} from '../rows/edj.ts';
import type { SubscriberTable } from '../schema/tables.ts';
import type { Shelf } from '../shelf.ts';
import type { Statements } from './statements.ts';

/** The next subscriber for which something waits: one look-up in the index, which names the project, too. */
const NEXT_WAITING = `SELECT subscriber_id, project_id, next_attempt_at FROM subscriber_delivery INDEXED BY delivery_due_of
  WHERE next_attempt_at IS NOT NULL AND subscriber_id > ? ORDER BY subscriber_id, next_attempt_at LIMIT 1`;
interface Waiting {
  readonly subscriber_id: string;
  readonly project_id: string;
  readonly next_attempt_at: number;
}
const DUE_OF = `SELECT project_id, id FROM subscriber_delivery INDEXED BY delivery_due_of
  WHERE subscriber_id = ? AND next_attempt_at <= ? ORDER BY next_attempt_at`;

const BEFORE = 'SELECT seq FROM event WHERE project_id = ? AND id < ? ORDER BY id DESC LIMIT 1';

type SqliteEvent = EventCells & { readonly seq: number };

export function sqliteEventReader(statements: Statements, shelf: Shelf): EventReader {
  const eventOf = (project: string, id: string) =>
    statements.get('SELECT * FROM event WHERE project_id = ? AND id = ?').get(project, id) as unknown as
      | SqliteEvent
      | undefined;
  /** Of the last event that was surely committed before one that is gone; 0 where that is gone, too. */
  const seqBefore = (project: string, gone: EventId) =>
    statements.all<{ seq: number }>(BEFORE, project, surelyBefore(gone))[0]?.seq ?? 0;
  const deliveryOf = (key: { project_id: string; id: string }) =>
    statements.all<DeliveryCells>(
      'SELECT * FROM subscriber_delivery WHERE project_id = ? AND id = ?',
      key.project_id,
      key.id,
    )[0];
  const subscriberOf = (project: string, id: string) =>
    statements.all<SubscriberTable>(
      'SELECT * FROM subscriber WHERE project_id = ? AND id = ?',
      project,
      id,
    )[0];
  const hasTopic = (project: string, id: string) =>
    statements.get('SELECT 1 FROM topic WHERE project_id = ? AND id = ?').get(project, id) !== undefined;
  function readDue(delivery: DeliveryCells, subscriber: SubscriberTable): DueDelivery {
    const event = eventOf(delivery.project_id, delivery.event_id);
    if (event === undefined) throw new Error('its event is gone');
    return { delivery: toDelivery(delivery), event: toEvent(event), subscriber: toSubscriber(subscriber) };
  }
  return {
    async event(project, id) {
      const row = eventOf(project, id);
      return row === undefined || !hasTopic(project, row.topic_id) ? null : toEvent(row);
    },
    async eventsAfter(project, topic, after, limit) {
      if (!hasTopic(project, topic)) return [];
      const behind = after === null ? 0 : (eventOf(project, after)?.seq ?? seqBefore(project, after));
      const sql =
        'SELECT * FROM event INDEXED BY event_topic WHERE project_id = ? AND topic_id = ? AND seq > ? ORDER BY seq LIMIT ?';
      return statements.all<SqliteEvent>(sql, project, topic, behind, limit).map(toEvent);
    },
    async events(project, topic, { limit, cursor }) {
      if (!hasTopic(project, topic)) return toPage<SqliteEvent, EventRow>([], limit, (r) => r.seq, toEvent);
      const below = cursor === null ? Number.MAX_SAFE_INTEGER : Number(decodeCursor(cursor)) || 0;
      const sql =
        'SELECT * FROM event INDEXED BY event_topic WHERE project_id = ? AND topic_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?';
      return toPage(
        statements.all<SqliteEvent>(sql, project, topic, below, limit + 1),
        limit,
        (r) => r.seq,
        toEvent,
      );
    },
    async deliveries(project, subscriber, { limit, cursor }) {
      const sql = `SELECT * FROM subscriber_delivery INDEXED BY delivery_subscriber
        WHERE project_id = ? AND subscriber_id = ? AND id < ? ORDER BY id DESC LIMIT ?`;
      const rows =
        subscriberOf(project, subscriber) === undefined
          ? []
          : statements.all<DeliveryCells>(sql, project, subscriber, decodeCursor(cursor), limit + 1);
      return toPage(rows, limit, (r) => r.id, toDelivery);
    },
    async dueDeliveries(now, { perSubscriber, limit, perProject, round, exclude }) {
      const shares = projectShares(perProject);
      const found: DueDelivery[] = [];
      function take({ project_id, subscriber_id }: Waiting): void {
        const subscriber = subscriberOf(project_id, subscriber_id);
        if (subscriber === undefined) return;
        let counted = 0;
        for (const key of statements
          .get(DUE_OF)
          .iterate(subscriber_id, now) as Iterable<unknown> as Iterable<{
          project_id: string;
          id: string;
        }>) {
          if (counted >= perSubscriber || found.length >= limit || !shares.hasRoom(key.project_id)) break;
          if (shelf.has('subscriber_delivery', key.id)) continue;
          counted++;
          if (exclude.has(key.id as SubscriberDelivery['id'])) continue;
          const row = deliveryOf(key);
          if (row === undefined) continue;
          try {
            found.push(readDue(row, subscriber));
            shares.take(key.project_id);
          } catch (error) {
            // removed with its event between two of the questions
            if (deliveryOf(key) === undefined) continue;
            shelf.put('subscriber_delivery', key.id, error);
          }
        }
      }
      let looked = 0;
      for (const { from, to } of walksOf(round)) {
        let at = from;
        for (;;) {
          if (found.length >= limit) return { due: found, rest: null };
          if (looked === LOOKED_AT) return { due: found, rest: restOf(round, at) };
          const [next] = statements.all<Waiting>(NEXT_WAITING, at);
          if (next === undefined || (to !== null && next.subscriber_id > to)) break;
          at = next.subscriber_id;
          looked += 1;
          if (next.next_attempt_at <= now && shares.hasRoom(next.project_id)) take(next);
        }
      }
      return { due: found, rest: null };
    },
    async nextDeliveryAfter(now) {
      const sql =
        'SELECT min(next_attempt_at) AS at FROM subscriber_delivery INDEXED BY delivery_due WHERE next_attempt_at > ?';
      return statements.all<{ at: number | null }>(sql, now)[0]?.at ?? null;
    },
  };
}

/** `hikyaku_id()` is the connection's own function and gives a new UUIDv7. */
export function sqliteEventTx(push: Push): Pick<EdjTx, 'insertEvent' | 'moveDelivery'> {
  return {
    insertEvent(e) {
      push({
        sql: `INSERT INTO event (project_id, id, topic_id, service, name, created_at, expires_at, keep_until, message_id, content, summary)
          SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM topic WHERE project_id = ? AND id = ?`,
        params: [
          e.projectId,
          e.id,
          e.topicId,
          e.service,
          e.name,
          e.createdAt,
          e.expiresAt,
          e.keepUntil,
          e.messageId,
          toJson(e.content),
          e.summary,
          e.projectId,
          e.topicId,
        ],
        must: true,
      });
      push({
        sql: `INSERT INTO subscriber_delivery (project_id, id, subscriber_id, event_id, state, attempts, next_attempt_at, last_result, created_at)
          SELECT project_id, hikyaku_id(), id, ?, 'pending', 0, ?, NULL, ? FROM subscriber INDEXED BY subscriber_topic WHERE project_id = ? AND topic_id = ?`,
        params: [e.id, e.createdAt, e.createdAt, e.projectId, e.topicId],
      });
    },
    moveDelivery: (move) =>
      push({
        sql: `UPDATE subscriber_delivery SET state = ?, attempts = ?, next_attempt_at = ?, last_result = ?
          WHERE project_id = ? AND id = ? AND instr(?, ',' || state || ',') > 0`,
        params: [
          move.to,
          move.attempts,
          move.nextAttemptAt,
          toJson(move.lastResult),
          move.projectId,
          move.id,
          `,${move.from.join(',')},`,
        ],
        must: true,
      }),
  };
}
