/**
 * What projects send and receive over time (`traffic`: recipients by minute, rolled up into hours and days up
 * to `traffic_rolled`; nodes that write at the same time each add to their own `part`), alerts about limits
 * (`limit_alert`), and requests for higher limits. All of it is new: an older program can serve the result,
 * but counts nothing in the meantime.
 */
import type { Migration } from '../migration.ts';

export const limits: Migration = {
  version: 7,
  oldestCompatible: 3,
  sql: `
CREATE TABLE traffic (project_id TEXT NOT NULL, width INTEGER NOT NULL CHECK (width IN (60, 3600, 86400)), start INTEGER NOT NULL, domain_id TEXT NOT NULL, part INTEGER NOT NULL,
  accepted INTEGER NOT NULL, delivered INTEGER NOT NULL, deferred INTEGER NOT NULL, bounced INTEGER NOT NULL, expired INTEGER NOT NULL, held INTEGER NOT NULL, received INTEGER NOT NULL,
  PRIMARY KEY (project_id, width, start, domain_id, part)) STRICT, WITHOUT ROWID;
CREATE TABLE traffic_rolled (project_id TEXT PRIMARY KEY, rolled_to INTEGER NOT NULL) STRICT;

CREATE TABLE limit_alert (project_id TEXT NOT NULL, domain_id TEXT NOT NULL, span TEXT NOT NULL CHECK (span IN ('minute', 'day')), kind TEXT NOT NULL CHECK (kind IN ('approaching', 'exceeded')),
  at INTEGER NOT NULL, used INTEGER NOT NULL, cap INTEGER NOT NULL, returns_at INTEGER NOT NULL, due INTEGER NOT NULL CHECK (due IN (0, 1)),
  PRIMARY KEY (project_id, domain_id, span, kind)) STRICT, WITHOUT ROWID;
CREATE INDEX limit_alert_due ON limit_alert (project_id) WHERE due = 1;

CREATE TABLE limit_request (project_id TEXT NOT NULL REFERENCES project (id), id TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('open', 'approved', 'approved_in_part', 'refused', 'cancelled')),
  per_minute INTEGER, per_day INTEGER, reason TEXT NOT NULL, actor TEXT NOT NULL, notify TEXT, created_at INTEGER NOT NULL,
  decided_at INTEGER, decided_by TEXT, granted_per_minute INTEGER, granted_per_day INTEGER, note TEXT,
  PRIMARY KEY (project_id, id), CONSTRAINT limit_request_decided CHECK ((state = 'open') = (decided_at IS NULL))) STRICT;
CREATE UNIQUE INDEX directory_limit_request ON limit_request (id);
CREATE UNIQUE INDEX limit_request_open ON limit_request (project_id) WHERE state = 'open';
`,
};
