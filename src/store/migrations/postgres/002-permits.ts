/**
 * hikyaku_permits(site, me, cap, wish) runs as one transaction under the site's lock. `wish` > 0: takes as
 * many permits as are free, at most `wish`; if none is free, it records that this member wants one. `wish` <=
 * 0: gives back that many, and records that none is wanted. Returns the number of granted permits. Permits of
 * members that no longer exist are free.
 */
import type { Migration } from '../migration.ts';

export const permits: Migration = {
  version: 2,
  oldestCompatible: 1,
  sql: `
CREATE OR REPLACE FUNCTION hikyaku_permits(the_site TEXT, me TEXT, cap INT, wish INT) RETURNS INT LANGUAGE plpgsql AS $$
DECLARE taken INT; got INT;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('hikyaku site ' || the_site, 0));
  IF wish <= 0 THEN
    UPDATE site_permit SET granted = granted + wish, wanting = 0 WHERE site = the_site AND holder = me;
    DELETE FROM site_permit WHERE site = the_site AND holder = me AND granted <= 0;
    RETURN wish;
  END IF;
  DELETE FROM site_permit p WHERE p.site = the_site AND NOT EXISTS (SELECT 1 FROM node n WHERE n.id = p.holder AND n.holder = n.id);
  SELECT coalesce(sum(granted), 0) INTO taken FROM site_permit WHERE site = the_site;
  got := least(wish, greatest(0, cap - taken));
  INSERT INTO site_permit (site, holder, granted, wanting) VALUES (the_site, me, got, CASE WHEN got = 0 THEN 1 ELSE 0 END)
    ON CONFLICT (site, holder) DO UPDATE SET granted = site_permit.granted + got,
      wanting = CASE WHEN site_permit.granted + got = 0 THEN 1 ELSE 0 END;
  RETURN got;
END $$;
`,
};
