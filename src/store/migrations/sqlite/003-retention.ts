/**
 * How long each message and event is kept, and the indexes that find expired ones: `*_keep` in the order of
 * time, `message_body_of` for messages that share another one's octets, `delivery_event` for the deliveries
 * of an event. An older program would write rows that may be removed at once, so older programs must not use
 * the result.
 */
import type { Migration } from '../migration.ts';

/** 30 days: the default of projects without their own setting. */
const KEPT_MS = 30 * 24 * 3600 * 1000;

export const retention: Migration = {
  version: 3,
  oldestCompatible: 3,
  sql: `
ALTER TABLE sending_settings ADD COLUMN retention_days INTEGER NOT NULL DEFAULT 30;
ALTER TABLE message ADD COLUMN keep_until INTEGER NOT NULL DEFAULT 0;
UPDATE message SET keep_until = accepted_at + ${KEPT_MS};
CREATE INDEX message_keep ON message (keep_until);
CREATE INDEX message_body_of ON message (project_id, body_of) WHERE body_of IS NOT NULL;
ALTER TABLE event ADD COLUMN keep_until INTEGER NOT NULL DEFAULT 0;
UPDATE event SET keep_until = ${KEPT_MS} +
  coalesce((SELECT accepted_at FROM message m WHERE m.project_id = event.project_id AND m.id = event.message_id), created_at);
CREATE INDEX event_keep ON event (keep_until);
CREATE INDEX delivery_event ON subscriber_delivery (project_id, event_id);
`,
};
