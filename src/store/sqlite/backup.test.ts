/** Backup and restore of the embedded store: what is refused, what is left untouched, where the secret key is not. */
import assert from 'node:assert/strict';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import * as make from '../conformance/samples.ts';
import { OUR_VERSION } from '../migrations/sqlite/index.ts';
import { type BackupFacts, backUpSqlite } from './backup.ts';
import { openSqliteStore } from './open.ts';
import { restoreSqlite } from './restore.ts';

const KEY = Buffer.from('the secret key with 32 octets!!!');
const TAKEN_AT = 1_700_000_000_000;
const open = (directory: string, lock = true) =>
  openSqliteStore({ directory, clock: systemClock, random: createRandom(), logger: silentLogger, lock });
const backUp = (
  directory: string,
  file: string,
  secretKey: Buffer | null = null,
  copyServed: (partial: string) => Promise<boolean> = async () => false,
) => backUpSqlite({ directory, file, secretKey, keyId: 'k1', takenAt: TAKEN_AT, copyServed });
const restore = (
  directory: string,
  file: string,
  force = false,
  planKey: (facts: BackupFacts) => () => void = () => () => {},
) => restoreSqlite({ directory, file, force, planKey });

/** A temporary directory with a store of one project in `data`, and its backup in `backup`. */
async function prepared(t: TestContext, secretKey: Buffer | null = null) {
  const root = mkdtempSync(join(tmpdir(), 'hikyaku-backup-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const data = join(root, 'data');
  const file = join(root, 'backup');
  await using store = await open(data);
  const project = await make.withProject(store);
  const message = make.message(project);
  await store.transact(project.id, (tx) => {
    tx.insertMessage(message);
    tx.insertRecipient(make.recipient(message));
  });
  const facts = await backUp(data, file, secretKey);
  return { root, data, file, project, message, facts };
}

test('a backup is one file of its owner, and gives back what was in the store', async (t) => {
  const { root, file, facts, project, message } = await prepared(t);
  assert.deepEqual(
    { ...facts, size: 0 },
    { version: OUR_VERSION, takenAt: TAKEN_AT, size: 0, waiting: 1, secretKey: null, keyId: 'k1' },
  );
  assert.equal(statSync(file).size, facts.size);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(root).sort(), ['backup', 'data']);
  const elsewhere = join(root, 'elsewhere');
  assert.deepEqual(await restore(elsewhere, file), facts);
  assert.equal(statSync(elsewhere).mode & 0o777, 0o700);
  await using store = await open(elsewhere);
  assert.deepEqual(await store.read.project(project.id), project);
  assert.deepEqual((await store.read.message(project.id, message.id))?.raw, message.raw);
  assert.equal((await store.read.recipients(project.id, message.id)).length, 1);
});

test('the secret key is in the file only where it was given, and never in the restored store', async (t) => {
  const { root, file, facts } = await prepared(t, KEY);
  assert.deepEqual(facts.secretKey, KEY);
  assert.ok(readFileSync(file).includes(KEY));
  const elsewhere = join(root, 'elsewhere');
  const seen: BackupFacts[] = [];
  await restore(elsewhere, file, false, (about) => {
    seen.push(about);
    return () => {};
  });
  assert.deepEqual(seen, [facts]);
  assert.ok(!readFileSync(join(elsewhere, 'hikyaku.sqlite')).includes(KEY));
  const without = await prepared(t);
  assert.ok(!readFileSync(without.file).includes(KEY));
});

test('a restored store is no backup, and a store is none', async (t) => {
  const { root, data, file } = await prepared(t);
  await restore(join(root, 'elsewhere'), file);
  for (const store of [join(root, 'elsewhere'), data])
    await assert.rejects(
      restore(join(root, 'third'), join(store, 'hikyaku.sqlite')),
      /is not a Hikyaku backup/,
    );
});

test('a backup replaces a backup and nothing else', async (t) => {
  const { root, data, file } = await prepared(t);
  assert.equal((await backUp(data, file)).waiting, 1);
  await assert.rejects(backUp(data, join(data, 'hikyaku.sqlite')), {
    name: 'BackupError',
    message: /is not a backup/,
  });
  writeFileSync(join(root, 'notes'), 'mine');
  await assert.rejects(backUp(data, join(root, 'notes')), { name: 'BackupError' });
  assert.equal(readFileSync(join(root, 'notes'), 'utf8'), 'mine');
  await assert.rejects(backUp(join(root, 'nowhere'), join(root, 'new')), /there is no store/);
  await assert.rejects(backUp(data, join(root, 'missing', 'new')), { name: 'BackupError' });
  assert.deepEqual(readdirSync(root).sort(), ['backup', 'data', 'notes']);
});

test('a store in use is refused, and one that is there is replaced only by force', async (t) => {
  const { root, data, file, project } = await prepared(t);
  {
    await using _server = await open(data);
    await assert.rejects(restore(data, file, true), { name: 'StoreLocked' });
  }
  await assert.rejects(restore(data, file), { name: 'BackupError', message: /--force/ });
  const other = join(root, 'other');
  const kept = await (async () => {
    await using store = await open(other);
    return make.withProject(store);
  })();
  {
    // A command beside it: its log must not end up as the log of the new file.
    await using _beside = await open(other, false);
    await assert.rejects(restore(other, file, true), /in use by another command/);
    assert.deepEqual(await _beside.read.project(kept.id), kept);
  }
  await restore(other, file, true);
  await using store = await open(other);
  assert.equal(await store.read.project(kept.id), null);
  assert.deepEqual(await store.read.project(project.id), project);
});

test('what was only in the log of a store that died is gone with it after --force', async (t) => {
  const { root, file, project } = await prepared(t);
  const died = join(root, 'died');
  const source = await open(died, false);
  const old = await make.withProject(source);
  // The files of a process that was killed: the log is not folded in.
  const copy = join(root, 'copy');
  await (await open(copy))[Symbol.asyncDispose]();
  for (const name of ['hikyaku.sqlite', 'hikyaku.sqlite-wal'])
    writeFileSync(join(copy, name), readFileSync(join(died, name)));
  assert.ok(statSync(join(copy, 'hikyaku.sqlite-wal')).size > 0);
  await source[Symbol.asyncDispose]();
  await restore(copy, file, true);
  assert.ok(!readdirSync(copy).some((name) => name.endsWith('-wal')));
  await using store = await open(copy);
  assert.equal(await store.read.project(old.id), null);
  assert.deepEqual(await store.read.project(project.id), project);
});

const BROKEN: readonly { name: string; damage: (file: string) => void; says: RegExp }[] = [
  {
    name: 'one damaged page',
    damage(file) {
      // A table that restoring does not look into: only the check of the whole file can tell.
      const db = new DatabaseSync(file, { readOnly: true });
      const page = Number(
        db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'static_key'").get()?.['rootpage'],
      );
      db.close();
      const descriptor = openSync(file, 'r+');
      writeSync(descriptor, Buffer.alloc(4096, 0xa5), 0, 4096, (page - 1) * 4096);
      closeSync(descriptor);
    },
    says: /is damaged/,
  },
  {
    name: 'cut short',
    damage: (file) => writeFileSync(file, readFileSync(file).subarray(0, 8192)),
    says: /is damaged/,
  },
  { name: 'not SQLite', damage: (file) => writeFileSync(file, 'mail\n'), says: /is not a Hikyaku backup/ },
  {
    name: 'of a newer program',
    damage(file) {
      const db = new DatabaseSync(file);
      db.exec("UPDATE meta SET value = 98 WHERE key = 'oldest_compatible'");
      db.close();
    },
    says: /schema version 98/,
  },
  {
    name: 'of a newer form',
    damage(file) {
      const db = new DatabaseSync(file);
      db.exec('UPDATE backup SET format = 2');
      db.close();
    },
    says: /format that this program does not know/,
  },
];
for (const { name, damage, says } of BROKEN) {
  test(`a backup that cannot be used (${name}) leaves the store there as it was`, async (t) => {
    const { data, file, project } = await prepared(t);
    damage(file);
    await assert.rejects(restore(data, file, true), says);
    assert.ok(!readdirSync(data).includes('hikyaku.sqlite.restoring'));
    await using store = await open(data);
    assert.deepEqual(await store.read.project(project.id), project);
  });
}

test('a key that is refused stops the restore before anything is touched', async (t) => {
  const { data, file, project } = await prepared(t);
  const refuse = () => {
    throw new Error('another key');
  };
  await assert.rejects(restore(data, file, true, refuse), { name: 'BackupError', message: 'another key' });
  await using store = await open(data);
  assert.deepEqual(await store.read.project(project.id), project);
});
