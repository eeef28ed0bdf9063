/**
 * A message may refer to the octets of another message of its project that was accepted with it; the octets
 * are stored once.
 */
import type { Migration } from '../migration.ts';

export const sharedBody: Migration = {
  version: 2,
  oldestCompatible: 2,
  sql: 'ALTER TABLE message ADD COLUMN body_of TEXT',
};
