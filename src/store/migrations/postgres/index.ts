/** PostgreSQL's forward migrations, oldest first; see ../sqlite/index.ts. */
import type { Migration } from '../migration.ts';
import { first } from './001-first.ts';

export const MIGRATIONS: readonly Migration[] = [first];
/** The schema version this program knows. */
export const OUR_VERSION = MIGRATIONS.at(-1)!.version;
