/**
 * The parsed content of a message (reading/stored.ts), next to its first octets: messages that share octets
 * share it, and lists of messages do not read it. An older program can serve the result; it parses each
 * message again when it shows it.
 */
import type { Migration } from '../migration.ts';

export const readings: Migration = {
  version: 8,
  oldestCompatible: 3,
  sql: 'ALTER TABLE message_body ADD COLUMN reading BLOB',
};
