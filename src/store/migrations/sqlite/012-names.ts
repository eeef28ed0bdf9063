/**
 * Names without a behaviour leave what is stored (gone-names.ts): event rules lose such events, roles and those who hold
 * roles lose such permissions. A rule or role that has no name left is removed, which stands in the audit of its project;
 * the name of such a role is taken from those who hold it, so that a later role of that name is not theirs unasked. Which
 * DNS providers there are is the program's to know.
 */
import { GONE_EVENTS, GONE_PERMISSIONS, listed } from '../gone-names.ts';
import type { Migration } from '../migration.ts';

const NOW = `CAST(unixepoch('subsec') * 1000 AS INTEGER)`;
/** UUIDv7 (RFC 9562 §5.7). */
const ID = `lower(substr(printf('%012x', ${NOW}), 1, 8) || '-' || substr(printf('%012x', ${NOW}), 9, 4) || '-7'
  || substr(hex(randomblob(2)), 1, 3) || '-8' || substr(hex(randomblob(2)), 1, 3) || '-' || hex(randomblob(6)))`;
const without = (table: string, column: string, names: string): string =>
  `UPDATE ${table} SET ${column} = (SELECT json_group_array(value) FROM (SELECT value FROM json_each(${table}.${column}) WHERE value NOT IN (${names}) ORDER BY key))
    WHERE EXISTS (SELECT 1 FROM json_each(${table}.${column}) WHERE value IN (${names}));`;
const holders = (names: string): string =>
  ['membership', 'api_client', 'invitation'].map((table) => without(table, 'roles', names)).join('\n');
const audited = (operation: string, target: string, from: string): string =>
  `INSERT INTO audit_event (project_id, id, actor_kind, actor_id, operation, target, address, at, fields, outcome)
    SELECT project_id, ${ID}, 'command', NULL, '${operation}', ${target}, NULL, ${NOW}, '[]', 'succeeded' FROM ${from};`;
/** Of roles of the same project that have nothing left. */
const emptied = (table: string): string =>
  `SELECT name FROM role WHERE role.project_id = ${table}.project_id AND role.operations = '[]'`;

export const names: Migration = {
  version: 12,
  oldestCompatible: 11,
  sql: `
CREATE TEMP TABLE was_empty AS SELECT project_id, id FROM role WHERE operations = '[]';
${without('rule', 'names', listed(GONE_EVENTS))}
${audited(
  'mta.event_rules.delete',
  `CASE WHEN domain_id IS NULL THEN '/mta/v1/event_rules/' ELSE '/mta/v1/domains/' || domain_id || '/event_rules/' END || id`,
  `rule WHERE names = '[]'`,
)}
DELETE FROM rule WHERE names = '[]';
${without('role', 'operations', listed(GONE_PERMISSIONS))}
${holders(listed(GONE_PERMISSIONS))}
UPDATE role SET operations = '["was empty"]' WHERE EXISTS (SELECT 1 FROM was_empty w WHERE w.project_id = role.project_id AND w.id = role.id);
${audited('iam.roles.delete', `'/iam/v1/roles/' || id`, `role WHERE operations = '[]'`)}
${['membership', 'api_client', 'invitation'].map((table) => without(table, 'roles', emptied(table))).join('\n')}
DELETE FROM role WHERE operations = '[]';
UPDATE role SET operations = '[]' WHERE operations = '["was empty"]';
DROP TABLE was_empty;

PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, ' CHECK (provider IN (''gehirn'', ''rfc2136'', ''cloudflare'', ''route53''))', '') WHERE type = 'table' AND name = 'dns_account';
PRAGMA writable_schema = RESET;
`,
};
