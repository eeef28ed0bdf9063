/**
 * SQLite's forward migrations, oldest first. Each names the oldest schema version whose programs may still
 * use the result.
 */

import { BOTH } from '../both/index.ts';
import type { Migration, MovingMigration } from '../migration.ts';
import { first } from './001-first.ts';
import { sharedBody } from './002-shared-body.ts';
import { retention } from './003-retention.ts';
import { people } from './004-people.ts';
import { domains } from './005-domains.ts';
import { dnsAccounts } from './006-dns-accounts.ts';
import { limits } from './007-limits.ts';
import { readings } from './008-readings.ts';
import { attempts } from './009-attempts.ts';
import { leftovers } from './010-leftovers.ts';
import { smaller } from './011-smaller.ts';

export const MIGRATIONS: readonly (Migration | MovingMigration)[] = [
  first,
  sharedBody,
  retention,
  people,
  domains,
  dnsAccounts,
  limits,
  readings,
  attempts,
  leftovers,
  smaller,
  ...BOTH.map(({ version, sqlite }) => ({ version, ...sqlite })),
];
/** The schema version this program knows. */
export const OUR_VERSION = MIGRATIONS.at(-1)!.version;
