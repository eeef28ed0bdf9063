/**
 * Events and subscriber deliveries on PostgreSQL. Invariants: an event fans out, in its own transaction, to
 * the subscribers that its topic has at that time; event-order.ts defines the order within a topic; the
 * dispatcher gets only rows that this member owns. An event of a removed topic does not exist for readers,
 * although its row stays until its day is dropped; neither does a delivery of a removed subscriber, although
 * its row stays until retention removes it. Unreadable due rows go to the list of unreadable rows.
 */
import { turnOf } from '../../edj/order.ts';
import type { DueDelivery, EdjTx, SubscriberDelivery } from '../../edj/topics.ts';
import type { EventId } from '../../runtime/ids.ts';
import { decodeCursor, encodeCursor, toJson, toPage } from '../command.ts';
import { toSubscriber } from '../control/topics.ts';
import {
  blockedOf,
  type DeliveryCells,
  type EventCells,
  type EventReader,
  LOOKED_AT,
  MOST_FOLLOWERS,
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
import type { EventOrder } from './event-order.ts';
import { columnsOf, partOf } from './joined-columns.ts';
import type { Owners } from './owners.ts';
import { dropDayOf } from './partitions.ts';
import type { Reading } from './reading.ts';
import type { Recorder } from './recorder.ts';

interface Place {
  readonly era: number;
  /** Named differently from the column, which ORDER BY uses. */
  readonly xid_text: string;
  readonly seq: number;
}
type PageCells = EventCells & Place & { readonly has_more: boolean };
const EVENT_COLUMNS =
  'project_id id topic_id service name created_at expires_at keep_until message_id content summary';
const EVENT = EVENT_COLUMNS.replaceAll(' ', ', ');
const DELIVERY_COLUMNS =
  'project_id id subscriber_id event_id state attempts next_attempt_at last_result created_at order_key order_seq holds_until';
const PREVIOUS_COLUMNS = 'id next_attempt_at holds_until order_seq';
const SUBSCRIBER_COLUMNS =
  'project_id id topic_id type settings sealed_settings created_at failing_since paused_at resumed_at';

/**
 * Settled events of an existing topic: see event-order.ts. $3 the era, $4 the bound, $5 the limit, $6 the
 * octets.
 */
const OF_TOPIC = `SELECT ${EVENT}, era, xid, xid::text AS xid_text, seq FROM event WHERE project_id = $1 AND topic_id = $2
  AND (era, xid) < ($3::int8, $4::xid8) AND EXISTS (SELECT FROM topic t WHERE t.project_id = $1 AND t.id = $2)`;
type Direction = 'ASC' | 'DESC';
/** Reads the large values only of rows that are returned: their size is known without them. */
function pageOf(bounded: string, direction: Direction): string {
  const order = `ORDER BY era ${direction}, xid ${direction}, seq ${direction}`;
  return `SELECT * FROM (SELECT q.*, row_number() OVER w AS n, lead(q.id) OVER w IS NOT NULL AS has_more,
      coalesce(sum(coalesce(octet_length(content), 0) + coalesce(octet_length(summary), 0))
        OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS octets_before
    FROM (${bounded} ${order} LIMIT $5::int8 + 1) q WINDOW w AS (${order})) r
  WHERE n <= $5::int8 AND octets_before < $6::int8 ${order}`;
}
const BEHIND = ' AND (era, xid, seq) > ($7::int8, $8::xid8, $9::int8)';
const AHEAD_OF = ' AND (era, xid, seq) < ($7::int8, $8::xid8, $9::int8)';
const ONE = `SELECT ${EVENT}, era, xid::text AS xid_text, seq FROM event e WHERE project_id = $1 AND id = $2
  AND EXISTS (SELECT FROM topic t WHERE t.project_id = e.project_id AND t.id = e.topic_id)`;
const BEFORE =
  'SELECT era, xid::text AS xid_text, seq FROM event WHERE project_id = $1 AND id < $2 ORDER BY id DESC LIMIT 1';

/** Subscribers read in one query. */
const CHUNK = 100;
/**
 * The next subscribers after $2 with waiting deliveries, each found with one index lookup, and the first due
 * time of each. Bounds and orders such as (subscriber_id, next_attempt_at) match exactly one index, so no
 * other index can be used.
 */
const DUE_KEYS = `WITH RECURSIVE walk (id, n) AS (
    SELECT $2::text COLLATE "C", 0
    UNION ALL
    SELECT (SELECT min(m.id) FROM unnest($1::text[]) AS o (owner) CROSS JOIN LATERAL (
        SELECT d.subscriber_id AS id FROM subscriber_delivery d WHERE d.owner = o.owner AND d.next_attempt_at IS NOT NULL
          AND d.subscriber_id > walk.id ORDER BY d.subscriber_id LIMIT 1) m), n + 1
      FROM walk WHERE walk.id IS NOT NULL AND n < ${CHUNK}
  )
  SELECT walk.id AS subscriber, k.project_id, k.id FROM walk LEFT JOIN LATERAL (
      SELECT c.* FROM unnest($1::text[]) AS o (owner) CROSS JOIN LATERAL (
          SELECT d.project_id, d.id, d.next_attempt_at, d.order_seq FROM subscriber_delivery d WHERE d.owner = o.owner AND d.subscriber_id >= walk.id
            AND (d.subscriber_id, d.next_attempt_at) <= (walk.id, $3) AND NOT d.id = ANY ($5::text[])
            ORDER BY d.subscriber_id, d.next_attempt_at, d.order_seq LIMIT $4) c
        ORDER BY c.next_attempt_at, c.order_seq LIMIT $4) k
      ON NOT walk.id = ANY ($6::text[]) AND EXISTS (SELECT FROM subscriber s WHERE s.project_id = k.project_id AND s.id = walk.id AND s.paused_at IS NULL)
    WHERE walk.n > 0 AND walk.id IS NOT NULL ORDER BY walk.id, k.next_attempt_at, k.order_seq`;
const DUE_ROWS = `SELECT ${columnsOf('d', DELIVERY_COLUMNS)}, ${columnsOf('s', SUBSCRIBER_COLUMNS)}, ${columnsOf('e', EVENT_COLUMNS)}, ${columnsOf('p', PREVIOUS_COLUMNS)}
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (project_id, id, n)
  JOIN subscriber_delivery d ON d.project_id = k.project_id AND d.id = k.id AND coalesce(d.next_attempt_at, 9223372036854775807) <= $3
  JOIN subscriber s ON s.project_id = d.project_id AND s.id = d.subscriber_id
  LEFT JOIN event e ON e.project_id = d.project_id AND e.id = d.event_id AND e.drop_day = d.drop_day
  LEFT JOIN LATERAL (SELECT o.id, o.next_attempt_at, o.holds_until, o.order_seq FROM subscriber_delivery o
    WHERE o.subscriber_id = d.subscriber_id AND o.order_key = d.order_key AND o.order_seq < d.order_seq AND o.next_attempt_at IS NOT NULL
    ORDER BY o.subscriber_id DESC, o.order_key DESC, o.order_seq DESC LIMIT 1) p ON TRUE
  ORDER BY k.n`;
const MOVE_FOLLOWERS = `UPDATE subscriber_delivery d SET next_attempt_at = $5 FROM (
    SELECT f.project_id, f.id FROM subscriber_delivery f WHERE f.subscriber_id = $2 AND f.order_key = $3 AND f.order_seq > $4
      AND f.next_attempt_at IS NOT NULL AND f.state = 'pending' AND f.next_attempt_at + 0 <> $5 AND f.project_id = $1
    ORDER BY f.subscriber_id, f.order_key, f.order_seq LIMIT ${MOST_FOLLOWERS}) m
  WHERE d.project_id = m.project_id AND d.id = m.id AND d.state = 'pending'`;
const NEXT = `SELECT min(m.at) AS at FROM unnest($1::text[]) AS o (owner) CROSS JOIN LATERAL (
    SELECT d.next_attempt_at AS at FROM subscriber_delivery d WHERE d.owner = o.owner AND d.next_attempt_at > $2 ORDER BY d.next_attempt_at LIMIT 1) m`;
/** Bounds and order match the index by owner and time, and no other. */
const AFTER = `SELECT k.* FROM unnest($1::text[]) AS o (owner) CROSS JOIN LATERAL (
    SELECT ${columnsOf('d', DELIVERY_COLUMNS)}, d.next_attempt_at AS at FROM subscriber_delivery d
      WHERE d.owner = o.owner AND d.next_attempt_at > $2 ORDER BY d.next_attempt_at LIMIT $3) k ORDER BY k.at LIMIT $3`;

/** Bounds and order match the index by owner, subscriber and time, and no other. */
const WAITING_AFTER = `SELECT k.* FROM unnest($1::text[]) AS o (owner) CROSS JOIN LATERAL (
    SELECT ${columnsOf('d', DELIVERY_COLUMNS)}, d.next_attempt_at AS at FROM subscriber_delivery d
      WHERE d.owner = o.owner AND d.subscriber_id >= $2 AND (d.subscriber_id, d.next_attempt_at) > ($2, $4)
        AND d.subscriber_id <= $2 AND d.project_id = $3 AND d.next_attempt_at IS NOT NULL
      ORDER BY d.subscriber_id, d.next_attempt_at LIMIT $5) k ORDER BY k.at LIMIT $5`;

export function postgresEventReader(deps: {
  readonly all: Reading;
  readonly owners: Owners;
  readonly order: EventOrder;
  readonly era: number;
  readonly unreadable: UnreadableRows;
}): EventReader {
  const { all, owners, order, era, unreadable } = deps;
  interface Key {
    subscriber: string;
    project_id: string | null;
    id: string | null;
  }
  interface Claim {
    readonly now: number;
    /** Wall ms at which others are held back. */
    readonly heldAt: number;
    readonly isInMemory: (id: SubscriberDelivery['id']) => boolean;
    readonly found: DueDelivery[];
    readonly blocked: ReturnType<typeof blockedOf>;
  }
  async function readRows(keys: readonly Key[], { now, heldAt, isInMemory, found, blocked }: Claim) {
    const taken = new Set<string>();
    const ids = [keys.map((key) => key.project_id ?? ''), keys.map((key) => key.id ?? '')];
    for (const row of await all<Record<string, unknown>>(DUE_ROWS, [...ids, now])) {
      const cells = partOf<DeliveryCells>(row, 'd')!;
      try {
        const event = partOf<EventCells>(row, 'e');
        if (event === null) throw new Error('its event is gone');
        const delivery = toDelivery(cells);
        const before = partOf<PreviousCells>(row, 'p');
        // One that cannot be read never ends.
        const isGone = before === null || unreadable.of('subscriber_delivery').includes(before.id);
        const previous = isGone ? null : toPrevious(before);
        const turn = turnOf(previous, heldAt, (id) => taken.has(id) || isInMemory(id));
        if (turn.kind === 'blocked') {
          blocked.add(delivery, before!.order_seq, turn.until);
          continue;
        }
        const subscriber = partOf<SubscriberTable>(row, 's')!;
        found.push({
          delivery,
          event: toEvent(event),
          subscriber: toSubscriber(subscriber),
          ...(turn.kind === 'behind' ? { behind: previous!.id } : {}),
        });
        taken.add(delivery.id);
      } catch (error) {
        unreadable.put('subscriber_delivery', cells.id, error);
      }
    }
  }
  /**
   * The position of the event. If the event is gone: of the last event that was surely committed before it;
   * null if that one is gone, too.
   */
  async function placeOf(project: string, id: EventId): Promise<Place | null> {
    const [known] = await all<Place>(ONE, [project, id]);
    if (known !== undefined) return known;
    const [before] = await all<Place>(BEFORE, [project, surelyBefore(id)]);
    return before ?? null;
  }
  return {
    async event(project, id) {
      const [row] = await all<EventCells>(ONE, [project, id]);
      return row === undefined ? null : toEvent(row);
    },
    async eventsAfter(project, topic, after, limit, octets = Number.MAX_SAFE_INTEGER) {
      const bound = String(await order(project, topic));
      const base = [project, topic, era, bound, limit, octets];
      const place = after === null ? null : await placeOf(project, after);
      const rows = await all<PageCells>(
        pageOf(place === null ? OF_TOPIC : OF_TOPIC + BEHIND, 'ASC'),
        place === null ? base : [...base, place.era, place.xid_text, place.seq],
      );
      return toEventPage(rows, rows.at(-1)?.has_more ?? false, (r) => r.id);
    },
    async events(project, topic, { limit, cursor }, octets = Number.MAX_SAFE_INTEGER) {
      const bound = String(await order(project, topic));
      const base = [project, topic, era, bound, limit, octets];
      const place = cursor === null ? null : /^(\d{1,9})-(\d{1,18})-(\d{1,15})$/.exec(decodeCursor(cursor));
      if (cursor !== null && place === null) return { items: [], cursors: [], nextCursor: null };
      const rows = await all<PageCells>(
        pageOf(place === null ? OF_TOPIC : OF_TOPIC + AHEAD_OF, 'DESC'),
        place === null ? base : [...base, ...place.slice(1)],
      );
      const cursorOf = (r: Place) => encodeCursor(`${r.era}-${r.xid_text}-${r.seq}`);
      return toEventPage(rows, rows.at(-1)?.has_more ?? false, cursorOf);
    },
    async deliveries(project, subscriber, { limit, cursor }) {
      const rows = await all<DeliveryCells>(
        `SELECT ${DELIVERY_COLUMNS.replaceAll(' ', ', ')} FROM subscriber_delivery
          WHERE (subscriber_id, project_id) >= ($2, $1) AND (subscriber_id, project_id, id) < ($2, $1, $3)
            AND EXISTS (SELECT FROM subscriber s WHERE s.project_id = $1 AND s.id = $2)
          ORDER BY subscriber_id DESC, project_id DESC, id DESC LIMIT $4`,
        [project, subscriber, decodeCursor(cursor), limit + 1],
      );
      return toPage(rows, limit, (r) => r.id, toDelivery);
    },
    async dueDeliveries(now, { perSubscriber, limit, perProject, round, exclude, heldAt = now }) {
      const shares = projectShares(perProject);
      const found: DueDelivery[] = [];
      const blocked = blockedOf();
      const claim: Claim = { now, heldAt, isInMemory: (id) => exclude.has(id), found, blocked };
      const ofEach = new Map<string, number>();
      const held = [...exclude.keys()];
      const mine = await owners.mine('subscriber_delivery');
      if (mine.length === 0) return { due: found, rest: null, blocked: blocked.all() };
      async function take(keys: readonly Key[]): Promise<void> {
        const free: Key[] = [];
        for (const key of keys) {
          if (key.id === null || key.project_id === null) continue;
          const taken = ofEach.get(key.subscriber) ?? 0;
          if (taken >= perSubscriber.of(key.subscriber as SubscriberDelivery['subscriberId'])) continue;
          if (!shares.hasRoom(key.project_id)) continue;
          if (free.length === limit - found.length) break;
          shares.take(key.project_id);
          ofEach.set(key.subscriber, taken + 1);
          free.push(key);
        }
        if (free.length > 0) await readRows(free, claim);
      }
      let looked = 0;
      for (const { from, to } of walksOf(round)) {
        let at = from;
        for (;;) {
          if (found.length >= limit) return { due: found, rest: null, blocked: blocked.all() };
          if (looked >= LOOKED_AT) return { due: found, rest: restOf(round, at), blocked: blocked.all() };
          const skipped = [...unreadable.of('subscriber_delivery'), ...held];
          const { most, full } = perSubscriber;
          const keys = await all<Key>(DUE_KEYS, [mine, at, now, Math.min(most, limit), skipped, full]);
          const ofWalk = to === null ? keys : keys.filter((key) => key.subscriber <= to);
          await take(ofWalk);
          const seen = new Set(ofWalk.map((key) => key.subscriber)).size;
          if (seen < CHUNK) break;
          at = ofWalk.at(-1)!.subscriber;
          looked += seen;
        }
      }
      return { due: found, rest: null, blocked: blocked.all() };
    },
    async waitingAfter(project, subscriber, after, limit) {
      const mine = await owners.mine('subscriber_delivery');
      const rows = await all<Record<string, unknown>>(WAITING_AFTER, [
        mine,
        subscriber,
        project,
        after,
        limit,
      ]);
      return rows.map((row) => toDelivery(partOf<DeliveryCells>(row, 'd')!));
    },
    async nextDeliveryAfter(now) {
      const [row] = await all<{ at: number | null }>(NEXT, [await owners.mine('subscriber_delivery'), now]);
      return row?.at ?? null;
    },
    async deliveriesAfter(after, limit) {
      const rows = await all<Record<string, unknown>>(AFTER, [
        await owners.mine('subscriber_delivery'),
        after,
        limit,
      ]);
      return rows.map((row) => toDelivery(partOf<DeliveryCells>(row, 'd')!));
    },
  };
}

export function postgresEventTx(
  recorder: Recorder,
): Pick<EdjTx, 'insertEvent' | 'moveDelivery' | 'moveFollowers'> {
  const state = { seq: 0 };
  return {
    insertEvent(e, order) {
      const dropDay = dropDayOf(e.keepUntil);
      recorder.day(dropDay);
      state.seq += 1;
      recorder.hot('event', [
        e.projectId,
        e.id,
        e.topicId,
        e.service,
        e.name,
        e.createdAt,
        e.expiresAt,
        e.keepUntil,
        dropDay,
        e.messageId,
        toJson(e.content),
        e.summary,
        state.seq,
        order?.key ?? null,
        order?.sequence ?? null,
      ]);
    },
    moveDelivery: (move) =>
      recorder.hot('deliveryMove', [
        move.projectId,
        move.id,
        `,${move.from.join(',')},`,
        move.to,
        move.attempts,
        move.nextAttemptAt,
        toJson(move.lastResult),
        move.holdsUntil ?? null,
      ]),
    moveFollowers: ({ projectId, subscriberId, key, after, at }) =>
      recorder.push({
        sql: MOVE_FOLLOWERS,
        params: [projectId, subscriberId, key, after, at],
      }),
  };
}
