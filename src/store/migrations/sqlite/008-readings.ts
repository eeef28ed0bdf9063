/**
 * What was read of a message (reading/stored.ts), beside its first octets: messages that share octets share it, and lists
 * of messages do not meet it. An older program serves the result and reads each message again when it shows it.
 */
import type { Migration } from '../migration.ts';

export const readings: Migration = {
  version: 8,
  oldestCompatible: 3,
  sql: 'ALTER TABLE message_body ADD COLUMN reading BLOB',
};
