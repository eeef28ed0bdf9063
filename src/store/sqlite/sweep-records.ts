/**
 * Retention of everything except mail, on SQLite: records of queue operations, removed domains, the audit
 * log, short-lived records, rows of closed projects; and, project by project, its tasks, counts and plans.
 * Each function finds what one step may remove.
 */
import { LEAST_AUDIT_DAYS } from '../../ledger/audit.ts';
import { KEPT, WIDTHS } from '../../limits/traffic.ts';
import { DAY_MS, DEFAULT_SENDING, MAX_RETENTION_DAYS } from '../../limits/usage.ts';
import { countedFor, DAY_WINDOW, MINUTE_WINDOW, windowStart } from '../../limits/windows.ts';
import type { SqlValue } from '../command.ts';
import { CONTROL_ROWS, closedBefore, removeRows } from '../removal.ts';
import { FORMER_DOMAIN_DAYS } from '../retention.ts';
import { leftOver } from './leftovers.ts';
import type { Statements } from './statements.ts';
import { messagesOf, type Step } from './sweep-mail.ts';

/** Projects read in one step. */
const PROJECTS = 50;

/** Every UUIDv7 from before the moment is less than this. */
function idBound(ms: number): string {
  const hex = Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

export function overOperations(statements: Statements, now: number, most: number): Step {
  const rows = statements.all<{ id: string }>(
    `SELECT o.id FROM queue_operation o LEFT JOIN sending_settings s ON s.project_id = o.project_id
      WHERE o.at < ? - coalesce(s.retention_days, ?) * ${DAY_MS} LIMIT ?`,
    now,
    DEFAULT_SENDING.retentionDays,
    most,
  );
  return {
    units: rows.length,
    removed: { operations: rows.length },
    record(push) {
      for (const { id } of rows) push({ sql: 'DELETE FROM queue_operation WHERE id = ?', params: [id] });
    },
  };
}
/** Removed domains, once none of their messages can exist any more. */
export function overDomains(statements: Statements, now: number, most: number): Step {
  const rows = statements.all<{ project_id: string; id: string }>(
    'SELECT project_id, id FROM removed_domain INDEXED BY removed_domain_age WHERE removed_at < ? LIMIT ?',
    now - FORMER_DOMAIN_DAYS * DAY_MS,
    most,
  );
  return {
    units: rows.length,
    removed: {},
    record(push) {
      for (const { project_id, id } of rows)
        push({ sql: 'DELETE FROM removed_domain WHERE project_id = ? AND id = ?', params: [project_id, id] });
    },
  };
}
export function overAudit(statements: Statements, now: number, most: number): Step {
  const rows = statements.all<{ project_id: string; id: string }>(
    `SELECT a.project_id, a.id FROM audit_event a INDEXED BY audit_event_at LEFT JOIN sending_settings s ON s.project_id = a.project_id
      WHERE a.at < ? AND a.at < ? - max(${LEAST_AUDIT_DAYS}, coalesce(s.retention_days, 0)) * ${DAY_MS} LIMIT ?`,
    now - LEAST_AUDIT_DAYS * DAY_MS,
    now,
    most,
  );
  return {
    units: rows.length,
    removed: { audit: rows.length },
    record(push) {
      for (const { project_id, id } of rows)
        push({ sql: 'DELETE FROM audit_event WHERE project_id = ? AND id = ?', params: [project_id, id] });
    },
  };
}
/**
 * Removes some rows of a project that was closed long enough ago: table by table, the project's own row last.
 */
export function overProject(statements: Statements, now: number, most: number): Step | null {
  const [over] = statements.all<{ id: string }>(
    'SELECT id FROM project INDEXED BY project_closed WHERE closed_at IS NOT NULL AND closed_at <= ? LIMIT 1',
    closedBefore(now),
  );
  if (over === undefined) return null;
  // what its mail and its topics leave is removed as leftovers
  const mail = leftOver(statements, most) ?? messagesOf(statements, over.id, most);
  if (mail !== null) return mail;
  const left = CONTROL_ROWS.find(
    ({ table }) =>
      statements.all(`SELECT 1 AS one FROM ${table} WHERE project_id = ? LIMIT 1`, over.id).length > 0,
  );
  if (left === undefined)
    return {
      units: 1,
      removed: { projects: 1 },
      record: (push) =>
        push({ sql: 'DELETE FROM project WHERE id = ? AND closed_at IS NOT NULL', params: [over.id] }),
    };
  const rows = Math.ceil(most / left.weight);
  return {
    units: rows * left.weight,
    removed: {},
    record: (push) => push({ sql: removeRows(left, '?', '?'), params: [over.id, rows] }),
  };
}

type Removal = readonly [sql: string, params: readonly SqlValue[], count: number];
/**
 * Expired tasks and usage of the projects after `from`, and the last project that is completely in the step;
 * null if there are no more.
 */
export function overOfProjects(
  statements: Statements,
  now: number,
  most: number,
  from: string,
): { readonly step: Step; readonly to: string | null } {
  const projects = statements.all<{ id: string; days: number }>(
    `SELECT p.id, coalesce(s.retention_days, ?) AS days FROM project p LEFT JOIN sending_settings s ON s.project_id = p.id
      WHERE p.id > ? ORDER BY p.id LIMIT ?`,
    DEFAULT_SENDING.retentionDays,
    from,
    PROJECTS,
  );
  const removals: Removal[] = [];
  let [tasks, usage] = [0, 0];
  let to = from;
  for (const { id, days } of projects) {
    const before = now - days * DAY_MS;
    const old = statements.all<{ id: string }>(
      'SELECT id FROM task WHERE project_id = ? AND id < ? AND created_at < ? ORDER BY id LIMIT ?',
      id,
      idBound(before),
      before,
      most - tasks - usage,
    );
    tasks += old.length;
    for (const task of old)
      removals.push(['DELETE FROM task WHERE project_id = ? AND id = ?', [id, task.id], 1]);
    for (const found of [oldUsage, oldRecords])
      for (const removal of found(statements, id, now, most - tasks - usage)) {
        usage += removal[2];
        removals.push(removal);
      }
    if (tasks + usage >= most) break;
    to = id;
  }
  return {
    to: projects.length === 0 ? null : to,
    step: {
      units: tasks + usage,
      removed: { tasks, usage },
      record(push) {
        for (const [sql, params] of removals) push({ sql, params });
      },
    },
  };
}
/**
 * Buckets that no window reaches any more: for each domain and width, the last one that may be removed, and
 * how many there are. The same for buckets that were counted while the clock was ahead: they would count again
 * when their time comes.
 */
function* oldUsage(statements: Statements, project: string, now: number, most: number): Generator<Removal> {
  const next = 'SELECT min(domain_id) AS id FROM usage WHERE project_id = ? AND domain_id > ?';
  const of = 'FROM usage WHERE project_id = ? AND domain_id = ? AND width = ? AND start';
  const seconds = Math.floor(now / 1000);
  let left = most;
  for (let domain: string | null = ''; domain !== null && left > 0; ) {
    for (const shape of [MINUTE_WINDOW, DAY_WINDOW]) {
      const key = [project, domain, shape.width];
      for (const [beyond, bound, order, upTo] of [
        ['<', windowStart(shape, seconds), 'ASC', '<='],
        ['>', seconds + countedFor(DAY_WINDOW), 'DESC', '>='],
      ] as const) {
        const sql = `SELECT start ${of} ${beyond} ? ORDER BY start ${order} LIMIT ?`;
        const rows = statements.all<{ start: number }>(sql, ...key, bound, left);
        const last = rows.at(-1);
        if (last !== undefined) yield [`DELETE ${of} ${upTo} ?`, [...key, last.start], rows.length];
        left -= rows.length;
      }
    }
    domain = statements.all<{ id: string | null }>(next, project, domain)[0]?.id ?? null;
  }
}
/**
 * Records that are found by project and id; the id contains the time. The column gives the ms for which a
 * record is kept.
 */
const AGED_RECORDS = [
  ['limit_request', 'decided_at', MAX_RETENTION_DAYS * DAY_MS],
  ['dns_plan', 'created_at', DAY_MS],
  ['dns_change', 'created_at', MAX_RETENTION_DAYS * DAY_MS],
] as const;
/**
 * Traffic that is no longer shown and was rolled up, alerts of windows long past, old decided requests and
 * old changes of DNS, plans that nobody can apply any more.
 */
function* oldRecords(statements: Statements, project: string, now: number, most: number): Generator<Removal> {
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
  for (const [table, column, kept] of AGED_RECORDS) {
    const before = now - kept;
    const rows = statements.all<{ id: string }>(
      `SELECT id FROM ${table} WHERE project_id = ? AND id < ? AND ${column} < ? ORDER BY id LIMIT ?`,
      project,
      idBound(before),
      before,
      Math.max(0, left),
    );
    const last = rows.at(-1);
    if (last !== undefined)
      yield [
        `DELETE FROM ${table} WHERE project_id = ? AND id <= ? AND ${column} < ?`,
        [project, last.id, before],
        rows.length,
      ];
    left -= rows.length;
  }
  const alerts =
    'SELECT domain_id, span, kind FROM limit_alert WHERE project_id = ? AND due = 0 AND at < ? LIMIT ?';
  const told = [project, now - 2 * DAY_MS, Math.max(0, left)] as const;
  const count = statements.all(alerts, ...told).length;
  if (count > 0)
    yield [
      `DELETE FROM limit_alert WHERE project_id = ? AND (domain_id, span, kind) IN (${alerts})`,
      [project, ...told],
      count,
    ];
}
