/** PostgreSQL when it fails: opening that cannot succeed, the fence, commits cut in two, a server that goes and comes back. */
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import pg from 'pg';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { startPostgres } from '../../testing/postgres.ts';
import * as make from '../conformance/samples.ts';
import { OUR_VERSION } from '../migrations/postgres/index.ts';
import { openPostgresStore, type PostgresStoreOptions } from './open.ts';
import { withClient } from './partitions.ts';

const server = await startPostgres();
after(() => server[Symbol.asyncDispose]());
const LIMIT = { timeout: 90_000 };
const open = (url: string, over: Partial<PostgresStoreOptions> = {}) =>
  openPostgresStore({
    url,
    member: null,
    clock: systemClock,
    random: createRandom(),
    logger: silentLogger,
    ...over,
  });
async function connect(t: TestContext, url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  t.after(() => client.end());
  return client;
}
async function until<T>(ask: () => Promise<T>, wished: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (wished(answer)) return answer;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
/** The writer's backend once it waits for what the test holds. */
async function waitingWriter(client: pg.Client, event: string): Promise<number> {
  const sql = `SELECT pid FROM pg_stat_activity WHERE application_name = 'hikyaku writer' AND datname = current_database() AND wait_event = $1`;
  const { rows } = await until(
    () => client.query<{ pid: number }>(sql, [event]),
    (result) => result.rows.length > 0,
  );
  return rows[0]!.pid;
}
const terminate = (client: pg.Client, pid: number) => client.query('SELECT pg_terminate_backend($1)', [pid]);
/** Until it is disposed of, commits wait, after they are on disk, for a standby that does not exist. */
async function holdCommits(client: pg.Client, url: string): Promise<AsyncDisposable> {
  async function set(name: string): Promise<void> {
    await client.query(`ALTER SYSTEM SET synchronous_standby_names = '${name}'`);
    await client.query('SELECT pg_reload_conf()');
  }
  await set('nobody');
  // One of the server's processes turns it on a moment later: a commit that waits tells.
  const probe = new pg.Client({ connectionString: url });
  probe.on('error', () => {});
  await probe.connect();
  for (let waits = false; !waits; ) {
    const state = { over: false };
    void probe
      .query(`SELECT pg_logical_emit_message(true, 'probe', '')`)
      .catch(() => {})
      .finally(() => {
        state.over = true;
      });
    const { rows } = await until(
      () =>
        client.query<{ pid: number }>(
          `SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%probe%' AND pid <> pg_backend_pid()`,
        ),
      (result) => state.over || result.rows.length > 0,
    );
    waits = rows.length > 0;
    if (waits) await terminate(client, rows[0]!.pid);
  }
  return { [Symbol.asyncDispose]: () => set('') };
}

test('what keeps a store from being opened is said, without the password', async (t) => {
  const url = await server.database();
  const admin = await connect(t, url);
  await admin.query(`CREATE ROLE guest LOGIN PASSWORD 'hunter2'`);
  const named = (change: { pathname?: string; port?: string; username?: string }) =>
    Object.assign(new URL(url), { username: 'guest', password: 'hunter2', ...change }).href;
  const cases: readonly [string, RegExp, boolean][] = [
    ['mysql://guest:hunter2@127.0.0.1/x', /postgres:\/\/user:password@host/, false],
    [named({ pathname: '/nothing' }), /the database does not exist: guest@127.0.0.1:\d+\/nothing/, false],
    [named({ port: '1' }), /guest@127.0.0.1:1\S+ cannot be reached: .*ECONNREFUSED/, true],
    [named({}), /lacks a privilege: permission denied/, false],
    [named({ username: 'stranger' }), /refuses the user|role "stranger" does not exist/, false],
  ];
  for (const [bad, message, retryable] of cases)
    await assert.rejects(open(bad), (error: Error & { retryable?: boolean }) => {
      assert.equal(error.name, 'StoreError');
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /hunter2/);
      assert.equal(error.retryable, retryable);
      return true;
    });
  const { database } = admin as unknown as { database: string };
  await admin.query(`ALTER DATABASE ${database} SET default_transaction_read_only = on`);
  await assert.rejects(open(url), { name: 'StoreError', message: /read-only replica/ });
  await admin.query(`ALTER DATABASE ${database} RESET default_transaction_read_only`);
  await (await open(url))[Symbol.asyncDispose]();
  await assert.rejects(open(named({})), { name: 'StoreError', message: /lacks a privilege/ });
  await admin.query(`UPDATE meta SET value = 98 WHERE key = 'oldest_compatible'`);
  await assert.rejects(open(url), { name: 'StoreTooNew', oldestCompatible: 98, ours: OUR_VERSION });
});

test('a member that another one holds writes nothing any more', async (t) => {
  const url = await server.database();
  await (await open(url))[Symbol.asyncDispose]();
  const client = await connect(t, url);
  await client.query(`INSERT INTO node (id, name, holder, beat, started_at) VALUES ('a', 'a', 'a', 0, 0)`);
  const told: string[] = [];
  await using store = await open(url, {
    member: { id: 'a', owners: () => ['a'] },
    onFenced: () => void told.push('fenced'),
  });
  const p = await make.withProject(store);
  await client.query(`UPDATE node SET holder = 'b'`);
  const m = make.message(p);
  await assert.rejects(
    store.transact(p.id, (tx) => tx.insertMessage(m)),
    { name: 'StoreError', retryable: false },
  );
  assert.deepEqual(told, ['fenced']);
  assert.equal(await store.read.message(p.id, m.id), null);
  await assert.rejects(
    store.transact(p.id, (tx) => tx.insertMessage(m)),
    { name: 'StoreError', retryable: false },
  );
});

test('a commit that was cut off before it was done is written again, once', LIMIT, async (t) => {
  const url = await server.database();
  await using store = await open(url);
  const client = await connect(t, url);
  await client.query(
    `CREATE FUNCTION hold() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(77); RETURN NULL; END $$`,
  );
  await client.query(
    'CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON project DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold()',
  );
  await client.query('SELECT pg_advisory_lock(77)');
  const p = make.project();
  const writing = store.transact(p.id, (tx) => tx.insertProject(p));
  await terminate(client, await waitingWriter(client, 'advisory'));
  await waitingWriter(client, 'advisory'); // it is at it again
  await client.query('SELECT pg_advisory_unlock(77)');
  await writing;
  assert.deepEqual((await store.read.projects({ limit: 9, cursor: null })).items, [p]);
});

test(
  'a commit that was done when its answer was cut off counts, and is not written again',
  LIMIT,
  async (t) => {
    const url = await server.database();
    await using store = await open(url);
    const client = await connect(t, url);
    const p = await make.withProject(store);
    const m = make.message(p);
    await store.transact(p.id, (tx) => tx.insertMessage(make.message(p))); // its day is there
    await using _held = await holdCommits(client, url);
    const writing = store.transact(p.id, (tx) => {
      tx.insertMessage(m);
      tx.addUsage(p.id, null, 60, 1);
    });
    await terminate(client, await waitingWriter(client, 'SyncRep'));
    await writing;
    assert.deepEqual(await store.read.message(p.id, m.id), m);
    assert.equal((await store.read.usage(p.id, null, 1, 0))[0]?.count, 1);
  },
);

test(
  'where the end of a commit cannot be learnt in time, the caller is told so, and the rest later',
  LIMIT,
  async (t) => {
    const url = await server.database();
    const elsewhere = await server.database();
    const other = await connect(t, elsewhere);
    const clock = {
      ...systemClock,
      monotonic: () => 4 * systemClock.monotonic(),
      after: (ms: number, callback: () => void) => systemClock.after(ms / 4, callback),
    };
    const uncertain = Promise.withResolvers<void>();
    await using store = await open(url, { clock, onUncertain: () => uncertain.resolve() });
    const client = await connect(t, url);
    const p = await make.withProject(store);
    const m = make.message(p);
    await store.transact(p.id, (tx) => tx.insertMessage(make.message(p)));
    const { database } = client as unknown as { database: string };
    await other.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
    const held = await holdCommits(other, elsewhere);
    const writing = store.transact(p.id, (tx) => tx.insertMessage(m));
    const told = assert.rejects(writing, { name: 'StoreError', retryable: true, message: /not known/ });
    await terminate(client, await waitingWriter(client, 'SyncRep'));
    await told;
    await held[Symbol.asyncDispose]();
    await other.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS true`);
    await uncertain.promise;
    assert.deepEqual(await store.read.message(p.id, m.id), m);
  },
);

test('a deadlock is tried again', LIMIT, async (t) => {
  const url = await server.database();
  await using store = await open(url);
  const p = await make.withProject(store);
  const [one, two] = [make.client(p), make.client(p, { name: 'two' })];
  await store.transact(p.id, (tx) => {
    tx.insertApiClient(one);
    tx.insertApiClient(two);
  });
  const client = await connect(t, url);
  await client.query(`SET deadlock_timeout = '60s'`); // the writer is the one that finds it
  await client.query('BEGIN');
  await client.query('UPDATE api_client SET roles = roles WHERE id = $1', [two.id]);
  const writing = store.transact(p.id, (tx) => {
    tx.updateApiClient({ ...one, roles: ['reader'] });
    tx.updateApiClient({ ...two, roles: ['reader'] });
  });
  await waitingWriter(client, 'transactionid');
  await client.query('UPDATE api_client SET roles = roles WHERE id = $1', [one.id]);
  await client.query('COMMIT');
  await writing;
  assert.deepEqual((await store.read.apiClient(p.id, two.id))?.roles, ['reader']);
});

test(
  'a server that goes away fails writes and reads in time, and is used again when it is back',
  LIMIT,
  async () => {
    const url = await server.database();
    await using store = await open(url);
    await using other = await open(url);
    const p = await make.withProject(store);
    for (const mode of ['immediate', 'fast'] as const) {
      const before = make.message(p);
      await store.transact(p.id, (tx) => tx.insertMessage(before));
      await server.stop(mode);
      const began = performance.now();
      const within = async (work: Promise<unknown>, ms: number) => {
        await assert.rejects(work, { name: 'StoreError', retryable: true });
        assert.ok(performance.now() - began < ms, `${performance.now() - began} ms`);
      };
      await Promise.all([
        within(
          store.transact(p.id, (tx) => tx.insertMessage(make.message(p))),
          4500,
        ),
        within(store.read.message(p.id, before.id), 4000),
      ]);
      await server.start();
      const after = make.message(p);
      await until(
        () =>
          store
            .transact(p.id, (tx) => tx.insertMessage(after))
            .then(
              () => true,
              () => false,
            ),
        (done) => done,
      );
      assert.deepEqual(await store.read.message(p.id, before.id), before);
      // The other one has heard nothing of it; what the first changes now still reaches it.
      await store.transact(p.id, (tx) => tx.insertTopic(make.topic(p, mode)));
      await until(
        () => other.read.topicByName(p.id, mode).catch(() => null),
        (topic) => topic !== null,
      );
    }
  },
);

test(
  'a reader that breaks while it is in use fails what it was used for, and nothing else',
  LIMIT,
  async () => {
    await using store = await open(await server.database());
    const ending = (pool: pg.Pool) =>
      withClient(pool, async (query) => {
        await query('SELECT pg_terminate_backend(pg_backend_pid())');
      });
    await assert.rejects(ending(store.pool));
    // between two questions, when no query is there to be told
    await assert.rejects(
      withClient(store.pool, async (query) => {
        const { rows } = await query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        await store.pool.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
        const gone = 'SELECT 1 FROM pg_stat_activity WHERE pid = $1';
        await until(
          () => store.pool.query(gone, [rows[0]!.pid]),
          (result) => result.rows.length === 0,
        );
        await new Promise((resolve) => setImmediate(resolve));
        await query('SELECT 1');
      }),
    );
    const p = make.project();
    await store.transact(p.id, (tx) => tx.insertProject(p));
    assert.deepEqual(await store.read.project(p.id), p);
  },
);
