/**
 * Sign-in attempts: failures have the name of their attempt, so that one can be taken back, and successful
 * sign-ins are stored (`auth_success`). The old failures contained typed names in clear text, so this
 * migration removes them. An older program can serve the result; it writes such names again.
 */
import type { Migration } from '../migration.ts';

export const attempts: Migration = {
  version: 9,
  oldestCompatible: 3,
  sql: `
DELETE FROM auth_failure;
ALTER TABLE auth_failure ADD COLUMN attempt TEXT NOT NULL DEFAULT '';
CREATE INDEX auth_failure_at ON auth_failure (at);
CREATE TABLE auth_success (scope TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX auth_success_at ON auth_success (at);
`,
};
