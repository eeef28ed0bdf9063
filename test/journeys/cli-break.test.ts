/**
 * Long commands that are interrupted: they say so in one line, leave nothing half done, and can be repeated.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { idOf } from '../../src/store/sqlite/ids.ts';
import { startPostgres, type TestPostgres } from '../../src/testing/postgres.ts';
import { bootstrap, environment, eventually, hikyaku, startHikyaku, temporaryDirectory } from './harness.ts';

const EVENTS = 150_000;
const root = temporaryDirectory();
const data = join(root, 'data');
const file = join(root, 'store.export');
let postgres: TestPostgres;
before(async () => {
  mkdirSync(data);
  await bootstrap(environment(data), 'sender.test');
  const db = new DatabaseSync(join(data, 'hikyaku.sqlite'));
  db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${EVENTS})
    INSERT INTO event (project_id, id, topic_id, service, name, created_at, keep_until, content)
    SELECT ${idOf('project_id')}, ${idOf("printf('%08x-0000-7000-8000-%012x', i, i)")}, ${idOf('id')}, 'mta', 'x', i, 1800000000000, hex(randomblob(200))
    FROM n, topic`);
  db.close();
  postgres = await startPostgres({ fsync: 'off' });
});
after(async () => {
  await postgres[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});
const partials = () => readdirSync(root).filter((name) => name.includes('partial'));

test('backup and restore, broken off and repeated', async () => {
  const backup = join(root, 'store.backup');
  const backing = startHikyaku(['backup', backup], environment(data));
  await eventually('it copies', async () => partials().length > 0);
  backing.child.kill('SIGINT');
  assert.deepEqual(await backing.ended, {
    status: 130,
    stdout: '',
    stderr: 'hikyaku backup: interrupted by SIGINT; no file was made\n',
  });
  assert.deepEqual([partials(), existsSync(backup)], [[], false]);
  const made = await hikyaku(['backup', backup], environment(data));
  assert.equal(made.status, 0, made.stderr);
  const there = join(root, 'there');
  const target = environment(there);
  const first = await bootstrap(target, 'there.test');
  const restoring = startHikyaku(['restore', backup, '--force'], target);
  await eventually('it copies', async () => existsSync(join(there, 'hikyaku.sqlite.restoring')));
  restoring.child.kill('SIGINT');
  assert.deepEqual(await restoring.ended, {
    status: 130,
    stdout: '',
    stderr: 'hikyaku restore: interrupted by SIGINT; the store is unchanged\n',
  });
  assert.ok(!existsSync(join(there, 'hikyaku.sqlite.restoring')));
  const projects = () => {
    const db = new DatabaseSync(join(there, 'hikyaku.sqlite'));
    const rows = db.prepare('SELECT id FROM project').all();
    db.close();
    return rows.map((row) => row['id']);
  };
  assert.deepEqual(projects(), [first.project_id]);
  const restored = await hikyaku(['restore', backup, '--force', '--other-key'], target);
  assert.equal(restored.status, 0, restored.stderr);
  assert.ok(!projects().includes(first.project_id));
});

test('migrate, broken off and repeated', {
  skip: process.platform !== 'linux' && 'there is no /proc',
}, async () => {
  const there = join(root, 'held');
  const target = environment(there);
  await bootstrap(target, 'held.test');
  // Another command holds the store: migrating waits for it until it is interrupted.
  const holder = new DatabaseSync(join(there, 'hikyaku.sqlite'));
  holder.exec('BEGIN IMMEDIATE');
  const migrating = startHikyaku(['migrate'], target);
  const childOf = (pid: number) => {
    const path = `/proc/${pid}/task/${pid}/children`;
    return existsSync(path) && readFileSync(path, 'utf8').trim();
  };
  await eventually('it waits', async () => childOf(migrating.child.pid!));
  migrating.child.kill('SIGTERM');
  assert.deepEqual(await migrating.ended, {
    status: 143,
    stdout: '',
    stderr:
      'hikyaku migrate: interrupted by SIGTERM; nothing is lost: the next start or the next `hikyaku migrate` continues\n',
  });
  holder.exec('ROLLBACK');
  holder.close();
  const migrated = await hikyaku(['migrate', '--json'], target);
  assert.equal(migrated.status, 0, migrated.stderr);
});

test('export and import, broken off and repeated', async () => {
  const env = environment(data);
  const exporting = startHikyaku(['export', file], env);
  await eventually('it writes', async () => partials().length > 0);
  exporting.child.kill('SIGTERM');
  assert.deepEqual(await exporting.ended, {
    status: 143,
    stdout: '',
    stderr: 'hikyaku export: interrupted by SIGTERM; no file was made, and the store is unchanged\n',
  });
  assert.deepEqual([partials(), existsSync(file)], [[], false]);
  const killed = startHikyaku(['export', file], env);
  await eventually('it writes', async () => partials().length > 0);
  killed.child.kill('SIGKILL');
  await killed.ended;
  assert.deepEqual([partials().length, existsSync(file)], [1, false]);
  const exported = await hikyaku(['export', file, '--json'], env);
  assert.equal(exported.status, 0, exported.stderr);
  assert.equal(JSON.parse(exported.stdout).rows.event, EVENTS);
  assert.deepEqual(partials(), []);

  const url = await postgres.database();
  const target = environment(join(root, 'other'), {
    HIKYAKU_STORE: url,
    HIKYAKU_SECRET_KEY: readFileSync(join(data, 'secret.key')).toString('base64'),
  });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const fillsEvents = async () => {
      const { rows } = await client.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'INSERT INTO event %'`,
      );
      return rows.length > 0;
    };
    const killed = startHikyaku(['import', file], target);
    await eventually('it fills the events', fillsEvents);
    killed.child.kill('SIGKILL');
    await killed.ended;
    await eventually('the server has seen that it is gone', async () => {
      const { rows } = await client.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'hikyaku import'`,
      );
      return rows.length === 0;
    });
    const importing = startHikyaku(['import', file], target);
    await eventually('it fills the events', fillsEvents);
    importing.child.kill('SIGINT');
    assert.deepEqual(await importing.ended, {
      status: 130,
      stdout: '',
      stderr: 'hikyaku import: interrupted by SIGINT; the database is still empty\n',
    });
    const { rows } = await client.query(
      'SELECT (SELECT count(*) FROM project) + (SELECT count(*) FROM event) AS n',
    );
    assert.equal(Number(rows[0].n), 0);
  } finally {
    await client.end();
  }
  const imported = await hikyaku(['import', file, '--json'], target);
  assert.equal(imported.status, 0, imported.stderr);
  assert.equal(JSON.parse(imported.stdout).rows.event, EVENTS);
});

test('a command whose output nobody reads on ends quietly', async () => {
  const { child, ended } = startHikyaku(['help'], environment(temporaryDirectory()));
  child.stdout!.destroy();
  const { status, stderr } = await ended;
  assert.deepEqual([status, stderr], [141, '']);
});
