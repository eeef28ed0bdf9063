/**
 * Retention on SQLite: rows are found on the reading connection by their indexes and removed through the writer like any
 * other writes, a bounded number and weight at a time; then the file is made smaller, a few pages at a time.
 * Invariants: octets go after the last message that shows them; a message whose recipients wait is put off by a day
 * instead, so that it does not stand in the way of others.
 */
import { LEAST_AUDIT_DAYS } from '../../ledger/audit.ts';
import { KEPT, WIDTHS } from '../../limits/traffic.ts';
import { DAY_MS, DEFAULT_SENDING, MAX_RETENTION_DAYS } from '../../limits/types.ts';
import { DAY_WINDOW, MINUTE_WINDOW, windowStart } from '../../limits/windows.ts';
import type { MessageId } from '../../runtime/ids.ts';
import type { Push } from '../command.ts';
import { closedBefore, PROJECT_ROWS, removeRows } from '../removal.ts';
import {
  FORMER_DOMAIN_DAYS,
  NOTHING_REMOVED,
  type Removed,
  type Retention,
  type Swept,
} from '../retention.ts';
import type { Statements } from './statements.ts';

export interface SweepDeps {
  readonly statements: Statements;
  readonly write: (record: (push: Push) => void) => Promise<void>;
  /** Gives up to so many free pages at the end of the file back. */
  readonly shrink: (pages: number) => Promise<void>;
}
/** Rows of one step, dependent rows counted. */
const ROWS = 300;
/** Octets of bodies of one step: SQLite walks every page of a body that goes. One message always goes. */
const OCTETS = 4 * 1024 * 1024;
const PROJECTS = 50;
/** Pages of one step of making the file smaller. */
const PAGES = 64;
/** Free pages that stay for what comes next: at least so many, and this share of the file. */
const FEWEST_FREE = 256;
const FREE_SHARE = 0.05;

/** Every UUIDv7 of before the moment is less than this. */
function idBound(ms: number): string {
  const hex = Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

export function sqliteRetention({ statements, write, shrink }: SweepDeps): Retention {
  /** How far the walk over the projects has come in this round; null: it is over. */
  let walkedTo: string | null = '';

  async function events(now: number): Promise<number> {
    const rows = statements.all<{ project_id: string; id: string }>(
      'SELECT project_id, id FROM event INDEXED BY event_keep WHERE keep_until <= ? ORDER BY keep_until LIMIT ?',
      now,
      ROWS,
    );
    await write((push) => {
      for (const { project_id, id } of rows) {
        push({
          sql: 'DELETE FROM subscriber_delivery WHERE project_id = ? AND event_id = ?',
          params: [project_id, id],
        });
        push({ sql: 'DELETE FROM event WHERE project_id = ? AND id = ?', params: [project_id, id] });
      }
    });
    return rows.length;
  }

  async function messages(now: number): Promise<{ removed: number; waiting: readonly MessageId[] }> {
    interface Found {
      project_id: string;
      id: string;
      octets: number;
      recipients: number;
      waits: number;
      shown: number;
    }
    const sql = `SELECT project_id, id, iif(body_of IS NULL, size, 0) AS octets,
      (SELECT count(*) FROM recipient r WHERE r.project_id = m.project_id AND r.message_id = m.id) AS recipients,
      EXISTS (SELECT 1 FROM recipient r WHERE r.project_id = m.project_id AND r.message_id = m.id AND r.next_attempt_at IS NOT NULL) AS waits,
      EXISTS (SELECT 1 FROM message s WHERE s.project_id = m.project_id AND s.body_of = m.id) AS shown
      FROM message m INDEXED BY message_keep WHERE keep_until <= ? ORDER BY keep_until`;
    const over: Found[] = [];
    const waiting: Found[] = [];
    let [rows, octets] = [0, 0];
    for (const found of statements.get(sql).iterate(now) as Iterable<unknown> as Iterable<Found>) {
      if (rows >= ROWS || octets >= OCTETS) break;
      rows += 1;
      if (found.waits === 1) waiting.push(found);
      // those that show its octets are over too, or will be: it goes after them
      else if (found.shown === 0) {
        over.push(found);
        rows += found.recipients;
        octets += found.octets;
      }
    }
    await write((push) => {
      for (const { project_id, id } of over) {
        push({
          sql: `DELETE FROM attempt WHERE project_id = ? AND message_id = ?`,
          params: [project_id, id],
        });
        push({ sql: 'DELETE FROM message WHERE project_id = ? AND id = ?', params: [project_id, id] });
      }
      for (const { project_id, id } of waiting)
        push({
          sql: 'UPDATE message SET keep_until = ? WHERE project_id = ? AND id = ?',
          params: [now + DAY_MS, project_id, id],
        });
    });
    return { removed: over.length, waiting: waiting.map(({ id }) => id as MessageId) };
  }

  async function operations(now: number): Promise<number> {
    const rows = statements.all<{ id: string }>(
      `SELECT o.id FROM queue_operation o LEFT JOIN sending_settings s ON s.project_id = o.project_id
        WHERE o.at < ? - coalesce(s.retention_days, ?) * ${DAY_MS} LIMIT ?`,
      now,
      DEFAULT_SENDING.retentionDays,
      ROWS,
    );
    await write((push) => {
      for (const { id } of rows) push({ sql: 'DELETE FROM queue_operation WHERE id = ?', params: [id] });
    });
    return rows.length;
  }

  /** Removed domains, once no message of theirs can be kept any more. */
  async function formerDomains(now: number): Promise<number> {
    const rows = statements.all<{ project_id: string; id: string }>(
      'SELECT project_id, id FROM removed_domain WHERE removed_at < ? LIMIT ?',
      now - FORMER_DOMAIN_DAYS * DAY_MS,
      ROWS,
    );
    await write((push) => {
      for (const { project_id, id } of rows)
        push({ sql: 'DELETE FROM removed_domain WHERE project_id = ? AND id = ?', params: [project_id, id] });
    });
    return rows.length;
  }
  async function audit(now: number): Promise<number> {
    const rows = statements.all<{ project_id: string; id: string }>(
      `SELECT a.project_id, a.id FROM audit_event a INDEXED BY audit_event_at LEFT JOIN sending_settings s ON s.project_id = a.project_id
        WHERE a.at < ? AND a.at < ? - max(${LEAST_AUDIT_DAYS}, coalesce(s.retention_days, 0)) * ${DAY_MS} LIMIT ?`,
      now - LEAST_AUDIT_DAYS * DAY_MS,
      now,
      ROWS,
    );
    await write((push) => {
      for (const { project_id, id } of rows)
        push({ sql: 'DELETE FROM audit_event WHERE project_id = ? AND id = ?', params: [project_id, id] });
    });
    return rows.length;
  }
  /** Of one project that was closed for long enough: some rows of the next table that has any, at last itself. */
  async function closed(now: number): Promise<{ more: boolean; projects: number }> {
    const [over] = statements.all<{ id: string }>(
      'SELECT id FROM project WHERE closed_at IS NOT NULL AND closed_at <= ? LIMIT 1',
      closedBefore(now),
    );
    if (over === undefined) return { more: false, projects: 0 };
    const left = PROJECT_ROWS.find(
      ({ table }) =>
        statements.all(`SELECT 1 AS one FROM ${table} WHERE project_id = ? LIMIT 1`, over.id).length > 0,
    );
    await write((push) =>
      push(
        left === undefined
          ? { sql: 'DELETE FROM project WHERE id = ? AND closed_at IS NOT NULL', params: [over.id] }
          : { sql: removeRows(left, '?'), params: [over.id] },
      ),
    );
    return { more: true, projects: left === undefined ? 1 : 0 };
  }

  /** Tasks and usage of the next projects; a project that has more than fits is looked at again. */
  async function walk(now: number, from: string): Promise<{ tasks: number; usage: number }> {
    const projects = statements.all<{ id: string; days: number }>(
      `SELECT p.id, coalesce(s.retention_days, ?) AS days FROM project p LEFT JOIN sending_settings s ON s.project_id = p.id
        WHERE p.id > ? ORDER BY p.id LIMIT ?`,
      DEFAULT_SENDING.retentionDays,
      from,
      PROJECTS,
    );
    const removals: { readonly sql: string; readonly params: (string | number)[] }[] = [];
    let [tasks, usage, to] = [0, 0, from];
    for (const { id, days } of projects) {
      const before = now - days * DAY_MS;
      const old = statements.all<{ id: string }>(
        'SELECT id FROM task WHERE project_id = ? AND id < ? AND created_at < ? ORDER BY id LIMIT ?',
        id,
        idBound(before),
        before,
        ROWS - tasks - usage,
      );
      tasks += old.length;
      for (const task of old)
        removals.push({ sql: 'DELETE FROM task WHERE project_id = ? AND id = ?', params: [id, task.id] });
      for (const [domain, width, start, count] of oldUsage(id, now, ROWS - tasks - usage)) {
        usage += count;
        removals.push({
          sql: 'DELETE FROM usage WHERE project_id = ? AND domain_id = ? AND width = ? AND start <= ?',
          params: [id, domain, width, start],
        });
      }
      for (const [sql, params, count] of oldRecords(id, now, ROWS - tasks - usage)) {
        usage += count;
        removals.push({ sql, params });
      }
      if (tasks + usage >= ROWS) break;
      to = id;
    }
    await write((push) => {
      for (const removal of removals) push(removal);
    });
    walkedTo = projects.length === 0 ? null : to;
    return { tasks, usage };
  }
  /** Buckets no window reaches any more: of each domain and width the last one that may go, and how many there are. */
  function* oldUsage(
    project: string,
    now: number,
    most: number,
  ): Generator<[string, number, number, number]> {
    const next = 'SELECT min(domain_id) AS id FROM usage WHERE project_id = ? AND domain_id > ?';
    const sql =
      'SELECT start FROM usage WHERE project_id = ? AND domain_id = ? AND width = ? AND start < ? ORDER BY start LIMIT ?';
    let left = most;
    for (let domain: string | null = ''; domain !== null && left > 0; ) {
      for (const shape of [MINUTE_WINDOW, DAY_WINDOW]) {
        const before = windowStart(shape, now / 1000);
        const rows = statements.all<{ start: number }>(sql, project, domain, shape.width, before, left);
        const last = rows.at(-1);
        if (last !== undefined) yield [domain, shape.width, last.start, rows.length];
        left -= rows.length;
      }
      domain = statements.all<{ id: string | null }>(next, project, domain)[0]?.id ?? null;
    }
  }

  /**
   * Traffic that is no longer shown and was rolled up, alerts of windows long gone, requests decided and DNS changed long
   * ago, plans nobody can apply any more.
   */
  function* oldRecords(
    project: string,
    now: number,
    most: number,
  ): Generator<[sql: string, params: (string | number)[], count: number]> {
    const seconds = Math.floor(now / 1000);
    const mark = statements.all<{ rolled_to: number }>(
      'SELECT rolled_to FROM traffic_rolled WHERE project_id = ?',
      project,
    )[0];
    const rolledTo = mark?.rolled_to ?? 0;
    let left = most;
    for (const [width, before] of [
      [WIDTHS.minute, Math.min(seconds - KEPT.minutes, rolledTo)],
      [WIDTHS.hour, Math.min(seconds - KEPT.hours, rolledTo - WIDTHS.day)],
      [WIDTHS.day, seconds - KEPT.days],
    ] as const) {
      const where = 'FROM traffic WHERE project_id = ? AND width = ? AND start';
      const rows = statements.all<{ start: number }>(
        `SELECT start ${where} < ? ORDER BY start LIMIT ?`,
        project,
        width,
        before,
        Math.max(0, left),
      );
      const last = rows.at(-1);
      if (last !== undefined) yield [`DELETE ${where} <= ?`, [project, width, last.start], rows.length];
      left -= rows.length;
    }
    for (const [rest, before] of [
      ['FROM limit_alert WHERE project_id = ? AND due = 0 AND at < ?', now - 2 * DAY_MS],
      ['FROM limit_request WHERE project_id = ? AND decided_at < ?', now - MAX_RETENTION_DAYS * DAY_MS],
      ['FROM dns_plan WHERE project_id = ? AND created_at < ?', now - DAY_MS],
      ['FROM dns_change WHERE project_id = ? AND created_at < ?', now - MAX_RETENTION_DAYS * DAY_MS],
    ] as const) {
      const count = statements.all<{ n: number }>(`SELECT count(*) AS n ${rest}`, project, before)[0]!.n;
      if (count > 0) yield [`DELETE ${rest}`, [project, before], count];
    }
  }

  async function giveBack(): Promise<boolean> {
    const value = (name: string) =>
      Number(Object.values(statements.get(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
    const free = value('freelist_count');
    const spare = free - Math.max(FEWEST_FREE, Math.ceil(value('page_count') * FREE_SHARE));
    if (spare <= 0) return false;
    await shrink(Math.min(spare, PAGES));
    return value('freelist_count') < free;
  }

  function swept(more: boolean, removed: Partial<Removed> = {}, waiting: readonly MessageId[] = []): Swept {
    return { more, waiting, removed: { ...NOTHING_REMOVED, ...removed } };
  }
  return {
    async sweep(now) {
      // events first: what is rendered from a message goes before it
      const gone = await events(now);
      if (gone > 0) return swept(true, { events: gone });
      const { removed, waiting } = await messages(now);
      if (removed + waiting.length > 0) return swept(true, { messages: removed }, waiting);
      const audited = await operations(now);
      if (audited > 0) return swept(true, { operations: audited });
      if ((await formerDomains(now)) > 0) return swept(true);
      const told = await audit(now);
      if (told > 0) return swept(true, { audit: told });
      const { more, projects } = await closed(now);
      if (more) return swept(true, { projects });
      if (walkedTo !== null) return swept(true, await walk(now, walkedTo));
      if (await giveBack()) return swept(true);
      walkedTo = '';
      return swept(false);
    },
  };
}
