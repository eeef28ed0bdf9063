/**
 * A subscriber is its kind, its settings, and what is sealed of them. Of an HTTP hook that is the signing secret alone, as it
 * was. An older program would look for the old columns, so that none may use the result.
 */
import type { Migration } from '../migration.ts';

export const kinds: Migration = {
  version: 13,
  oldestCompatible: 13,
  sql: `
ALTER TABLE subscriber ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
UPDATE subscriber SET settings = json_object('url', url, 'inline', json(iif(inline, 'true', 'false')));
ALTER TABLE subscriber RENAME COLUMN sealed_secret TO sealed_settings;
ALTER TABLE subscriber DROP COLUMN url;
ALTER TABLE subscriber DROP COLUMN inline;
`,
};
