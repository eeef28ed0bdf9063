/**
 * People: members with their second factors and sessions (of the instance); memberships, roles and
 * invitations (of a project); the audit log; when a project was closed and when a key was last used. Older
 * programs keep working with the result.
 */
import type { Migration } from '../migration.ts';

const ID = 'TEXT COLLATE "C" NOT NULL';
const OF_MEMBER = `member_id ${ID} REFERENCES member (id) ON DELETE CASCADE`;
const OF_PROJECT = `project_id ${ID} REFERENCES project (id)`;

export const people: Migration = {
  version: 4,
  oldestCompatible: 1,
  sql: `
ALTER TABLE project ADD COLUMN closed_at BIGINT;
CREATE INDEX project_closed ON project (closed_at) WHERE closed_at IS NOT NULL;
ALTER TABLE static_key ADD COLUMN last_used_at BIGINT;

CREATE TABLE member (id TEXT COLLATE "C" PRIMARY KEY, email TEXT NOT NULL CONSTRAINT member_email UNIQUE, name TEXT NOT NULL, language TEXT NOT NULL CHECK (language IN ('ja', 'en')),
  instance_roles TEXT NOT NULL, password TEXT, sealed_totp BYTEA, totp_step BIGINT, created_at BIGINT NOT NULL,
  CONSTRAINT member_totp CHECK ((sealed_totp IS NULL) = (totp_step IS NULL)));
CREATE TABLE passkey (${OF_MEMBER}, id ${ID}, credential_id TEXT NOT NULL CONSTRAINT passkey_credential_id UNIQUE, name TEXT NOT NULL,
  public_key BYTEA NOT NULL, counter BIGINT NOT NULL, transports TEXT NOT NULL, created_at BIGINT NOT NULL, last_used_at BIGINT,
  PRIMARY KEY (member_id, id));
CREATE TABLE recovery_code (${OF_MEMBER}, hash BYTEA NOT NULL, PRIMARY KEY (member_id, hash));
CREATE TABLE session (hash TEXT COLLATE "C" PRIMARY KEY, id ${ID}, ${OF_MEMBER},
  state TEXT NOT NULL CONSTRAINT session_state CHECK (state IN ('second_factor', 'set_up', 'signed_in')), created_at BIGINT NOT NULL, last_used_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL, address TEXT NOT NULL, agent TEXT NOT NULL, challenge TEXT, sealed_totp BYTEA);
CREATE INDEX session_member ON session (member_id, id);
CREATE TABLE sign_in_link (hash TEXT COLLATE "C" PRIMARY KEY, member_id TEXT COLLATE "C" REFERENCES member (id) ON DELETE CASCADE, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);

CREATE TABLE membership (${OF_PROJECT}, ${OF_MEMBER}, roles TEXT NOT NULL, created_at BIGINT NOT NULL,
  CONSTRAINT membership_member_id PRIMARY KEY (project_id, member_id));
CREATE INDEX membership_member ON membership (member_id);
CREATE TABLE role (${OF_PROJECT}, id ${ID}, name TEXT NOT NULL, operations TEXT NOT NULL, created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id), CONSTRAINT role_name UNIQUE (project_id, name));
CREATE TABLE invitation (${OF_PROJECT}, id ${ID}, email TEXT NOT NULL, roles TEXT NOT NULL, hash TEXT COLLATE "C" NOT NULL, invited_by TEXT NOT NULL,
  created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, PRIMARY KEY (project_id, id));
CREATE UNIQUE INDEX directory_invitation ON invitation (hash);
CREATE TABLE audit_event (project_id ${ID}, id ${ID}, actor_kind TEXT NOT NULL CONSTRAINT audit_event_actor CHECK (actor_kind IN ('key', 'member', 'command', 'unknown')), actor_id TEXT COLLATE "C",
  operation TEXT NOT NULL, target TEXT NOT NULL, address TEXT, at BIGINT NOT NULL, fields TEXT NOT NULL,
  outcome TEXT NOT NULL CONSTRAINT audit_event_outcome CHECK (outcome IN ('succeeded', 'failed')),
  PRIMARY KEY (project_id, id));
CREATE INDEX audit_event_at ON audit_event (at);
`,
};
