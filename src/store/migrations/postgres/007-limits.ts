/** Traffic over time, alerts about limits, and requests for higher limits; see ../sqlite/007-limits.ts. */
import type { Migration } from '../migration.ts';

const ID = 'TEXT COLLATE "C" NOT NULL';

export const limits: Migration = {
  version: 7,
  oldestCompatible: 1,
  sql: `
CREATE TABLE traffic (project_id ${ID}, width BIGINT NOT NULL CHECK (width IN (60, 3600, 86400)), start BIGINT NOT NULL, domain_id ${ID}, part BIGINT NOT NULL,
  accepted BIGINT NOT NULL, delivered BIGINT NOT NULL, deferred BIGINT NOT NULL, bounced BIGINT NOT NULL, expired BIGINT NOT NULL, held BIGINT NOT NULL, received BIGINT NOT NULL,
  PRIMARY KEY (project_id, width, start, domain_id, part)) WITH (fillfactor = 70);
CREATE TABLE traffic_rolled (project_id TEXT COLLATE "C" PRIMARY KEY, rolled_to BIGINT NOT NULL);

CREATE TABLE limit_alert (project_id ${ID}, domain_id ${ID}, span TEXT NOT NULL CHECK (span IN ('minute', 'day')), kind TEXT NOT NULL CHECK (kind IN ('approaching', 'exceeded')),
  at BIGINT NOT NULL, used BIGINT NOT NULL, cap BIGINT NOT NULL, returns_at BIGINT NOT NULL, due BIGINT NOT NULL CHECK (due IN (0, 1)),
  PRIMARY KEY (project_id, domain_id, span, kind));
CREATE INDEX limit_alert_due ON limit_alert (project_id) WHERE due = 1;

CREATE TABLE limit_request (project_id TEXT COLLATE "C" NOT NULL REFERENCES project (id), id ${ID}, state TEXT NOT NULL CHECK (state IN ('open', 'approved', 'approved_in_part', 'refused', 'cancelled')),
  per_minute BIGINT, per_day BIGINT, reason TEXT NOT NULL, actor TEXT NOT NULL, notify TEXT, created_at BIGINT NOT NULL,
  decided_at BIGINT, decided_by TEXT, granted_per_minute BIGINT, granted_per_day BIGINT, note TEXT,
  PRIMARY KEY (project_id, id), CONSTRAINT limit_request_decided CHECK ((state = 'open') = (decided_at IS NULL)));
CREATE UNIQUE INDEX directory_limit_request ON limit_request (id);
CREATE UNIQUE INDEX limit_request_open ON limit_request (project_id) WHERE state = 'open';
`,
};
