/** Copies of a store that is served: whole, with all that was answered before; broken off, begun anew, refused. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../runtime/clock.ts';
import type { MessageId } from '../../runtime/ids.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import * as make from '../conformance/samples.ts';
import { copyStore } from './copy.ts';
import { toId } from './ids.ts';
import { openSqliteStore } from './open.ts';

const never = new AbortController().signal;
const MIB = 1024 * 1024;

/** A store of 24 MiB, an empty file beside it, and how to accept one more message. */
async function prepared(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'hikyaku-copy-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const directory = join(root, 'data');
  const store = await openSqliteStore({
    directory,
    clock: systemClock,
    random: createRandom(),
    logger: silentLogger,
  });
  const project = await make.withProject(store);
  const accept = async (octets: number): Promise<MessageId> => {
    const message = make.message(project, { raw: Buffer.alloc(octets, 'a') });
    await store.transact(project.id, (tx) => tx.insertMessage(message), true);
    return message.id;
  };
  for (let i = 0; i < 6; i += 1) await accept(4 * MIB);
  const file = join(root, 'copy');
  closeSync(openSync(file, 'wx', 0o600));
  return { root, directory, store, accept, file, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}
function idsIn(file: string): Set<string> {
  using db = new DatabaseSync(file);
  assert.deepEqual({ ...db.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' });
  return new Set(
    db
      .prepare('SELECT lower(hex(id)) AS id FROM message')
      .all()
      .map(({ id }) => toId(id)),
  );
}

test('a copy made under load is whole and has all that was answered before it was done, while the log stays small', async (t) => {
  await using ready = await prepared(t);
  const { directory, store, accept, file } = ready;
  const during: MessageId[] = [];
  const reported: number[] = [];
  const state = { done: false, answered: 0 };
  const copying = store.embedded
    .copyInto(
      file,
      ({ done }) => {
        reported.push(done);
        state.answered = during.length;
      },
      never,
    )
    .finally(() => {
      state.done = true;
    });
  const before = await Promise.all([accept(1000), accept(1000)]);
  while (!state.done) during.push(await accept(20_000));
  await copying;
  const ids = idsIn(file);
  for (const id of [...before, ...during.slice(0, state.answered)])
    assert.ok(ids.has(id), 'answered and not in the copy');
  assert.ok(state.answered > 1);
  assert.deepEqual(
    reported,
    [...reported].sort((a, b) => a - b),
  );
  assert.ok(statSync(join(directory, 'hikyaku.sqlite-wal')).size < 64 * MIB);
});

test('where another process writes, the copy begins anew and has that, too', async (t) => {
  await using ready = await prepared(t);
  const { directory, store, file } = ready;
  using beside = new DatabaseSync(join(directory, 'hikyaku.sqlite'), { timeout: 5000 });
  let most = 0;
  let fellBack = false;
  await store.embedded.copyInto(
    file,
    ({ done, total }) => {
      fellBack ||= done < most;
      if (most === 0 && done > total! / 3) {
        beside.exec("UPDATE project SET name = 'written beside'");
        most = done;
      }
    },
    never,
  );
  assert.ok(fellBack);
  using copy = new DatabaseSync(file);
  assert.equal(copy.prepare('SELECT name FROM project').get()?.['name'], 'written beside');
});

test('a copy that is no longer wanted ends; mail and the next copy go on', async (t) => {
  await using ready = await prepared(t);
  const { store, accept, file } = ready;
  const gone = new AbortController();
  await assert.rejects(
    store.embedded.copyInto(file, () => gone.abort(), gone.signal),
    { name: 'BackupError', message: 'broken off' },
  );
  const id = await accept(10);
  writeFileSync(file, '');
  const first = store.embedded.copyInto(file, () => {}, never);
  await assert.rejects(
    store.embedded.copyInto(file, () => {}, never),
    /another backup is being made/,
  );
  await first;
  assert.ok(idsIn(file).has(id));
});

test('a copy that cannot be written fails by itself, and no mail with it', async (t) => {
  await using ready = await prepared(t);
  const { root, store, accept } = ready;
  await assert.rejects(
    store.embedded.copyInto(join(root, 'missing', 'copy'), () => {}, never),
    { name: 'BackupError', message: /ENOENT/ },
  );
  // Every write there says that the disk is full.
  await assert.rejects(
    store.embedded.copyInto('/dev/full', () => {}, never),
    { name: 'BackupError' },
  );
  await accept(10);
});

test('closing the store ends a copy that is being made', async (t) => {
  await using ready = await prepared(t);
  const { store, file } = ready;
  const copying = store.embedded.copyInto(file, () => {}, never);
  await Promise.all([assert.rejects(copying, { name: 'BackupError' }), store[Symbol.asyncDispose]()]);
});

test('a copy whose first step falls into a batch that is being written begins when that is done', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'hikyaku-copy-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  using db = new DatabaseSync(join(root, 'store'));
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE one (n); INSERT INTO one VALUES (1)');
  const file = join(root, 'copy');
  closeSync(openSync(file, 'wx', 0o600));
  db.exec('BEGIN IMMEDIATE; INSERT INTO one VALUES (2)');
  let rests = 0;
  const report = () => {};
  const rest = () => {
    rests += 1;
    if (rests === 3) db.exec('COMMIT');
  };
  await copyStore({ db, file, isAborted: () => false, report, rest });
  assert.ok(rests >= 3);
  using copy = new DatabaseSync(file);
  assert.deepEqual({ ...copy.prepare('SELECT count(*) AS n FROM one').get() }, { n: 2 });
  db.exec('BEGIN IMMEDIATE');
  const isAborted = () => rests > 6;
  await assert.rejects(copyStore({ db, file, isAborted, report, rest }), { message: 'broken off' });
});
