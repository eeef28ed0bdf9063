/**
 * Retention on PostgreSQL: rows that refer to an expired day are removed in small steps, then the day's
 * partitions are dropped. Invariants: nothing is removed before its time (it may stay up to a day longer); a
 * message with a waiting recipient moves to a later day, with its octets and attempts. Several nodes may do
 * it safely, though one is enough.
 */
import type pg from 'pg';
import { LEAST_AUDIT_DAYS } from '../../ledger/audit.ts';
import { KEPT, WIDTHS } from '../../limits/traffic.ts';
import { DAY_MS, DEFAULT_SENDING, MAX_RETENTION_DAYS } from '../../limits/usage.ts';
import { countedFor, DAY_WINDOW, MINUTE_WINDOW, windowStart } from '../../limits/windows.ts';
import type { MessageId } from '../../runtime/ids.ts';
import { closedBefore, PROJECT_ROWS, removeRows } from '../removal.ts';
import {
  FORMER_DOMAIN_DAYS,
  NOTHING_REMOVED,
  type Overdue,
  type Removed,
  type Retention,
  type Swept,
} from '../retention.ts';
import { BEYOND, ENDING } from '../short-lived.ts';
import { storeError } from './errors.ts';
import { type Asking, dropDayOf, dropPartitions, type Partitions, withClient } from './partitions.ts';

const ROWS = 500;
const PROJECTS = 50;
/** Removing a message removes its recipients in the same statement. */
const MOST_RECIPIENTS = 2000;

interface Over {
  readonly project_id: string;
  readonly id: string;
  readonly body_of: string | null;
  readonly drop_day: number;
  readonly waits: boolean;
  readonly recipients: number;
}
/** Recipients of the message m. Does not use next_attempt_at, whose index walks through all waiting rows. */
const WAITING =
  "r.project_id = m.project_id AND r.message_id = m.id AND r.state IN ('queued', 'deferred', 'held')";
const OVER = `SELECT m.project_id, m.id, m.body_of, m.drop_day,
    coalesce((SELECT true FROM recipient r WHERE ${WAITING} LIMIT 1), false) AS waits,
    (SELECT count(*) FROM recipient r WHERE r.project_id = m.project_id AND r.message_id = m.id)::int AS recipients
  FROM message m WHERE m.drop_day <= $1 ORDER BY m.drop_day LIMIT ${ROWS}`;
/** The number of recipients, which are removed with it at the end of the statement. */
const REMOVE = `WITH gone AS (DELETE FROM message m USING unnest($1::text[], $2::text[]) AS k (project_id, id)
  WHERE m.project_id = k.project_id AND m.id = k.id
    AND NOT coalesce((SELECT true FROM recipient r WHERE ${WAITING} LIMIT 1), false) RETURNING m.project_id, m.id)
  SELECT (SELECT count(*) FROM gone) AS messages,
    (SELECT count(*) FROM gone g JOIN recipient r ON r.project_id = g.project_id AND r.message_id = g.id) AS recipients`;
/** The most rows that are read to count expired messages. */
const MOST_COUNTED = 5000;
const OVERDUE = `SELECT min(keep_until) AS since, count(*) AS messages FROM (
  SELECT keep_until FROM message WHERE drop_day <= $1 ORDER BY drop_day LIMIT ${MOST_COUNTED}) m`;
const DELIVERIES = `DELETE FROM subscriber_delivery WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM subscriber_delivery WHERE drop_day <= $1 ORDER BY drop_day LIMIT ${ROWS}))`;
/**
 * Deliveries of removed subscribers. A delivery that another node wrote in the meantime is removed with its
 * day.
 */
const LEFT_BY = `DELETE FROM subscriber_delivery WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM subscriber_delivery WHERE (subscriber_id, project_id) >= ($2, $1) AND (subscriber_id, project_id) <= ($2, $1)
    ORDER BY subscriber_id, project_id, id LIMIT ${ROWS}))`;
const OPERATIONS = `DELETE FROM queue_operation WHERE id = ANY (ARRAY(
  SELECT o.id FROM queue_operation o LEFT JOIN sending_settings s ON s.project_id = o.project_id
    WHERE o.at < $1::int8 - coalesce(s.retention_days, ${DEFAULT_SENDING.retentionDays}) * ${DAY_MS}::int8 LIMIT ${ROWS}))`;
const FORMER_DOMAINS = `DELETE FROM removed_domain WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM removed_domain WHERE removed_at < $1::int8 LIMIT ${ROWS}))`;
const AUDIT = `DELETE FROM audit_event WHERE (project_id, id) IN (
  SELECT a.project_id, a.id FROM audit_event a LEFT JOIN sending_settings s ON s.project_id = a.project_id
    WHERE a.at < $1::int8 - ${LEAST_AUDIT_DAYS} * ${DAY_MS}::int8
      AND a.at < $1::int8 - greatest(${LEAST_AUDIT_DAYS}, s.retention_days) * ${DAY_MS}::int8 LIMIT ${ROWS})`;
const TASKS = `DELETE FROM task WHERE project_id = $1 AND id = ANY (ARRAY(
  SELECT id FROM task WHERE project_id = $1 AND created_at < $2 ORDER BY id LIMIT ${ROWS}))`;
const USAGE = usageOf('<');
/** What was counted while the clock was ahead; it would count again when its time comes. */
const USAGE_AHEAD = usageOf('>');

function usageOf(than: '<' | '>'): string {
  return `DELETE FROM usage WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM usage WHERE project_id = $1 AND width = $2 AND start ${than} $3 LIMIT ${ROWS}))`;
}
/** Traffic that is no longer shown; of minutes and hours, only what was rolled up. */
const TRAFFIC = `DELETE FROM traffic WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM traffic WHERE project_id = $1 AND width = $2 AND start < $3
    AND start < $4::int8 + coalesce((SELECT rolled_to FROM traffic_rolled WHERE project_id = $1), 0) LIMIT ${ROWS}))`;
/** Some rows of a project that match a condition on $2. */
const someOf = (table: string, condition: string) => `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM ${table} WHERE project_id = $1 AND ${condition} < $2 LIMIT ${ROWS}))`;
const ALERTS = someOf('limit_alert', 'due = 0 AND at');
const REQUESTS = someOf('limit_request', 'decided_at');
const DNS_PLANS = someOf('dns_plan', 'created_at');
const DNS_CHANGES = someOf('dns_change', 'created_at');
/** Short-lived records; $1 and following: the moments before which they are expired. */
const SHORT_LIVED = [
  ...BEYOND.map(({ table, column, than, bound }) => ({
    sql: `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM ${table} WHERE ${column} ${than} $1 ORDER BY ${column} LIMIT ${ROWS}))`,
    bounds: (now: number) => [bound(now)],
  })),
  ...ENDING.map(({ table, key, over }) => ({
    sql: `DELETE FROM ${table} WHERE ${key} = ANY (ARRAY(
  SELECT ${key} FROM ${table} WHERE ${over(0)
    .map(([column], i) => `${column} <= $${i + 1}`)
    .join(' OR ')} LIMIT ${ROWS}))`,
    bounds: (now: number) => over(now).map(([, at]) => at),
  })),
];

/** The first messages that, with their recipients, have enough rows; at least one. */
function some(found: readonly Over[]): readonly Over[] {
  let taken = 0;
  for (let sum = 0; taken < found.length && sum < MOST_RECIPIENTS; taken += 1)
    sum += found[taken]!.recipients;
  return found.slice(0, taken);
}

export function postgresRetention(pool: pg.Pool, partitions: Partitions): Retention {
  const walked = { to: '' as string | null };
  /** The round that met blocked partitions. */
  const held = { at: Number.NaN };

  /** The message, and all that share its octets, are kept until `until`. */
  async function keep(query: Asking, over: Over, until: number): Promise<void> {
    const day = dropDayOf(until);
    const family = [over.project_id, over.body_of ?? over.id];
    await query('BEGIN');
    try {
      const { rows } = await query<{ id: string; drop_day: number }>(
        `SELECT id, drop_day FROM message WHERE project_id = $1 AND drop_day + 0 = $3 AND id = ANY (ARRAY(
            SELECT $2::text UNION ALL SELECT id FROM message WHERE body_of = $2 AND project_id = $1)) FOR UPDATE`,
        [...family, over.drop_day],
      );
      const ids = [...new Set([family[1]!, ...rows.map(({ id }) => id)])];
      for (const table of ['message_body', 'attempt'])
        await query(
          `UPDATE ${table} SET drop_day = $4 WHERE project_id = $1 AND message_id = ANY ($2::text[]) AND drop_day = $3`,
          [over.project_id, ids, over.drop_day, day],
        );
      await query(
        'UPDATE message SET drop_day = $4, keep_until = $5 WHERE project_id = $1 AND id = ANY ($2::text[]) AND drop_day + 0 = $3',
        [over.project_id, ids, over.drop_day, day, until],
      );
      await query('COMMIT');
    } catch (error) {
      await query('ROLLBACK').catch(() => {});
      throw error;
    }
  }
  function messages(now: number, today: number): Promise<Swept | null> {
    return withClient(pool, async (query, client) => {
      const { rows: found } = await query<Over>(OVER, [today]);
      if (found.length === 0) return null;
      const rows = some(found);
      const waiting = rows.filter(({ waits }) => waits);
      const until = now + DAY_MS;
      if (waiting.length > 0) await partitions.ensure(client, [dropDayOf(until)]);
      for (const over of waiting) await keep(query, over, until);
      const gone = rows.filter(({ waits }) => !waits);
      const keys = [gone.map((one) => one.project_id), gone.map(({ id }) => id)];
      const removed = await query<{ messages: number; recipients: number }>(REMOVE, keys);
      return swept(
        true,
        removed.rows[0]!,
        waiting.map(({ id }) => id as MessageId),
      );
    });
  }
  /** Removes what removed subscribers have left: their deliveries, then their names. */
  function leftOver(): Promise<{ more: boolean; deliveries: number }> {
    return withClient(pool, async (query) => {
      const { rows } = await query<{ project: string; id: string }>(
        'SELECT project, id FROM leftover LIMIT 1',
      );
      const owner = rows[0];
      if (owner === undefined) return { more: false, deliveries: 0 };
      const { rowCount } = await query(LEFT_BY, [owner.project, owner.id]);
      if (rowCount === 0)
        await query('DELETE FROM leftover WHERE project = $1 AND id = $2', [owner.project, owner.id]);
      return { more: true, deliveries: rowCount ?? 0 };
    });
  }
  /** Removes some of the short-lived records. */
  function shortLived(now: number): Promise<number> {
    return withClient(pool, async (query) => {
      let records = 0;
      for (const { sql, bounds } of SHORT_LIVED) {
        records += (await query(sql, bounds(now))).rowCount ?? 0;
        if (records >= ROWS) break;
      }
      return records;
    });
  }
  /**
   * Removes some rows of a project that was closed long enough ago: table by table, the project's own row
   * last.
   */
  function closed(now: number): Promise<{ more: boolean; projects: number }> {
    return withClient(pool, async (query) => {
      const { rows } = await query<{ id: string }>(
        'SELECT id FROM project WHERE closed_at IS NOT NULL AND closed_at <= $1 LIMIT 1',
        [closedBefore(now)],
      );
      const over = rows[0];
      if (over === undefined) return { more: false, projects: 0 };
      for (const one of PROJECT_ROWS) {
        const { rowCount } = await query(removeRows(one, '$1'), [over.id]);
        if ((rowCount ?? 0) > 0) return { more: true, projects: 0 };
      }
      const { rowCount } = await query('DELETE FROM project WHERE id = $1 AND closed_at IS NOT NULL', [
        over.id,
      ]);
      return { more: true, projects: rowCount ?? 0 };
    });
  }
  /** Removes tasks and usage of the next projects; a project with more rows than fit is visited again. */
  function walk(now: number): Promise<{ tasks: number; usage: number }> {
    return withClient(pool, async (query) => {
      const { rows } = await query<{ id: string; days: number }>(
        `SELECT p.id, coalesce(s.retention_days, $1) AS days FROM project p LEFT JOIN sending_settings s ON s.project_id = p.id
          WHERE p.id > $2 ORDER BY p.id LIMIT ${PROJECTS}`,
        [DEFAULT_SENDING.retentionDays, walked.to ?? ''],
      );
      let [tasks, usage] = [0, 0];
      for (const { id, days } of rows) {
        tasks += (await query(TASKS, [id, now - days * DAY_MS])).rowCount ?? 0;
        const seconds = Math.floor(now / 1000);
        for (const window of [MINUTE_WINDOW, DAY_WINDOW])
          for (const [sql, start] of [
            [USAGE, windowStart(window, seconds)],
            [USAGE_AHEAD, seconds + countedFor(DAY_WINDOW)],
          ] as const)
            usage += (await query(sql, [id, window.width, start])).rowCount ?? 0;
        for (const [width, before, behind] of [
          [WIDTHS.minute, seconds - KEPT.minutes, 0],
          [WIDTHS.hour, seconds - KEPT.hours, -WIDTHS.day],
          [WIDTHS.day, seconds - KEPT.days, WIDTHS.day],
        ])
          usage += (await query(TRAFFIC, [id, width, before, behind])).rowCount ?? 0;
        for (const [sql, age] of [
          [ALERTS, 2 * DAY_MS],
          [DNS_PLANS, DAY_MS],
          [REQUESTS, MAX_RETENTION_DAYS * DAY_MS],
          [DNS_CHANGES, MAX_RETENTION_DAYS * DAY_MS],
        ] as const)
          usage += (await query(sql, [id, now - age])).rowCount ?? 0;
        if (tasks + usage >= ROWS) return { tasks, usage };
        walked.to = id;
      }
      if (rows.length === 0) walked.to = null;
      return { tasks, usage };
    });
  }
  function swept(more: boolean, removed: Partial<Removed> = {}, waiting: readonly MessageId[] = []): Swept {
    return { more, waiting, removed: { ...NOTHING_REMOVED, ...removed } };
  }
  async function step(now: number): Promise<Swept> {
    const today = Math.floor(now / DAY_MS);
    const deleted = await withClient(pool, (query) => query(DELIVERIES, [today]));
    if ((deleted.rowCount ?? 0) > 0) return swept(true, { deliveries: deleted.rowCount ?? 0 });
    const gone = await messages(now, today);
    if (gone !== null) return gone;
    if (now !== held.at) {
      const { partitions: dropped, heldBy, ...rows } = await dropPartitions(pool, today + 1);
      if (dropped.length > 0) partitions.forget();
      // the rest of this round continues without the blocked partitions
      if (heldBy !== null) held.at = now;
      if (dropped.length > 0 || heldBy !== null) return { ...swept(true, rows), heldBy };
    }
    const left = await leftOver();
    if (left.more) return swept(true, { deliveries: left.deliveries });
    const audited = await withClient(pool, (query) => query(OPERATIONS, [now]));
    if ((audited.rowCount ?? 0) > 0) return swept(true, { operations: audited.rowCount ?? 0 });
    const before = now - FORMER_DOMAIN_DAYS * DAY_MS;
    const former = await withClient(pool, (query) => query(FORMER_DOMAINS, [before]));
    if ((former.rowCount ?? 0) > 0) return swept(true);
    const told = await withClient(pool, (query) => query(AUDIT, [now]));
    if ((told.rowCount ?? 0) > 0) return swept(true, { audit: told.rowCount ?? 0 });
    const records = await shortLived(now);
    if (records > 0) return swept(true, { records });
    const { more, projects } = await closed(now);
    if (more) return swept(true, { projects });
    const { tasks, usage } = await walk(now);
    if (walked.to !== null) return swept(true, { tasks, usage });
    walked.to = '';
    return swept(false, { tasks, usage });
  }
  return {
    async sweep(now) {
      try {
        return await step(now);
      } catch (error) {
        throw storeError(error);
      }
    },
    hasLeftovers: () =>
      withClient(pool, async (query) => (await query('SELECT FROM leftover LIMIT 1')).rows.length > 0).catch(
        (error: unknown) => {
          throw storeError(error);
        },
      ),
    async overdue(now) {
      const counted = await withClient(pool, (query) =>
        query<Overdue>(OVERDUE, [Math.floor(now / DAY_MS)]),
      ).catch((error: unknown) => {
        throw storeError(error);
      });
      return counted.rows[0]!;
    },
  };
}
