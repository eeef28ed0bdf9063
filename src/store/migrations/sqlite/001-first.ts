/**
 * The first schema for SQLite. Rows of a project have project_id first in their key. The global directories
 * (from key, API client, domain name and ids to the project) are the unique indexes named `directory_*`.
 * Events are in the order of `seq`, the commit order. The CHECKs repeat the state charts: a row waits (has
 * next_attempt_at) exactly while its state is a waiting one.
 */
import type { Migration } from '../migration.ts';

export const first: Migration = {
  version: 1,
  oldestCompatible: 1,
  sql: `
CREATE TABLE project (id TEXT PRIMARY KEY, name TEXT NOT NULL, sandbox INTEGER NOT NULL CHECK (sandbox IN (0, 1)), created_at INTEGER NOT NULL) STRICT;
CREATE INDEX project_name ON project (name, created_at);

CREATE TABLE api_client (project_id TEXT NOT NULL REFERENCES project (id), id TEXT NOT NULL, name TEXT NOT NULL, roles TEXT NOT NULL, created_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, id), UNIQUE (project_id, name)) STRICT;
CREATE UNIQUE INDEX directory_api_client ON api_client (id);

CREATE TABLE static_key (project_id TEXT NOT NULL, id TEXT NOT NULL, api_client_id TEXT NOT NULL, expires_at INTEGER, created_at INTEGER NOT NULL,
  keyed_hash BLOB NOT NULL, scram_salt BLOB NOT NULL, scram_iterations INTEGER NOT NULL, scram_stored_key BLOB NOT NULL, scram_server_key BLOB NOT NULL,
  PRIMARY KEY (project_id, id), FOREIGN KEY (project_id, api_client_id) REFERENCES api_client (project_id, id) ON DELETE CASCADE) STRICT;
CREATE UNIQUE INDEX directory_static_key ON static_key (id);
CREATE INDEX static_key_client ON static_key (project_id, api_client_id, id);

CREATE TABLE owned_domain (project_id TEXT NOT NULL REFERENCES project (id), id TEXT NOT NULL, name TEXT NOT NULL, challenge TEXT NOT NULL, verified_at INTEGER, created_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, id), UNIQUE (project_id, name)) STRICT;
CREATE UNIQUE INDEX directory_verified_domain ON owned_domain (name) WHERE verified_at IS NOT NULL;

CREATE TABLE topic (project_id TEXT NOT NULL REFERENCES project (id), id TEXT NOT NULL, name TEXT NOT NULL, created_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, id), UNIQUE (project_id, name)) STRICT;

CREATE TABLE mta_domain (project_id TEXT NOT NULL, id TEXT NOT NULL, owned_domain_id TEXT NOT NULL, name TEXT NOT NULL, default_topic_id TEXT NOT NULL,
  receiving INTEGER NOT NULL CHECK (receiving IN (0, 1)), mx_seen INTEGER NOT NULL CHECK (mx_seen IN (0, 1)), dkim_enabled INTEGER NOT NULL CHECK (dkim_enabled IN (0, 1)),
  limit_per_minute INTEGER, limit_per_day INTEGER, dns TEXT, created_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, owned_domain_id) REFERENCES owned_domain (project_id, id),
  FOREIGN KEY (project_id, default_topic_id) REFERENCES topic (project_id, id)) STRICT;
CREATE UNIQUE INDEX directory_mta_domain_name ON mta_domain (name);
CREATE UNIQUE INDEX directory_mta_domain ON mta_domain (id);
CREATE INDEX mta_domain_topic ON mta_domain (project_id, default_topic_id);
CREATE INDEX mta_domain_owned ON mta_domain (project_id, owned_domain_id);

CREATE TABLE dkim_key (project_id TEXT NOT NULL, id TEXT NOT NULL, domain_id TEXT NOT NULL, selector TEXT NOT NULL,
  algorithm TEXT NOT NULL CHECK (algorithm IN ('rsa-sha256', 'ed25519-sha256')), public_record TEXT NOT NULL, sealed_private_key BLOB NOT NULL,
  active INTEGER NOT NULL CHECK (active IN (0, 1)), created_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, id), UNIQUE (project_id, domain_id, selector),
  FOREIGN KEY (project_id, domain_id) REFERENCES mta_domain (project_id, id) ON DELETE CASCADE) STRICT;

CREATE TABLE rule (project_id TEXT NOT NULL, id TEXT NOT NULL, family TEXT NOT NULL CHECK (family IN ('incoming', 'outgoing', 'event')), domain_id TEXT, topic_id TEXT NOT NULL,
  type TEXT CHECK (type IN ('account', 'all', 'catch_all')), local_part TEXT, names TEXT, created_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, domain_id) REFERENCES mta_domain (project_id, id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, topic_id) REFERENCES topic (project_id, id),
  CONSTRAINT rule_shape CHECK ((family = 'incoming') = (type IS NOT NULL) AND (family = 'event') = (names IS NOT NULL) AND (family = 'event' OR domain_id IS NOT NULL)
    AND (type IS 'account') = (local_part IS NOT NULL))) STRICT;
CREATE INDEX rule_domain ON rule (project_id, domain_id, family, created_at, id);
CREATE INDEX rule_topic ON rule (project_id, topic_id);

CREATE TABLE project_limits (project_id TEXT PRIMARY KEY REFERENCES project (id), per_minute INTEGER NOT NULL, per_day INTEGER NOT NULL) STRICT;
CREATE TABLE usage (project_id TEXT NOT NULL, domain_id TEXT NOT NULL, width INTEGER NOT NULL CHECK (width IN (1, 60)), start INTEGER NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (project_id, domain_id, width, start)) STRICT, WITHOUT ROWID;

CREATE TABLE message (project_id TEXT NOT NULL, id TEXT NOT NULL, domain_id TEXT, direction TEXT NOT NULL CHECK (direction IN ('incoming', 'outgoing')), source TEXT NOT NULL,
  mail_from TEXT NOT NULL, message_id_header TEXT NOT NULL, size INTEGER NOT NULL, smtputf8 INTEGER NOT NULL, eight_bit INTEGER NOT NULL,
  accepted_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, facts TEXT NOT NULL,
  PRIMARY KEY (project_id, id)) STRICT, WITHOUT ROWID;
CREATE INDEX message_header ON message (project_id, message_id_header);
CREATE INDEX message_domain ON message (project_id, domain_id, id) WHERE domain_id IS NOT NULL;
CREATE TABLE message_body (project_id TEXT NOT NULL, message_id TEXT NOT NULL, part INTEGER NOT NULL, prefix BLOB, data BLOB NOT NULL,
  PRIMARY KEY (project_id, message_id, part),
  FOREIGN KEY (project_id, message_id) REFERENCES message (project_id, id) ON DELETE CASCADE) STRICT;

CREATE TABLE recipient (project_id TEXT NOT NULL, id TEXT NOT NULL, message_id TEXT NOT NULL, address TEXT NOT NULL, domain TEXT NOT NULL,
  state TEXT NOT NULL CONSTRAINT recipient_state CHECK (state IN ('queued', 'deferred', 'held', 'delivered', 'bounced', 'expired', 'suppressed', 'cancelled')),
  lane TEXT NOT NULL, attempts INTEGER NOT NULL, next_attempt_at INTEGER, held_since INTEGER, held_ms INTEGER NOT NULL, dsn TEXT,
  last_result TEXT, created_at INTEGER NOT NULL, settled_at INTEGER,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, message_id) REFERENCES message (project_id, id) ON DELETE CASCADE,
  CONSTRAINT recipient_held CHECK ((state = 'held') = (held_since IS NOT NULL)),
  CONSTRAINT recipient_waits CHECK ((state IN ('queued', 'deferred', 'held')) = (next_attempt_at IS NOT NULL))) STRICT, WITHOUT ROWID;
CREATE INDEX recipient_message ON recipient (project_id, message_id);
CREATE INDEX recipient_lane ON recipient (project_id, lane, next_attempt_at, state) WHERE next_attempt_at IS NOT NULL;
CREATE TABLE suspension (id TEXT PRIMARY KEY, project_id TEXT, filter TEXT NOT NULL, reason TEXT NOT NULL, actor TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT;
CREATE TABLE queue_operation (id TEXT PRIMARY KEY, project_id TEXT, action TEXT NOT NULL CHECK (action IN ('retry', 'cancel', 'bounce', 'suspend', 'resume')),
  filter TEXT NOT NULL, actor TEXT NOT NULL, at INTEGER NOT NULL, changed INTEGER NOT NULL) STRICT;
CREATE TABLE sent_key (project_id TEXT NOT NULL, key TEXT NOT NULL, address TEXT NOT NULL, message_id TEXT NOT NULL, created_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, key, address)) STRICT, WITHOUT ROWID;
CREATE INDEX sent_key_age ON sent_key (created_at);
CREATE TABLE sending_settings (project_id TEXT PRIMARY KEY REFERENCES project (id), retry_seconds INTEGER NOT NULL, deferred_ages TEXT NOT NULL,
  over_limit TEXT NOT NULL CHECK (over_limit IN ('reject', 'hold'))) STRICT;
CREATE TABLE attempt (project_id TEXT NOT NULL, message_id TEXT NOT NULL, recipient_id TEXT NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('delivered', 'deferred', 'bounced')), detail TEXT,
  PRIMARY KEY (project_id, message_id, recipient_id, number)) STRICT, WITHOUT ROWID;

CREATE TABLE subscriber (project_id TEXT NOT NULL, id TEXT NOT NULL, topic_id TEXT NOT NULL, type TEXT NOT NULL, url TEXT NOT NULL, inline INTEGER NOT NULL,
  sealed_secret BLOB NOT NULL, created_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, id), FOREIGN KEY (project_id, topic_id) REFERENCES topic (project_id, id) ON DELETE CASCADE) STRICT;
CREATE INDEX subscriber_topic ON subscriber (project_id, topic_id, id);
CREATE TABLE event (seq INTEGER PRIMARY KEY AUTOINCREMENT, project_id TEXT NOT NULL, id TEXT NOT NULL, topic_id TEXT NOT NULL, service TEXT NOT NULL CHECK (service IN ('mta', 'edj')), name TEXT NOT NULL,
  created_at INTEGER NOT NULL, expires_at INTEGER, message_id TEXT, content TEXT, summary TEXT,
  UNIQUE (project_id, id), FOREIGN KEY (project_id, topic_id) REFERENCES topic (project_id, id) ON DELETE CASCADE) STRICT;
CREATE INDEX event_topic ON event (project_id, topic_id, seq);
CREATE TABLE subscriber_delivery (project_id TEXT NOT NULL, id TEXT NOT NULL, subscriber_id TEXT NOT NULL, event_id TEXT NOT NULL,
  state TEXT NOT NULL CONSTRAINT delivery_state CHECK (state IN ('pending', 'retry', 'done', 'dead')), attempts INTEGER NOT NULL, next_attempt_at INTEGER, last_result TEXT, created_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, id), FOREIGN KEY (project_id, subscriber_id) REFERENCES subscriber (project_id, id) ON DELETE CASCADE,
  CONSTRAINT delivery_waits CHECK ((state IN ('pending', 'retry')) = (next_attempt_at IS NOT NULL))) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_subscriber ON subscriber_delivery (project_id, subscriber_id, id);
CREATE INDEX delivery_due ON subscriber_delivery (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX delivery_due_of ON subscriber_delivery (subscriber_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL;

CREATE TABLE task (project_id TEXT NOT NULL, id TEXT NOT NULL, service TEXT NOT NULL, procedure TEXT NOT NULL, status TEXT NOT NULL CHECK (status IN ('queued', 'succeeded', 'failed')),
  result TEXT, error TEXT, created_at INTEGER NOT NULL, completed_at INTEGER, PRIMARY KEY (project_id, id)) STRICT, WITHOUT ROWID;
CREATE TABLE idempotency (project_id TEXT NOT NULL, key TEXT NOT NULL, request_hash BLOB NOT NULL, status INTEGER, body TEXT, created_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, key), CHECK ((status IS NULL) = (body IS NULL))) STRICT;
CREATE INDEX idempotency_age ON idempotency (created_at);
CREATE TABLE auth_failure (scope TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE INDEX auth_failure_scope ON auth_failure (scope, at);
CREATE TABLE corrupt (table_name TEXT NOT NULL, key TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (table_name, key)) STRICT;
`,
};
