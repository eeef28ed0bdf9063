/** A message may show the octets of another one of its project that was accepted with it: they are stored once. */
import type { Migration } from '../migration.ts';

export const sharedBody: Migration = {
  version: 2,
  oldestCompatible: 2,
  sql: 'ALTER TABLE message ADD COLUMN body_of TEXT',
};
