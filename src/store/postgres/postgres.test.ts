/** PostgreSQL: the conformance suite, and what is its own. */
import { after, before } from 'node:test';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { startPostgres, type TestPostgres } from '../../testing/postgres.ts';
import { storeConformance } from '../conformance/store-conformance.ts';
import { openPostgresStore, type PostgresStoreOptions } from './open.ts';

const server = await startPostgres();
after(() => server[Symbol.asyncDispose]());
const open = (url: string, over: Partial<PostgresStoreOptions> = {}) =>
  openPostgresStore({ url, member: null, clock: systemClock, random: createRandom(), logger: silentLogger, ...over });
const databases = new Map<string, string>();
storeConformance({
  name: 'postgres',
  async open(directory) {
    let url = databases.get(directory);
    if (url === undefined) { url = await server.database(); databases.set(directory, url); }
    return open(url);
  },
});
