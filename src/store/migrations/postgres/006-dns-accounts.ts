/** Accounts at DNS providers, plans and the history of changes; see ../sqlite/006-dns-accounts.ts. */
import type { Migration } from '../migration.ts';

const ID = 'TEXT COLLATE "C" NOT NULL';

export const dnsAccounts: Migration = {
  version: 6,
  oldestCompatible: 1,
  sql: `
CREATE TABLE dns_account (project_id ${ID} REFERENCES project (id), id ${ID},
  provider TEXT NOT NULL CHECK (provider IN ('gehirn', 'rfc2136', 'cloudflare', 'route53')), name TEXT NOT NULL, settings TEXT NOT NULL,
  sealed_settings BYTEA NOT NULL, created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id), CONSTRAINT dns_account_name UNIQUE (project_id, name));
CREATE TABLE dns_plan (project_id ${ID}, id ${ID}, domain_id ${ID}, account_id ${ID}, zone TEXT NOT NULL, plan TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, domain_id) REFERENCES mta_domain (project_id, id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, account_id) REFERENCES dns_account (project_id, id) ON DELETE CASCADE);
CREATE INDEX dns_plan_domain ON dns_plan (project_id, domain_id, created_at);
CREATE INDEX dns_plan_account ON dns_plan (project_id, account_id);
CREATE TABLE dns_change (project_id ${ID}, id ${ID}, domain_id ${ID}, account_id ${ID},
  kind TEXT NOT NULL CHECK (kind IN ('apply', 'undo')), undoes TEXT COLLATE "C", zone TEXT NOT NULL, changes TEXT NOT NULL,
  state TEXT NOT NULL CONSTRAINT dns_change_state CHECK (state IN ('applying', 'applied', 'partial', 'failed', 'unknown')),
  done TEXT, cause TEXT, revert TEXT, actor TEXT NOT NULL, created_at BIGINT NOT NULL, completed_at BIGINT,
  PRIMARY KEY (project_id, id),
  CONSTRAINT dns_change_over CHECK ((state = 'applying') = (completed_at IS NULL)));
CREATE INDEX dns_change_domain ON dns_change (project_id, domain_id, id);
`,
};
