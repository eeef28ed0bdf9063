/**
 * The first schema for PostgreSQL: the tables and columns of SQLite, and what only several nodes need. Ids
 * are compared by their octets, flags are 0 and 1, JSON is text. Rows of a project have project_id first in
 * their key. Constraints give conflicts their names: `<table>_<what>` becomes `<table>.<what>`
 * (store/postgres/errors.ts). `message_body`, `event` and `attempt` are partitioned by the UTC day on which
 * their rows may be removed (`drop_day`), so retention drops whole partitions (store/postgres/partitions.ts);
 * rows that refer to them have the day as well. `owner` is the member that inserted a waiting row; it never
 * changes. Other indexes of the large tables do not begin with project_id: a plan is kept while tables grow,
 * so for the key of a row there must be no second index that looks good enough while a project has few rows
 * and later walks all of them. Global tables and indexes, not of one project: project, the unique indexes
 * `directory_*`, suspension, queue_operation, auth_failure, corrupt, meta, node, chore, site_permit,
 * node_request, node_answer.
 */
import type { Migration } from '../migration.ts';

const ID = 'TEXT COLLATE "C" NOT NULL';
const FLAG = (name: string) => `${name} BIGINT NOT NULL CHECK (${name} IN (0, 1))`;

export const first: Migration = {
  version: 1,
  oldestCompatible: 1,
  sql: `
CREATE TABLE project (id TEXT COLLATE "C" PRIMARY KEY, name TEXT NOT NULL, ${FLAG('sandbox')}, created_at BIGINT NOT NULL);
CREATE INDEX project_by_name ON project (name, created_at);

CREATE TABLE api_client (project_id ${ID} REFERENCES project (id), id ${ID}, name TEXT NOT NULL, roles TEXT NOT NULL, created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id), CONSTRAINT api_client_name UNIQUE (project_id, name));
CREATE UNIQUE INDEX directory_api_client ON api_client (id);

CREATE TABLE static_key (project_id ${ID}, id ${ID}, api_client_id ${ID}, expires_at BIGINT, created_at BIGINT NOT NULL,
  keyed_hash BYTEA NOT NULL, scram_salt BYTEA NOT NULL, scram_iterations BIGINT NOT NULL, scram_stored_key BYTEA NOT NULL, scram_server_key BYTEA NOT NULL,
  PRIMARY KEY (project_id, id), FOREIGN KEY (project_id, api_client_id) REFERENCES api_client (project_id, id) ON DELETE CASCADE);
CREATE UNIQUE INDEX directory_static_key ON static_key (id);
CREATE INDEX static_key_client ON static_key (project_id, api_client_id, id);

CREATE TABLE owned_domain (project_id ${ID} REFERENCES project (id), id ${ID}, name TEXT NOT NULL, challenge TEXT NOT NULL, verified_at BIGINT, created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id), CONSTRAINT owned_domain_name UNIQUE (project_id, name));
CREATE UNIQUE INDEX directory_verified_domain ON owned_domain (name) WHERE verified_at IS NOT NULL;

CREATE TABLE topic (project_id ${ID} REFERENCES project (id), id ${ID}, name TEXT NOT NULL, created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id), CONSTRAINT topic_name UNIQUE (project_id, name));

CREATE TABLE mta_domain (project_id ${ID}, id ${ID}, owned_domain_id ${ID}, name TEXT NOT NULL, default_topic_id ${ID},
  ${FLAG('receiving')}, ${FLAG('mx_seen')}, ${FLAG('dkim_enabled')},
  limit_per_minute BIGINT, limit_per_day BIGINT, dns TEXT, created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, owned_domain_id) REFERENCES owned_domain (project_id, id),
  FOREIGN KEY (project_id, default_topic_id) REFERENCES topic (project_id, id));
CREATE UNIQUE INDEX directory_mta_domain_name ON mta_domain (name);
CREATE UNIQUE INDEX directory_mta_domain ON mta_domain (id);
CREATE INDEX mta_domain_topic ON mta_domain (project_id, default_topic_id);
CREATE INDEX mta_domain_owned ON mta_domain (project_id, owned_domain_id);

CREATE TABLE dkim_key (project_id ${ID}, id ${ID}, domain_id ${ID}, selector TEXT NOT NULL,
  algorithm TEXT NOT NULL CHECK (algorithm IN ('rsa-sha256', 'ed25519-sha256')), public_record TEXT NOT NULL, sealed_private_key BYTEA NOT NULL,
  ${FLAG('active')}, created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id), CONSTRAINT dkim_key_selector UNIQUE (project_id, domain_id, selector),
  FOREIGN KEY (project_id, domain_id) REFERENCES mta_domain (project_id, id) ON DELETE CASCADE);

CREATE TABLE rule (project_id ${ID}, id ${ID}, family TEXT NOT NULL CHECK (family IN ('incoming', 'outgoing', 'event')), domain_id TEXT COLLATE "C", topic_id ${ID},
  type TEXT CHECK (type IN ('account', 'all', 'catch_all')), local_part TEXT, names TEXT, created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, domain_id) REFERENCES mta_domain (project_id, id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, topic_id) REFERENCES topic (project_id, id),
  CONSTRAINT rule_shape CHECK ((family = 'incoming') = (type IS NOT NULL) AND (family = 'event') = (names IS NOT NULL) AND (family = 'event' OR domain_id IS NOT NULL)
    AND (type IS NOT DISTINCT FROM 'account') = (local_part IS NOT NULL)));
CREATE INDEX rule_domain ON rule (project_id, domain_id, family, created_at, id);
CREATE INDEX rule_topic ON rule (project_id, topic_id);

CREATE TABLE project_limits (project_id TEXT COLLATE "C" PRIMARY KEY REFERENCES project (id), per_minute BIGINT NOT NULL, per_day BIGINT NOT NULL);
CREATE TABLE usage (project_id ${ID}, domain_id ${ID}, width BIGINT NOT NULL CHECK (width IN (1, 60)), start BIGINT NOT NULL, count BIGINT NOT NULL,
  PRIMARY KEY (project_id, domain_id, width, start)) WITH (fillfactor = 50);

CREATE TABLE message (project_id ${ID}, id ${ID}, domain_id TEXT COLLATE "C", direction TEXT NOT NULL CHECK (direction IN ('incoming', 'outgoing')), source TEXT NOT NULL,
  mail_from TEXT NOT NULL, message_id_header TEXT NOT NULL, size BIGINT NOT NULL, smtputf8 BIGINT NOT NULL, eight_bit BIGINT NOT NULL,
  accepted_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, keep_until BIGINT NOT NULL, drop_day INT NOT NULL, facts TEXT NOT NULL, body_of TEXT COLLATE "C",
  PRIMARY KEY (project_id, id));
CREATE INDEX message_header ON message (left(message_id_header, 200), project_id, id);
CREATE INDEX message_domain ON message (domain_id, project_id, id) WHERE domain_id IS NOT NULL;
CREATE INDEX message_drop ON message (drop_day);
CREATE INDEX message_body_of ON message (body_of, project_id) WHERE body_of IS NOT NULL;
CREATE TABLE message_body (project_id ${ID}, message_id ${ID}, part BIGINT NOT NULL, prefix BYTEA, data BYTEA NOT NULL, drop_day INT NOT NULL,
  PRIMARY KEY (project_id, message_id, part, drop_day)) PARTITION BY RANGE (drop_day);
ALTER TABLE message_body ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE recipient (project_id ${ID}, id ${ID}, message_id ${ID}, address TEXT NOT NULL, domain TEXT NOT NULL,
  state TEXT NOT NULL CONSTRAINT recipient_state CHECK (state IN ('queued', 'deferred', 'held', 'delivered', 'bounced', 'expired', 'suppressed', 'cancelled')),
  lane TEXT COLLATE "C" NOT NULL, attempts BIGINT NOT NULL, next_attempt_at BIGINT, held_since BIGINT, held_ms BIGINT NOT NULL, dsn TEXT,
  last_result TEXT, created_at BIGINT NOT NULL, settled_at BIGINT, owner ${ID},
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, message_id) REFERENCES message (project_id, id) ON DELETE CASCADE,
  CONSTRAINT recipient_held CHECK ((state = 'held') = (held_since IS NOT NULL)),
  CONSTRAINT recipient_waits CHECK ((state IN ('queued', 'deferred', 'held')) = (next_attempt_at IS NOT NULL)));
CREATE INDEX recipient_message ON recipient (message_id, project_id);
CREATE INDEX recipient_lane ON recipient (owner, project_id, lane, next_attempt_at, state, id) WHERE next_attempt_at IS NOT NULL;
CREATE TABLE suspension (id TEXT COLLATE "C" PRIMARY KEY, project_id TEXT COLLATE "C", filter TEXT NOT NULL, reason TEXT NOT NULL, actor TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE TABLE queue_operation (id TEXT COLLATE "C" PRIMARY KEY, project_id TEXT COLLATE "C", action TEXT NOT NULL CHECK (action IN ('retry', 'cancel', 'bounce', 'suspend', 'resume')),
  filter TEXT NOT NULL, actor TEXT NOT NULL, at BIGINT NOT NULL, changed BIGINT NOT NULL);
CREATE TABLE sent_key (project_id ${ID}, key TEXT NOT NULL, address TEXT NOT NULL, message_id ${ID}, created_at BIGINT NOT NULL,
  CONSTRAINT sent_key_address PRIMARY KEY (project_id, key, address));
CREATE INDEX sent_key_age ON sent_key (created_at);
CREATE TABLE sending_settings (project_id TEXT COLLATE "C" PRIMARY KEY REFERENCES project (id), retry_seconds BIGINT NOT NULL, deferred_ages TEXT NOT NULL,
  over_limit TEXT NOT NULL CHECK (over_limit IN ('reject', 'hold')), retention_days BIGINT NOT NULL DEFAULT 30);
CREATE TABLE attempt (project_id ${ID}, message_id ${ID}, recipient_id ${ID}, number BIGINT NOT NULL, at BIGINT NOT NULL,
  outcome TEXT NOT NULL CONSTRAINT attempt_outcome CHECK (outcome IN ('delivered', 'deferred', 'bounced')), detail TEXT, drop_day INT NOT NULL,
  PRIMARY KEY (project_id, message_id, recipient_id, number, drop_day)) PARTITION BY RANGE (drop_day);

CREATE TABLE subscriber (project_id ${ID}, id ${ID}, topic_id ${ID}, type TEXT NOT NULL, url TEXT NOT NULL, inline BIGINT NOT NULL,
  sealed_secret BYTEA NOT NULL, created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id), FOREIGN KEY (project_id, topic_id) REFERENCES topic (project_id, id) ON DELETE CASCADE);
CREATE INDEX subscriber_topic ON subscriber (project_id, topic_id, id);
CREATE TABLE event (project_id ${ID}, id ${ID}, topic_id ${ID}, service TEXT NOT NULL CONSTRAINT event_service CHECK (service IN ('mta', 'edj')), name TEXT NOT NULL,
  created_at BIGINT NOT NULL, expires_at BIGINT, keep_until BIGINT NOT NULL, drop_day INT NOT NULL, message_id TEXT COLLATE "C", content TEXT, summary TEXT,
  era BIGINT NOT NULL, xid XID8 NOT NULL DEFAULT pg_current_xact_id(), seq BIGINT NOT NULL,
  PRIMARY KEY (project_id, id, drop_day)) PARTITION BY RANGE (drop_day);
CREATE INDEX event_topic ON event (topic_id, project_id, era, xid, seq);
CREATE TABLE subscriber_delivery (project_id ${ID}, id ${ID}, subscriber_id ${ID}, event_id ${ID}, drop_day INT NOT NULL,
  state TEXT NOT NULL CONSTRAINT delivery_state CHECK (state IN ('pending', 'retry', 'done', 'dead')), attempts BIGINT NOT NULL, next_attempt_at BIGINT, last_result TEXT, created_at BIGINT NOT NULL, owner ${ID},
  PRIMARY KEY (project_id, id), FOREIGN KEY (project_id, subscriber_id) REFERENCES subscriber (project_id, id) ON DELETE CASCADE,
  CONSTRAINT delivery_waits CHECK ((state IN ('pending', 'retry')) = (next_attempt_at IS NOT NULL)));
CREATE INDEX delivery_subscriber ON subscriber_delivery (subscriber_id, project_id, id);
CREATE INDEX delivery_due ON subscriber_delivery (owner, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX delivery_due_of ON subscriber_delivery (owner, subscriber_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX delivery_drop ON subscriber_delivery (drop_day);

CREATE TABLE task (project_id ${ID}, id ${ID}, service TEXT NOT NULL, procedure TEXT NOT NULL, status TEXT NOT NULL CHECK (status IN ('queued', 'succeeded', 'failed')),
  result TEXT, error TEXT, created_at BIGINT NOT NULL, completed_at BIGINT, PRIMARY KEY (project_id, id));
CREATE TABLE idempotency (project_id ${ID}, key TEXT NOT NULL, request_hash BYTEA NOT NULL, status BIGINT, body TEXT, created_at BIGINT NOT NULL,
  CONSTRAINT idempotency_key PRIMARY KEY (project_id, key), CHECK ((status IS NULL) = (body IS NULL)));
CREATE INDEX idempotency_age ON idempotency (created_at);
CREATE TABLE auth_failure (scope TEXT NOT NULL, at BIGINT NOT NULL);
CREATE INDEX auth_failure_scope ON auth_failure (scope, at);
CREATE TABLE corrupt (table_name TEXT NOT NULL, key TEXT NOT NULL, reason TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (table_name, key));

CREATE TABLE node (id TEXT COLLATE "C" PRIMARY KEY, name TEXT NOT NULL, holder TEXT COLLATE "C" NOT NULL, beat BIGINT NOT NULL, started_at BIGINT NOT NULL) WITH (fillfactor = 50);
CREATE INDEX node_holder ON node (holder);
CREATE TABLE chore (name TEXT PRIMARY KEY, holder TEXT COLLATE "C" NOT NULL);
CREATE TABLE site_permit (site TEXT NOT NULL, holder TEXT COLLATE "C" NOT NULL, granted INT NOT NULL, wanting INT NOT NULL, PRIMARY KEY (site, holder));
CREATE TABLE node_request (id TEXT COLLATE "C" PRIMARY KEY, from_node TEXT COLLATE "C" NOT NULL, body TEXT NOT NULL, created_at BIGINT NOT NULL);
CREATE TABLE node_answer (request_id TEXT COLLATE "C" NOT NULL REFERENCES node_request (id) ON DELETE CASCADE, node TEXT COLLATE "C" NOT NULL, body TEXT NOT NULL, PRIMARY KEY (request_id, node));

-- A UUIDv7 (RFC 9562 §5.7) of that wall time, made where the number of rows is known.
CREATE FUNCTION hikyaku_id(ms BIGINT) RETURNS TEXT LANGUAGE sql VOLATILE AS $$
  SELECT overlay(gen_random_uuid()::text PLACING left(lpad(to_hex(ms), 12, '0'), 8) || '-' || right(lpad(to_hex(ms), 12, '0'), 4) || '-7' FROM 1 FOR 15)
$$;
`,
};
