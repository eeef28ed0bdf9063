/**
 * The parsed content of a message, next to its first octets; see ../sqlite/008-readings.ts. It is already
 * deflated.
 */
import type { Migration } from '../migration.ts';

export const readings: Migration = {
  version: 8,
  oldestCompatible: 1,
  sql: `
ALTER TABLE message_body ADD COLUMN reading BYTEA;
ALTER TABLE message_body ALTER COLUMN reading SET STORAGE EXTERNAL;
`,
};
