/**
 * Removes stored names that have no behaviour (gone-names.ts): such events from event rules, and such permissions from
 * roles and from holders of roles. If a rule or role has no name left, it is removed, and the audit of its project says
 * so. Its holders lose the name of such a role, too; otherwise a later role of the same name would be theirs unasked.
 * The step also removes the check on the names of DNS providers: the program knows them, not the schema.
 */
import { GONE_EVENTS, GONE_PERMISSIONS, listed } from '../gone-names.ts';
import type { StepOfBoth } from '../migration.ts';

const HOLDERS = ['membership', 'api_client', 'invitation'];
/** The names of the project's roles that have no permission left. */
const emptied = (table: string): string =>
  `SELECT name FROM role WHERE role.project_id = ${table}.project_id AND role.operations = '[]'`;
/** How the engine removes names from a list, gives the time, and makes an id (UUIDv7, RFC 9562 §5.7). */
interface Dialect {
  readonly without: (table: string, column: string, names: string) => string;
  readonly now: string;
  readonly id: string;
  readonly wasEmpty: string;
}
const sqliteNow = `CAST(unixepoch('subsec') * 1000 AS INTEGER)`;
const sqlite: Dialect = {
  without: (table, column, names) =>
    `UPDATE ${table} SET ${column} = (SELECT json_group_array(value) FROM (SELECT value FROM json_each(${table}.${column}) WHERE value NOT IN (${names}) ORDER BY key))
    WHERE EXISTS (SELECT 1 FROM json_each(${table}.${column}) WHERE value IN (${names}));`,
  now: sqliteNow,
  id: `lower(substr(printf('%012x', ${sqliteNow}), 1, 8) || '-' || substr(printf('%012x', ${sqliteNow}), 9, 4) || '-7'
  || substr(hex(randomblob(2)), 1, 3) || '-8' || substr(hex(randomblob(2)), 1, 3) || '-' || hex(randomblob(6)))`,
  wasEmpty: 'CREATE TEMP TABLE was_empty AS',
};
const postgresNow = `(extract(epoch FROM clock_timestamp()) * 1000)::bigint`;
/** Writes lists as the program does: JSON without spaces. */
const postgres: Dialect = {
  without: (table, column, names) =>
    `UPDATE ${table} SET ${column} = (SELECT coalesce('[' || string_agg(to_json(value)::text, ',' ORDER BY at) || ']', '[]')
      FROM json_array_elements_text(${table}.${column}::json) WITH ORDINALITY AS listed (value, at) WHERE value NOT IN (${names}))
    WHERE ${column} IS NOT NULL AND EXISTS (SELECT 1 FROM json_array_elements_text(${table}.${column}::json) AS listed (value) WHERE value IN (${names}));`,
  now: postgresNow,
  id: `overlay(overlay(gen_random_uuid()::text placing '7' from 15) placing
  substr(lpad(to_hex(${postgresNow}), 12, '0'), 1, 8) || '-' || substr(lpad(to_hex(${postgresNow}), 12, '0'), 9, 4) from 1 for 13)`,
  wasEmpty: 'CREATE TEMP TABLE was_empty ON COMMIT DROP AS',
};

function sqlOf({ without, now, id, wasEmpty }: Dialect): string {
  const audited = (operation: string, target: string, from: string) =>
    `INSERT INTO audit_event (project_id, id, actor_kind, actor_id, operation, target, address, at, fields, outcome)
    SELECT project_id, ${id}, 'command', NULL, '${operation}', ${target}, NULL, ${now}, '[]', 'succeeded' FROM ${from};`;
  const rule = `CASE WHEN domain_id IS NULL THEN '/mta/v1/event_rules/' ELSE '/mta/v1/domains/' || domain_id || '/event_rules/' END || id`;
  return `
${wasEmpty} SELECT project_id, id FROM role WHERE operations = '[]';
${without('rule', 'names', listed(GONE_EVENTS))}
${audited('mta.event_rules.delete', rule, `rule WHERE names = '[]'`)}
DELETE FROM rule WHERE names = '[]';
${without('role', 'operations', listed(GONE_PERMISSIONS))}
${HOLDERS.map((table) => without(table, 'roles', listed(GONE_PERMISSIONS))).join('\n')}
UPDATE role SET operations = '["was empty"]' WHERE EXISTS (SELECT 1 FROM was_empty w WHERE w.project_id = role.project_id AND w.id = role.id);
${audited('iam.roles.delete', `'/iam/v1/roles/' || id`, `role WHERE operations = '[]'`)}
${HOLDERS.map((table) => without(table, 'roles', emptied(table))).join('\n')}
DELETE FROM role WHERE operations = '[]';
UPDATE role SET operations = '[]' WHERE operations = '["was empty"]';
`;
}

export const names: StepOfBoth = {
  version: 12,
  imported: sqlOf(postgres),
  sqlite: {
    oldestCompatible: 11,
    sql: `${sqlOf(sqlite)}
DROP TABLE was_empty;

PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, ' CHECK (provider IN (''gehirn'', ''rfc2136'', ''cloudflare'', ''route53''))', '') WHERE type = 'table' AND name = 'dns_account';
PRAGMA writable_schema = RESET;
`,
  },
  postgres: {
    oldestCompatible: 1,
    sql: `${sqlOf(postgres)}
ALTER TABLE dns_account DROP CONSTRAINT dns_account_provider_check;
`,
  },
};
