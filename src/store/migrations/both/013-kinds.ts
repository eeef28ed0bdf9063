/**
 * A subscriber consists of its kind, its settings, and its sealed settings. For an HTTP hook the sealed settings are the
 * signing secret alone, as before. SQLite: an older program would look for the old columns, so no older program may use
 * the result. PostgreSQL: nodes of the previous version may still run. The old columns stay for them, and a trigger fills
 * in the columns that the other version does not write. If a subscriber has a kind that they do not know, their POST has
 * no address; it fails, and they try again.
 */
import type { StepOfBoth } from '../migration.ts';

export const kinds: StepOfBoth = {
  version: 13,
  sqlite: {
    oldestCompatible: 13,
    sql: `
ALTER TABLE subscriber ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
UPDATE subscriber SET settings = json_object('url', url, 'inline', json(iif(inline, 'true', 'false')));
ALTER TABLE subscriber RENAME COLUMN sealed_secret TO sealed_settings;
ALTER TABLE subscriber DROP COLUMN url;
ALTER TABLE subscriber DROP COLUMN inline;
`,
  },
  postgres: {
    oldestCompatible: 1,
    sql: `
ALTER TABLE subscriber ADD COLUMN settings TEXT, ADD COLUMN sealed_settings BYTEA;
UPDATE subscriber SET settings = '{"url":' || to_json(url)::text || ',"inline":' || CASE WHEN inline = 1 THEN 'true' ELSE 'false' END || '}', sealed_settings = sealed_secret;
CREATE FUNCTION hikyaku_subscriber_kinds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF new.settings IS NULL OR (TG_OP = 'UPDATE' AND new.settings = old.settings AND (new.url, new.inline) IS DISTINCT FROM (old.url, old.inline)) THEN
    new.settings := '{"url":' || to_json(new.url)::text || ',"inline":' || CASE WHEN new.inline = 1 THEN 'true' ELSE 'false' END || '}';
    new.sealed_settings := new.sealed_secret;
  ELSE
    new.url := coalesce(new.settings::json ->> 'url', '');
    new.inline := CASE WHEN new.settings::json ->> 'inline' = 'true' THEN 1 ELSE 0 END;
    new.sealed_secret := new.sealed_settings;
  END IF;
  RETURN new;
END $$;
CREATE TRIGGER subscriber_kinds BEFORE INSERT OR UPDATE ON subscriber FOR EACH ROW EXECUTE FUNCTION hikyaku_subscriber_kinds();
ALTER TABLE subscriber ALTER COLUMN settings SET NOT NULL, ALTER COLUMN sealed_settings SET NOT NULL;
`,
  },
};
