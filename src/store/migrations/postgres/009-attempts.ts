/** Sign-in attempts; see ../sqlite/009-attempts.ts. */
import type { Migration } from '../migration.ts';

export const attempts: Migration = {
  version: 9,
  oldestCompatible: 1,
  sql: `
DELETE FROM auth_failure;
ALTER TABLE auth_failure ADD COLUMN attempt TEXT NOT NULL DEFAULT '';
CREATE INDEX auth_failure_at ON auth_failure (at);
CREATE TABLE auth_success (scope TEXT COLLATE "C" PRIMARY KEY, at BIGINT NOT NULL);
CREATE INDEX auth_success_at ON auth_success (at);
`,
};
