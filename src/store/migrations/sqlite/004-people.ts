/**
 * People: members with their second factors and sessions (of the instance); memberships, roles and
 * invitations (of a project); the audit log; when a project was closed and when a key was last used. Older
 * programs keep working with the result.
 */
import type { Migration } from '../migration.ts';

export const people: Migration = {
  version: 4,
  oldestCompatible: 3,
  sql: `
ALTER TABLE project ADD COLUMN closed_at INTEGER;
CREATE INDEX project_closed ON project (closed_at) WHERE closed_at IS NOT NULL;
ALTER TABLE static_key ADD COLUMN last_used_at INTEGER;

CREATE TABLE member (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, language TEXT NOT NULL CHECK (language IN ('ja', 'en')),
  instance_roles TEXT NOT NULL, password TEXT, sealed_totp BLOB, totp_step INTEGER, created_at INTEGER NOT NULL,
  CONSTRAINT member_totp CHECK ((sealed_totp IS NULL) = (totp_step IS NULL))) STRICT;
CREATE TABLE passkey (member_id TEXT NOT NULL REFERENCES member (id) ON DELETE CASCADE, id TEXT NOT NULL, credential_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  public_key BLOB NOT NULL, counter INTEGER NOT NULL, transports TEXT NOT NULL, created_at INTEGER NOT NULL, last_used_at INTEGER,
  PRIMARY KEY (member_id, id)) STRICT;
CREATE TABLE recovery_code (member_id TEXT NOT NULL REFERENCES member (id) ON DELETE CASCADE, hash BLOB NOT NULL, PRIMARY KEY (member_id, hash)) STRICT;
CREATE TABLE session (hash TEXT PRIMARY KEY, id TEXT NOT NULL, member_id TEXT NOT NULL REFERENCES member (id) ON DELETE CASCADE,
  state TEXT NOT NULL CONSTRAINT session_state CHECK (state IN ('second_factor', 'set_up', 'signed_in')), created_at INTEGER NOT NULL, last_used_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL, address TEXT NOT NULL, agent TEXT NOT NULL, challenge TEXT, sealed_totp BLOB) STRICT;
CREATE INDEX session_member ON session (member_id, id);
CREATE TABLE sign_in_link (hash TEXT PRIMARY KEY, member_id TEXT REFERENCES member (id) ON DELETE CASCADE, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT;

CREATE TABLE membership (project_id TEXT NOT NULL REFERENCES project (id), member_id TEXT NOT NULL REFERENCES member (id) ON DELETE CASCADE, roles TEXT NOT NULL, created_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, member_id)) STRICT;
CREATE INDEX membership_member ON membership (member_id);
CREATE TABLE role (project_id TEXT NOT NULL REFERENCES project (id), id TEXT NOT NULL, name TEXT NOT NULL, operations TEXT NOT NULL, created_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, id), UNIQUE (project_id, name)) STRICT;
CREATE TABLE invitation (project_id TEXT NOT NULL REFERENCES project (id), id TEXT NOT NULL, email TEXT NOT NULL, roles TEXT NOT NULL, hash TEXT NOT NULL, invited_by TEXT NOT NULL,
  created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (project_id, id)) STRICT;
CREATE UNIQUE INDEX directory_invitation ON invitation (hash);
CREATE TABLE audit_event (project_id TEXT NOT NULL, id TEXT NOT NULL, actor_kind TEXT NOT NULL CONSTRAINT audit_event_actor CHECK (actor_kind IN ('key', 'member', 'command', 'unknown')), actor_id TEXT,
  operation TEXT NOT NULL, target TEXT NOT NULL, address TEXT, at INTEGER NOT NULL, fields TEXT NOT NULL,
  outcome TEXT NOT NULL CONSTRAINT audit_event_outcome CHECK (outcome IN ('succeeded', 'failed')),
  PRIMARY KEY (project_id, id)) STRICT, WITHOUT ROWID;
CREATE INDEX audit_event_at ON audit_event (at);
`,
};
