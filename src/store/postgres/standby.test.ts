/**
 * A PostgreSQL whose synchronous standby is away: its commits hang after they are on its disk. The node says so
 * within five seconds, whoever waits is answered, and both are well soon after the standby is back.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import pg from 'pg';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { createReadiness } from '../../runtime/readiness.ts';
import { StoreError } from '../../runtime/transactor.ts';
import { startPostgres } from '../../testing/postgres.ts';
import * as make from '../conformance/samples.ts';
import { openPostgresStore } from './open.ts';

const server = await startPostgres();
after(() => server[Symbol.asyncDispose]());

test('commits that hang are told of within five seconds, and no longer once the standby is back', {
  timeout: 90_000,
}, async (t) => {
  const url = await server.database();
  const deps = { clock: systemClock, random: createRandom(), logger: silentLogger };
  const uncertain: (() => void)[] = [];
  await using store = await openPostgresStore({
    ...{ url, member: null, ...deps },
    onUncertain: () => {
      for (const told of uncertain) told();
    },
  });
  const ready = createReadiness({
    ...{ state: 'starting', hasSpace: () => true, clock: systemClock, logger: silentLogger },
    probe: store.probe,
  });
  t.after(() => ready.stop());
  ready.state = null;
  const transact = ready.timely(store, () => {});
  const p = await make.withProject(store);
  await transact(p.id, (tx) => tx.insertMessage(make.message(p)));
  assert.equal(await ready.ask(), null);

  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  t.after(() => admin.end());
  const wantStandby = async (name: string) => {
    await admin.query(`ALTER SYSTEM SET synchronous_standby_names = '${name}'`);
    await admin.query('SELECT pg_reload_conf()');
  };
  const until = async (met: () => Promise<boolean>) => {
    while (!(await met())) await new Promise((resolve) => setImmediate(resolve));
  };
  await wantStandby('nobody');
  // The probe of an idle node is what finds out.
  await until(async () => {
    await ready.ask();
    const { rowCount } = await admin.query(`SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'`);
    return (rowCount ?? 0) > 0;
  });
  const began = performance.now();
  const mail = make.message(p);
  const sent = transact(p.id, (tx) => tx.insertMessage(mail), true);
  const refused = assert.rejects(sent, (error: unknown) => {
    assert.ok(error instanceof StoreError && error.retryable && !error.full, String(error));
    return true;
  });
  await until(async () => (await ready.ask()) !== null);
  const toldAfter = performance.now() - began;
  const told = (await ready.ask())!;
  assert.match(told.reason, /has not answered a commit|refused a write/);
  assert.ok(told.lastCommitAgeSeconds !== null && told.lastCommitAgeSeconds > 0);
  await refused;
  const answeredAfter = performance.now() - began;
  assert.notEqual(await ready.ask(), null, 'it stays so while the standby is away');

  await wantStandby('');
  const returned = performance.now();
  await until(async () => (await ready.ask()) === null);
  const wellAfter = performance.now() - returned;
  t.diagnostic(`told ${toldAfter} ms, answered ${answeredAfter} ms, well ${wellAfter} ms`);
  assert.ok(toldAfter < 5_000 && answeredAfter < 5_500 && wellAfter < 2_000);
  await until(async () =>
    transact(p.id, (tx) => tx.insertMessage(make.message(p)), true).then(
      () => true,
      () => false,
    ),
  );
});
