/**
 * Removing a subscriber does not remove its deliveries in the same commit. `leftover` names the subscriber,
 * readers do not show its deliveries, and retention removes them in steps (postgres/sweep.ts); see
 * ../sqlite/010-leftovers.ts. An older program can serve the result: it delivers nothing to a removed
 * subscriber either.
 */
import type { Migration } from '../migration.ts';

export const leftovers: Migration = {
  version: 10,
  oldestCompatible: 1,
  sql: `
ALTER TABLE subscriber_delivery DROP CONSTRAINT subscriber_delivery_project_id_subscriber_id_fkey;
CREATE TABLE leftover (project TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, PRIMARY KEY (project, id));
CREATE FUNCTION hikyaku_left_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO leftover (project, id) VALUES (old.project_id, old.id) ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER subscriber_left_over AFTER DELETE ON subscriber FOR EACH ROW EXECUTE FUNCTION hikyaku_left_over();
`,
};
