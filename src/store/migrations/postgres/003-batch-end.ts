/**
 * Each writer's last finished batch, written by the batch itself: if a connection breaks after COMMIT, it
 * tells what happened to the batch. The id of a transaction does not tell: a server that crashed gives out
 * again the ids that it had not logged.
 */
import type { Migration } from '../migration.ts';

export const batchEnd: Migration = {
  version: 3,
  oldestCompatible: 1,
  sql: `
CREATE TABLE batch_end (writer TEXT COLLATE "C" PRIMARY KEY, number BIGINT NOT NULL) WITH (fillfactor = 50);
`,
};
