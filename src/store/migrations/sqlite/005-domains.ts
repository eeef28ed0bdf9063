/**
 * What DNS says about a domain's challenge, DKIM keys with states and rotation, and the records of removed
 * domains. Older programs work correctly with the result: they sign by `active` and do not know removed
 * domains; the keys that they make are active.
 */
import type { Migration } from '../migration.ts';

export const domains: Migration = {
  version: 5,
  oldestCompatible: 3,
  sql: `
ALTER TABLE owned_domain ADD COLUMN proof TEXT;
ALTER TABLE mta_domain ADD COLUMN dkim_rotation_days INTEGER DEFAULT 180;
ALTER TABLE dkim_key ADD COLUMN state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('pending', 'active', 'retiring', 'retired'));
ALTER TABLE dkim_key ADD COLUMN seen_since INTEGER;
ALTER TABLE dkim_key ADD COLUMN changed_at INTEGER;
UPDATE dkim_key SET state = 'pending' WHERE active = 0;
CREATE TABLE removed_domain (project_id TEXT NOT NULL REFERENCES project (id), id TEXT NOT NULL, name TEXT NOT NULL,
  reason TEXT NOT NULL CHECK (reason IN ('deleted', 'moved', 'lost')), created_at INTEGER NOT NULL, removed_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, id)) STRICT;
CREATE INDEX removed_domain_age ON removed_domain (removed_at);
`,
};
