/**
 * How far each writer's batches have come, written by the batch itself: after a connection that broke behind COMMIT it
 * tells what became of it. A transaction's id does not: a server that crashed gives the ids it had not logged out again.
 */
import type { Migration } from '../migration.ts';

export const batchEnd: Migration = {
  version: 3,
  oldestCompatible: 1,
  sql: `
CREATE TABLE batch_end (writer TEXT COLLATE "C" PRIMARY KEY, number BIGINT NOT NULL) WITH (fillfactor = 50);
`,
};
