/**
 * A signal during the start, and during commands, while another session holds what they wait for: each ends by the
 * signal, not by a time limit of its own, and no migration of it waits in the database any longer.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, test } from 'node:test';
import pg from 'pg';
import { loadConfig } from '../../src/config/config.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { startService as startInProcess } from '../../src/service.ts';
import { startPostgres } from '../../src/testing/postgres.ts';
import { bootstrap, environment, eventually, hikyaku, startHikyaku, temporaryDirectory } from './harness.ts';

const server = await startPostgres({ fsync: 'off' });
const directory = temporaryDirectory();
const env = environment(directory, {
  HIKYAKU_STORE: await server.database(),
  HIKYAKU_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
  HIKYAKU_LOG_LEVEL: 'info',
});
await bootstrap(env, 'sender.test');
const holder = new pg.Client({ connectionString: env['HIKYAKU_STORE'] });
/** Apart: within a transaction, the server shows one moment of its activity. */
const watcher = new pg.Client({ connectionString: env['HIKYAKU_STORE'] });
for (const client of [holder, watcher]) {
  client.on('error', () => {});
  await client.connect();
}
after(async () => {
  await Promise.all([holder.end(), watcher.end()]);
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

const waiting = async () => {
  const { rows } = await watcher.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database()
      AND application_name LIKE 'hikyaku%' AND wait_event_type = 'Lock'`,
  );
  return rows[0]!.n;
};
async function locked(table: string): Promise<AsyncDisposable> {
  await holder.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  return {
    async [Symbol.asyncDispose]() {
      await holder.query('ROLLBACK');
    },
  };
}
const nothingWaits = () => eventually('nothing waits any longer', async () => (await waiting()) === 0);

for (const table of ['meta', 'node', 'corrupt', 'recipient', 'suspension', 'member'])
  test(`a start that waits for ${table} ends by the signal`, async () => {
    const config = loadConfig(env);
    const stop = new AbortController();
    const reason = new Error('the signal');
    const lock = await locked(table);
    const starting = assert.rejects(startInProcess(config, silentLogger, stop.signal), (error: unknown) => {
      assert.equal(error, reason);
      return true;
    });
    await eventually('it waits', async () => (await waiting()) > 0);
    stop.abort(reason);
    await starting;
    // The server ends a read for itself, which holds nothing.
    await lock[Symbol.asyncDispose]();
    await nothingWaits();
  });

test('serve stops as it would later: status 0, and its log says so', async () => {
  await using _ = await locked('meta');
  const { child, ended } = startHikyaku(['serve'], env);
  await eventually('it waits', async () => (await waiting()) > 0);
  child.kill('SIGTERM');
  const { status, stdout, stderr } = await ended;
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, /"msg":"stopped before it was ready"/);
  await nothingWaits();
});

for (const [words, left] of [
  ['doctor', ''],
  ['secret-key check', '; what it has replaced stays replaced; run it again to replace the rest'],
  ['queue', '; what it has already changed stays changed; run it again to change the rest'],
  ['member reset a@sender.test', ''],
  ['bootstrap --domain other.test', ''],
  ['migrate', '; nothing is lost: the next start or the next `hikyaku migrate` continues'],
] as const)
  test(`${words}: a signal ends its wait for the store`, async () => {
    await using _ = await locked('meta');
    const { child, ended } = startHikyaku(words.split(' '), env);
    await eventually('it waits', async () => (await waiting()) > 0);
    child.kill('SIGTERM');
    const name = words.split(' ')[0]!;
    assert.deepEqual(await ended, {
      status: 143,
      stdout: '',
      stderr: `hikyaku ${name}: interrupted by SIGTERM${left}\n`,
    });
    await nothingWaits();
  });

test('a database that takes a connection and says nothing: the start ends by the signal', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as { port: number };
  const config = loadConfig({ ...env, HIKYAKU_STORE: `postgres://nobody@127.0.0.1:${port}/x` });
  const stop = new AbortController();
  const reason = new Error('the signal');
  const asked = once(silent, 'connection');
  const starting = assert.rejects(
    startInProcess(config, silentLogger, stop.signal),
    (error: unknown) => error === reason,
  );
  const [socket] = await asked;
  stop.abort(reason);
  await starting;
  socket.destroy();
  silent.close();
});

const intoFull = (args: readonly string[], given: Record<string, string>) =>
  startHikyaku(args, given, '/dev/full').ended;
test('output that cannot be written is one line and status 1; the next run shows everything', {
  skip: process.platform !== 'linux' && 'there is no /dev/full',
}, async () => {
  const other = { ...env, HIKYAKU_SECRET_KEY: Buffer.alloc(32, 8).toString('base64') };
  const full = await intoFull(['secret-key', 'replace', '--yes', '--json'], other);
  assert.equal(full.status, 1);
  assert.match(
    full.stderr,
    /\nhikyaku secret-key: the output could not be written \(ENOSPC.*\): .* run it again: it finishes the replacement and shows everything again\n$/,
  );
  assert.doesNotMatch(full.stderr, /^\s+at /m);
  const again = await hikyaku(['secret-key', 'replace', '--yes', '--json'], other);
  assert.equal(again.status, 0, again.stderr);
  assert.ok(JSON.parse(again.stdout).dkim_keys.length > 0);
  for (const words of ['help', 'version', 'doctor --json', 'queue --json', 'zone']) {
    const { status, stderr } = await intoFull(words.split(' '), other);
    assert.equal(status, 1, words);
    assert.match(stderr, /^hikyaku [a-z-]+: the output could not be written \(ENOSPC[^\n]*\n$/, words);
  }
});
