/** Retention on PostgreSQL gives its room back to the disk: what went lay in partitions of its own. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { startPostgres } from '../../testing/postgres.ts';
import * as make from '../conformance/samples.ts';
import { openPostgresStore } from './open.ts';

const DAY_MS = 86_400_000;
const server = await startPostgres({ fsync: 'off' });
after(() => server[Symbol.asyncDispose]());

test('after the sweep the database is smaller on the disk, and what stays is whole', async () => {
  const url = await server.database();
  await using store = await openPostgresStore({
    url,
    member: null,
    clock: systemClock,
    random: createRandom(),
    logger: silentLogger,
  });
  const p = await make.withProject(store);
  const raw = createRandom().bytes(500_000);
  const kept = make.message(p, { raw, keepUntil: make.NOW + 10 * DAY_MS });
  for (let i = 0; i < 30; i += 1)
    await store.transact(p.id, (tx) => tx.insertMessage(make.message(p, { raw, keepUntil: make.NOW })));
  await store.transact(p.id, (tx) => tx.insertMessage(kept));
  const size = async () => {
    const { rows } = await store.pool.query('SELECT pg_database_size(current_database()) AS size');
    return Number(rows[0].size);
  };
  const before = await size();
  assert.ok(before > 30 * raw.length);
  let more = true;
  for (let steps = 0; more && steps < 1000; steps += 1)
    more = (await store.sweep(make.NOW + 3 * DAY_MS)).more;
  assert.equal(more, false);
  const left = await size();
  assert.ok(left < before - 25 * raw.length, `${before} octets became ${left}`);
  assert.deepEqual(await store.read.message(p.id, kept.id), kept);
});
