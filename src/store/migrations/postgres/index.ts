/** PostgreSQL's forward migrations, oldest first; see ../sqlite/index.ts. */
import { BOTH } from '../both/index.ts';
import type { Migration } from '../migration.ts';
import { first } from './001-first.ts';
import { permits } from './002-permits.ts';
import { batchEnd } from './003-batch-end.ts';
import { people } from './004-people.ts';
import { domains } from './005-domains.ts';
import { dnsAccounts } from './006-dns-accounts.ts';
import { limits } from './007-limits.ts';
import { readings } from './008-readings.ts';
import { attempts } from './009-attempts.ts';
import { leftovers } from './010-leftovers.ts';

export const MIGRATIONS: readonly Migration[] = [
  first,
  permits,
  batchEnd,
  people,
  domains,
  dnsAccounts,
  limits,
  readings,
  attempts,
  leftovers,
  ...BOTH.map(({ version, postgres }) => ({ version, ...postgres })),
];
/** The schema version this program knows. */
export const OUR_VERSION = MIGRATIONS.at(-1)!.version;
