/**
 * What an import makes of an export: names that an older program wrote and that have no behaviour are gone, and
 * an import that is ended when everything is there already takes nothing back.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Project } from '../../iam/projects.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { startPostgres } from '../../testing/postgres.ts';
import { NAMELESS_ROWS, namelessAreGone } from '../conformance/nameless.ts';
import * as make from '../conformance/samples.ts';
import { SUSPENDER_ROWS, suspendersAreKnown } from '../conformance/suspenders.ts';
import { openPostgresStore } from '../postgres/open.ts';
import { openDatabase } from '../sqlite/files.ts';
import { openSqliteStore } from '../sqlite/open.ts';
import { exportSqlite } from './export.ts';
import { importPostgres } from './import.ts';

const server = await startPostgres({ fsync: 'off', autovacuum: 'off' });
const directory = mkdtempSync(join(tmpdir(), 'hikyaku-import-'));
after(async () => {
  rmSync(directory, { recursive: true, force: true });
  await server[Symbol.asyncDispose]();
});
const common = { clock: systemClock, random: createRandom(), logger: silentLogger };

test('ended while the tables are analysed, an import is done all the same', async () => {
  let project: Project;
  {
    await using store = await openSqliteStore({ ...common, directory });
    project = await make.withProject(store);
    await store.transact(project.id, (tx) => tx.insertMessage(make.message(project)));
  }
  const file = join(directory, 'export');
  await exportSqlite({ directory, file, takenAt: make.NOW, keyId: null });
  const url = await server.database();
  const ended = new AbortController();
  const options = { url, file, member: createRandom().id(), now: make.NOW, check() {} };
  const counts = await importPostgres({
    ...options,
    watch: {
      signal: ended.signal,
      report({ unit }) {
        if (unit === 'tables analysed') ended.abort(new Error('ended'));
      },
    },
  });
  assert.ok(ended.signal.aborted);
  assert.deepEqual([counts['project'], counts['message']], [1, 1]);
  await using store = await openPostgresStore({ ...common, url, member: null });
  assert.deepEqual(await store.read.project(project.id), project);
  await assert.rejects(importPostgres(options), /the store is not empty/);
});

test('names without a behaviour, written by an older program, do not come along, and suspensions of the operator are marked', async () => {
  const old = mkdtempSync(join(directory, 'old-'));
  await (await openSqliteStore({ ...common, directory: old }))[Symbol.asyncDispose]();
  const db = openDatabase(old);
  db.exec(NAMELESS_ROWS);
  db.exec(SUSPENDER_ROWS);
  db.close();
  const file = join(old, 'export');
  await exportSqlite({ directory: old, file, takenAt: make.NOW, keyId: null });
  const url = await server.database();
  await importPostgres({ url, file, member: createRandom().id(), now: make.NOW, check() {} });
  await using store = await openPostgresStore({ ...common, url, member: null });
  await namelessAreGone(store);
  await suspendersAreKnown(store);
});
