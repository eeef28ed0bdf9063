/**
 * A subscriber's deliveries do not go in the commit of whoever removes it: `leftover` names the subscriber, readers do
 * not show what it left, and retention removes that in steps (postgres/sweep.ts); see ../sqlite/010-leftovers.ts. An
 * older program serves the result: it gives nothing to a subscriber that is gone either.
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
