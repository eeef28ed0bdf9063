/**
 * Accounts at DNS providers, plans made with them, and the history of changes. The history names its domain
 * and account without a reference, because it outlives both. A program that does not know these tables leaves
 * them alone.
 */
import type { Migration } from '../migration.ts';

export const dnsAccounts: Migration = {
  version: 6,
  oldestCompatible: 3,
  sql: `
CREATE TABLE dns_account (project_id TEXT NOT NULL REFERENCES project (id), id TEXT NOT NULL,
  provider TEXT NOT NULL CHECK (provider IN ('gehirn', 'rfc2136', 'cloudflare', 'route53')), name TEXT NOT NULL, settings TEXT NOT NULL,
  sealed_settings BLOB NOT NULL, created_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, id), UNIQUE (project_id, name)) STRICT;
CREATE TABLE dns_plan (project_id TEXT NOT NULL, id TEXT NOT NULL, domain_id TEXT NOT NULL, account_id TEXT NOT NULL, zone TEXT NOT NULL, plan TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, domain_id) REFERENCES mta_domain (project_id, id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, account_id) REFERENCES dns_account (project_id, id) ON DELETE CASCADE) STRICT;
CREATE INDEX dns_plan_domain ON dns_plan (project_id, domain_id, created_at);
CREATE INDEX dns_plan_account ON dns_plan (project_id, account_id);
CREATE TABLE dns_change (project_id TEXT NOT NULL, id TEXT NOT NULL, domain_id TEXT NOT NULL, account_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('apply', 'undo')), undoes TEXT, zone TEXT NOT NULL, changes TEXT NOT NULL,
  state TEXT NOT NULL CONSTRAINT dns_change_state CHECK (state IN ('applying', 'applied', 'partial', 'failed', 'unknown')),
  done TEXT, cause TEXT, revert TEXT, actor TEXT NOT NULL, created_at INTEGER NOT NULL, completed_at INTEGER,
  PRIMARY KEY (project_id, id),
  CONSTRAINT dns_change_over CHECK ((state = 'applying') = (completed_at IS NULL))) STRICT;
CREATE INDEX dns_change_domain ON dns_change (project_id, domain_id, id);
`,
};
