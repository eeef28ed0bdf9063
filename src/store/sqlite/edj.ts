/**
 * Events and subscriber deliveries on SQLite. Invariants: an event fans out, in its own transaction, to the
 * subscribers that its topic has at that time; the order within a topic is the commit order (`seq`). Readers
 * do not see what a removed topic or subscriber has left, although its rows stay until retention removes
 * them. Unreadable due rows go to the list of unreadable rows.
 */
import { turnOf } from '../../edj/order.ts';
import type { DueDelivery, EdjTx, EventRow, SubscriberDelivery } from '../../edj/topics.ts';
import type { EventId } from '../../runtime/ids.ts';
import type { Page } from '../../runtime/transactor.ts';
import { decodeCursor, encodeCursor, type Push, toJson, toPage } from '../command.ts';
import { toSubscriber } from '../control/topics.ts';
import {
  blockedOf,
  type DeliveryCells,
  type EventCells,
  type EventReader,
  LOOKED_AT,
  MOST_BLOCKED,
  MOST_BLOCKED_OF,
  MOST_FOLLOWERS,
  octetsOf,
  type PreviousCells,
  projectShares,
  restOf,
  surelyBefore,
  toDelivery,
  toEvent,
  toEventPage,
  toPrevious,
  walksOf,
} from '../rows/edj.ts';
import type { SubscriberTable } from '../schema/tables.ts';
import type { UnreadableRows } from '../unreadable-rows.ts';
import { digits, digitsOrNull, ID, idOf, octetsFrom, toId, withIds } from './ids.ts';
import type { Statements } from './statements.ts';

/** The next subscriber with waiting deliveries: one lookup in the index, which also gives the project. */
const NEXT_WAITING = `SELECT ${digits('subscriber_id')}, ${digits('project_id')}, next_attempt_at FROM subscriber_delivery INDEXED BY delivery_due_of
  WHERE next_attempt_at IS NOT NULL AND subscriber_id > ? ORDER BY subscriber_delivery.subscriber_id, next_attempt_at LIMIT 1`;
interface Waiting {
  readonly subscriber_id: string;
  readonly project_id: string;
  readonly next_attempt_at: number;
}
const DUE_OF = `SELECT event, ${digits('id')} FROM subscriber_delivery INDEXED BY delivery_due_of
  WHERE subscriber_id = ${ID} AND next_attempt_at <= ? ORDER BY next_attempt_at, event`;
/** The nearest earlier delivery of the key that is not done or dead. */
const PREVIOUS = `SELECT ${digits('id')}, next_attempt_at, holds_until, order_seq FROM subscriber_delivery INDEXED BY delivery_order
  WHERE subscriber_id = ${ID} AND order_key = ${ID} AND order_seq < ? AND next_attempt_at IS NOT NULL ORDER BY order_seq DESC LIMIT 1`;
/** Of a row of subscriber_delivery: its event's number, and its own id. */
interface DueKey {
  readonly event: number;
  readonly id: string;
}

const EVENT = `seq, ${digits('project_id')}, ${digits('id')}, ${digits('topic_id')}, service, name, created_at, expires_at, keep_until,
  ${digitsOrNull('message_id')}, content, summary`;
const DELIVERY = `${digits('d.project_id')}, ${digits('d.id')}, ${digits('d.subscriber_id')}, ${digits('e.id', 'event_id')}, d.event, d.state, d.attempts, d.next_attempt_at, d.last_result, d.created_at, ${digitsOrNull('d.order_key')}, d.order_seq, d.holds_until
  FROM subscriber_delivery d`;
/**
 * A reader that continues after a removed id gets the event before it, of any project: all events are
 * numbered together.
 */
const BEFORE = 'SELECT seq FROM event INDEXED BY event_id WHERE id < ? ORDER BY id DESC LIMIT 1';

const NO_EVENTS: Page<EventRow> = { items: [], cursors: [], nextCursor: null };
type SqliteEvent = EventCells & { readonly seq: number };
type SqliteDelivery = DeliveryCells & { readonly event: number };
const eventCells = (row: object): SqliteEvent =>
  withIds<SqliteEvent>(row, ['project_id', 'id', 'topic_id', 'message_id']);
const deliveryCells = (row: object): SqliteDelivery =>
  withIds<SqliteDelivery>(row, ['project_id', 'id', 'subscriber_id', 'event_id', 'order_key']);

export function sqliteEventReader(statements: Statements, unreadable: UnreadableRows): EventReader {
  function eventOf(project: string, id: string): SqliteEvent | undefined {
    const sql = `SELECT ${EVENT} FROM event INDEXED BY event_id WHERE project_id = ${ID} AND id = ${ID}`;
    const [row] = statements.all<object>(sql, project, id);
    return row === undefined ? undefined : eventCells(row);
  }
  /**
   * The number of the last event that was surely committed before a removed one; 0 if that event is gone,
   * too.
   */
  const seqBefore = (gone: EventId) =>
    statements.all<{ seq: number }>(BEFORE, octetsFrom(surelyBefore(gone)))[0]?.seq ?? 0;
  const stillThere = (event: number, subscriber: string) =>
    statements.all<object>(
      `SELECT 1 FROM subscriber_delivery WHERE event = ? AND subscriber_id = ${ID}`,
      event,
      subscriber,
    ).length > 0;
  const subscriberOf = (project: string, id: string) =>
    statements.all<SubscriberTable>(
      'SELECT * FROM subscriber WHERE project_id = ? AND id = ?',
      project,
      id,
    )[0];
  /** Up to `limit` rows, and up to the row that reaches `octets`. */
  function pageOf(
    rows: Iterable<object>,
    limit: number,
    octets: number,
    cursorOf: (row: SqliteEvent) => string,
  ): Page<EventRow> {
    const page: SqliteEvent[] = [];
    let sum = 0;
    let hasMore = false;
    for (const row of rows) {
      hasMore = page.length >= limit || sum >= octets;
      if (hasMore) break;
      const cells = eventCells(row);
      page.push(cells);
      sum += octetsOf(cells);
    }
    return toEventPage(page, hasMore, cursorOf);
  }
  const hasTopic = (project: string, id: string) =>
    statements.get('SELECT 1 FROM topic WHERE project_id = ? AND id = ?').get(project, id) !== undefined;
  function readDelivery(number: number, of: string): SubscriberDelivery {
    const sql = `SELECT ${DELIVERY} JOIN event e ON e.seq = d.event WHERE d.event = ? AND d.subscriber_id = ${ID}`;
    const [row] = statements.all<object>(sql, number, of);
    if (row === undefined) throw new Error('its event is gone');
    return toDelivery(deliveryCells(row));
  }
  function readDue(number: number, delivery: SubscriberDelivery, subscriber: SubscriberTable): DueDelivery {
    const [row] = statements.all<object>(`SELECT ${EVENT} FROM event WHERE seq = ?`, number);
    if (row === undefined) throw new Error('its event is gone');
    return { delivery, event: toEvent(eventCells(row)), subscriber: toSubscriber(subscriber) };
  }
  /** null: none, or one that cannot be read and so never ends. */
  function previousOf({ subscriberId, order }: SubscriberDelivery): PreviousCells | null {
    if (order === null) return null;
    const [row] = statements.all<object>(PREVIOUS, subscriberId, order.key, order.sequence);
    if (row === undefined) return null;
    const previous = withIds<PreviousCells>(row, ['id']);
    return unreadable.has('subscriber_delivery', previous.id) ? null : previous;
  }
  return {
    async event(project, id) {
      const row = eventOf(project, id);
      return row === undefined || !hasTopic(project, row.topic_id) ? null : toEvent(row);
    },
    async eventsAfter(project, topic, after, limit, octets = Number.MAX_SAFE_INTEGER) {
      if (!hasTopic(project, topic)) return NO_EVENTS;
      const behind = after === null ? 0 : (eventOf(project, after)?.seq ?? seqBefore(after));
      const sql = `SELECT ${EVENT} FROM event INDEXED BY event_topic WHERE topic_id = ${ID} AND seq > ? ORDER BY seq LIMIT ?`;
      return pageOf(statements.get(sql).iterate(topic, behind, limit + 1), limit, octets, (r) => r.id);
    },
    async events(project, topic, { limit, cursor }, octets = Number.MAX_SAFE_INTEGER) {
      if (!hasTopic(project, topic)) return NO_EVENTS;
      const below = cursor === null ? Number.MAX_SAFE_INTEGER : Number(decodeCursor(cursor)) || 0;
      const sql = `SELECT ${EVENT} FROM event INDEXED BY event_topic WHERE topic_id = ${ID} AND seq < ? ORDER BY seq DESC LIMIT ?`;
      const rows = statements.get(sql).iterate(topic, below, limit + 1);
      return pageOf(rows, limit, octets, (r) => encodeCursor(r.seq));
    },
    async deliveries(project, subscriber, { limit, cursor }) {
      if (subscriberOf(project, subscriber) === undefined)
        return toPage<SqliteDelivery, SubscriberDelivery>([], limit, (r) => r.event, toDelivery);
      const below = cursor === null ? Number.MAX_SAFE_INTEGER : Number(decodeCursor(cursor)) || 0;
      const sql = `SELECT ${DELIVERY} INDEXED BY delivery_subscriber JOIN event e ON e.seq = d.event
        WHERE d.subscriber_id = ${ID} AND d.event < ? ORDER BY d.event DESC LIMIT ?`;
      const rows = statements.all<object>(sql, subscriber, below, limit + 1).map(deliveryCells);
      return toPage(rows, limit, (r) => r.event, toDelivery);
    },
    async dueDeliveries(now, { perSubscriber, limit, perProject, round, exclude, heldAt = now }) {
      const shares = projectShares(perProject);
      const blocked = blockedOf();
      const taken = new Set<string>();
      const isInMemory = (id: SubscriberDelivery['id']) => exclude.has(id) || taken.has(id);
      let waiting = 0;
      const found: DueDelivery[] = [];
      function take(project: string, of: string): void {
        const subscriber = subscriberOf(project, of);
        if (subscriber === undefined || subscriber.paused_at !== null) return;
        const most = perSubscriber.of(of as SubscriberDelivery['subscriberId']);
        if (most <= 0) return;
        let [counted, put] = [0, 0];
        const keys = statements.get(DUE_OF).iterate(of, now) as Iterable<unknown> as Iterable<DueKey>;
        for (const { event, id: read } of keys) {
          if (counted >= most || found.length >= limit || !shares.hasRoom(project)) break;
          if (put >= MOST_BLOCKED_OF || waiting >= MOST_BLOCKED) break;
          const id = toId(read);
          if (unreadable.has('subscriber_delivery', id)) continue;
          if (exclude.has(id as SubscriberDelivery['id'])) continue;
          try {
            const delivery = readDelivery(event, of);
            const previous = previousOf(delivery);
            const turn = turnOf(previous === null ? null : toPrevious(previous), heldAt, isInMemory);
            if (turn.kind === 'blocked') {
              waiting += 1;
              put += 1;
              blocked.add(delivery, previous!.order_seq, turn.until);
              continue;
            }
            const due = readDue(event, delivery, subscriber);
            found.push(turn.kind === 'behind' ? { ...due, behind: toPrevious(previous!).id } : due);
            taken.add(id);
            counted++;
            shares.take(project);
          } catch (error) {
            // removed with its event between two of the queries
            if (!stillThere(event, of)) continue;
            unreadable.put('subscriber_delivery', id, error);
          }
        }
      }
      let looked = 0;
      for (const { from, to } of walksOf(round)) {
        let at = from;
        for (;;) {
          if (found.length >= limit) return { due: found, rest: null, blocked: blocked.all() };
          if (looked === LOOKED_AT || waiting >= MOST_BLOCKED)
            return { due: found, rest: restOf(round, at), blocked: blocked.all() };
          const [next] = statements.all<Waiting>(NEXT_WAITING, octetsFrom(at));
          if (next === undefined) break;
          const subscriber = toId(next.subscriber_id);
          if (to !== null && subscriber > to) break;
          at = subscriber;
          looked += 1;
          const project = toId(next.project_id);
          if (next.next_attempt_at <= now && shares.hasRoom(project)) take(project, subscriber);
        }
      }
      return { due: found, rest: null, blocked: blocked.all() };
    },
    async waitingAfter(_project, subscriber, after, limit) {
      const sql = `SELECT ${DELIVERY} INDEXED BY delivery_due_of JOIN event e ON e.seq = d.event
        WHERE d.subscriber_id = ${ID} AND d.next_attempt_at > ? ORDER BY d.next_attempt_at LIMIT ?`;
      const rows = statements.all<object>(sql, subscriber, after, limit);
      return rows.map((row) => toDelivery(deliveryCells(row)));
    },
    async nextDeliveryAfter(now) {
      const sql =
        'SELECT min(next_attempt_at) AS at FROM subscriber_delivery INDEXED BY delivery_due WHERE next_attempt_at > ?';
      return statements.all<{ at: number | null }>(sql, now)[0]?.at ?? null;
    },
    async deliveriesAfter(after, limit) {
      const sql = `SELECT ${DELIVERY} INDEXED BY delivery_due JOIN event e ON e.seq = d.event
        WHERE d.next_attempt_at > ? ORDER BY d.next_attempt_at LIMIT ?`;
      return statements.all<object>(sql, after, limit).map((row) => toDelivery(deliveryCells(row)));
    },
  };
}

/** `hikyaku_id()` is a function of the connection that returns a new UUIDv7. */
export function sqliteEventTx(push: Push): Pick<EdjTx, 'insertEvent' | 'moveDelivery' | 'moveFollowers'> {
  return {
    insertEvent(e, order) {
      push({
        sql: `INSERT INTO event (project_id, id, topic_id, service, name, created_at, expires_at, keep_until, message_id, content, summary)
          SELECT ${idOf('project_id')}, ${ID}, ${idOf('id')}, ?, ?, ?, ?, ?, ${ID}, ?, ? FROM topic WHERE project_id = ? AND id = ?`,
        params: [
          e.id,
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
        sql: `INSERT INTO subscriber_delivery (event, subscriber_id, project_id, id, state, attempts, next_attempt_at, last_result, created_at, order_key, order_seq)
          SELECT (SELECT seq FROM event INDEXED BY event_id WHERE id = ${ID}), ${idOf('id')}, ${idOf('project_id')}, ${idOf('hikyaku_id()')}, 'pending', 0, ?, NULL, ?, ${ID}, ?
          FROM subscriber INDEXED BY subscriber_topic WHERE project_id = ? AND topic_id = ?`,
        params: [
          ...[e.id, e.createdAt, e.createdAt, order?.key ?? null, order?.sequence ?? null],
          ...[e.projectId, e.topicId],
        ],
      });
    },
    moveDelivery: (move) =>
      push({
        sql: `UPDATE subscriber_delivery SET state = ?, attempts = ?, next_attempt_at = ?, last_result = ?, holds_until = coalesce(?, holds_until)
          WHERE event = (SELECT seq FROM event INDEXED BY event_id WHERE project_id = ${ID} AND id = ${ID}) AND subscriber_id = ${ID}
          AND id = ${ID} AND instr(?, ',' || state || ',') > 0`,
        params: [
          move.to,
          move.attempts,
          move.nextAttemptAt,
          toJson(move.lastResult),
          move.holdsUntil ?? null,
          move.projectId,
          move.eventId,
          move.subscriberId,
          move.id,
          `,${move.from.join(',')},`,
        ],
        must: true,
      }),
    moveFollowers: ({ projectId, subscriberId, key, after, at }) =>
      push({
        sql: `UPDATE subscriber_delivery SET next_attempt_at = ? WHERE (event, subscriber_id) IN (
            SELECT event, subscriber_id FROM subscriber_delivery INDEXED BY delivery_order
            WHERE subscriber_id = ${ID} AND order_key = ${ID} AND order_seq > ? AND next_attempt_at IS NOT NULL
              AND state = 'pending' AND next_attempt_at <> ? AND project_id = ${ID} ORDER BY order_seq LIMIT ${MOST_FOLLOWERS})`,
        params: [at, subscriberId, key, after, at, projectId],
      }),
  };
}
