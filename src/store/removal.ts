/**
 * What a project leaves when it was closed long enough ago, in the order of removal: each row after the rows
 * that refer to it. Every table with a project_id is here; a test compares the list with the schema.
 */
import { CLOSED_MS } from '../iam/closing.ts';

export interface ProjectRows {
  readonly table: string;
  readonly key: readonly string[];
  /** Rows of one step: rows with octets are heavy. */
  readonly atOnce: number;
  /** The weight of a row, compared with a light one. */
  readonly weight: number;
}
const LIGHT = 300;
const HEAVY = 4;
const rows = (table: string, key: readonly string[], atOnce = LIGHT): ProjectRows => ({
  table,
  key,
  atOnce,
  weight: Math.ceil(LIGHT / atOnce),
});

/** Rows that grow with the mail. On SQLite they are removed by their owners (sqlite/leftovers.ts). */
export const MAIL_ROWS: readonly ProjectRows[] = [
  rows('subscriber_delivery', ['project_id', 'id']),
  rows('event', ['project_id', 'id']),
  rows('attempt', ['project_id', 'message_id', 'recipient_id', 'number']),
  rows('message_body', ['project_id', 'message_id', 'part'], HEAVY),
  rows('recipient', ['project_id', 'id']),
  rows('message', ['project_id', 'id']),
];
export const CONTROL_ROWS: readonly ProjectRows[] = [
  rows('sent_key', ['project_id', 'key', 'address']),
  rows('task', ['project_id', 'id']),
  rows('idempotency', ['project_id', 'key']),
  rows('usage', ['project_id', 'domain_id', 'width', 'start']),
  rows('traffic', ['project_id', 'width', 'start', 'domain_id', 'part']),
  rows('traffic_rolled', ['project_id']),
  rows('limit_alert', ['project_id', 'domain_id', 'span', 'kind']),
  rows('limit_request', ['project_id', 'id']),
  rows('subscriber', ['project_id', 'id']),
  rows('rule', ['project_id', 'id']),
  rows('dkim_key', ['project_id', 'id']),
  rows('dns_plan', ['project_id', 'id']),
  rows('dns_change', ['project_id', 'id']),
  rows('dns_account', ['project_id', 'id']),
  rows('mta_domain', ['project_id', 'id']),
  rows('removed_domain', ['project_id', 'id']),
  rows('topic', ['project_id', 'id']),
  rows('static_key', ['project_id', 'id']),
  rows('api_client', ['project_id', 'id']),
  rows('owned_domain', ['project_id', 'id']),
  rows('invitation', ['project_id', 'id']),
  rows('membership', ['project_id', 'member_id']),
  rows('role', ['project_id', 'id']),
  rows('audit_event', ['project_id', 'id']),
  rows('project_limits', ['project_id']),
  rows('sending_settings', ['project_id']),
  rows('suspension', ['id']),
  rows('queue_operation', ['id']),
];
export const PROJECT_ROWS: readonly ProjectRows[] = [...MAIL_ROWS, ...CONTROL_ROWS];

/** A project that was closed before this moment is expired. */
export const closedBefore = (now: number): number => now - CLOSED_MS;
/** Removes up to `most` rows of the project; `mark` is the engine's placeholder. */
export function removeRows(
  { table, key, atOnce }: ProjectRows,
  mark: '?' | '$1',
  most: number | '?' = atOnce,
): string {
  const columns = key.join(', ');
  return `DELETE FROM ${table} WHERE (${columns}) IN (SELECT ${columns} FROM ${table} WHERE project_id = ${mark} LIMIT ${most})`;
}
