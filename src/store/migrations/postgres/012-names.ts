/** As ../sqlite/012-names.ts. Numbers of both engines agree from here on. */
import { GONE_EVENTS, GONE_PERMISSIONS, listed } from '../gone-names.ts';
import type { Migration } from '../migration.ts';

const NOW = `(extract(epoch FROM clock_timestamp()) * 1000)::bigint`;
/** UUIDv7 (RFC 9562 §5.7): the time in the first 48 bits of a random UUID. */
const ID = `overlay(overlay(gen_random_uuid()::text placing '7' from 15) placing
  substr(lpad(to_hex(${NOW}), 12, '0'), 1, 8) || '-' || substr(lpad(to_hex(${NOW}), 12, '0'), 9, 4) from 1 for 13)`;
/** Lists are JSON as the program writes it, without spaces. */
const without = (table: string, column: string, names: string): string =>
  `UPDATE ${table} SET ${column} = (SELECT coalesce('[' || string_agg(to_json(value)::text, ',' ORDER BY at) || ']', '[]')
      FROM json_array_elements_text(${table}.${column}::json) WITH ORDINALITY AS listed (value, at) WHERE value NOT IN (${names}))
    WHERE ${column} IS NOT NULL AND EXISTS (SELECT 1 FROM json_array_elements_text(${table}.${column}::json) AS listed (value) WHERE value IN (${names}));`;
const audited = (operation: string, target: string, from: string): string =>
  `INSERT INTO audit_event (project_id, id, actor_kind, actor_id, operation, target, address, at, fields, outcome)
    SELECT project_id, ${ID}, 'command', NULL, '${operation}', ${target}, NULL, ${NOW}, '[]', 'succeeded' FROM ${from};`;
const HOLDERS = ['membership', 'api_client', 'invitation'];
const emptied = (table: string): string =>
  `SELECT name FROM role WHERE role.project_id = ${table}.project_id AND role.operations = '[]'`;

export const names: Migration = {
  version: 12,
  oldestCompatible: 1,
  sql: `
CREATE TEMP TABLE was_empty ON COMMIT DROP AS SELECT project_id, id FROM role WHERE operations = '[]';
${without('rule', 'names', listed(GONE_EVENTS))}
${audited(
  'mta.event_rules.delete',
  `CASE WHEN domain_id IS NULL THEN '/mta/v1/event_rules/' ELSE '/mta/v1/domains/' || domain_id || '/event_rules/' END || id`,
  `rule WHERE names = '[]'`,
)}
DELETE FROM rule WHERE names = '[]';
${without('role', 'operations', listed(GONE_PERMISSIONS))}
${HOLDERS.map((table) => without(table, 'roles', listed(GONE_PERMISSIONS))).join('\n')}
UPDATE role SET operations = '["was empty"]' FROM was_empty w WHERE w.project_id = role.project_id AND w.id = role.id;
${audited('iam.roles.delete', `'/iam/v1/roles/' || id`, `role WHERE operations = '[]'`)}
${HOLDERS.map((table) => without(table, 'roles', emptied(table))).join('\n')}
DELETE FROM role WHERE operations = '[]';
UPDATE role SET operations = '[]' WHERE operations = '["was empty"]';

ALTER TABLE dns_account DROP CONSTRAINT dns_account_provider_check;
`,
};
