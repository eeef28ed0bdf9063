/**
 * A store that is damaged or of a newer program: every command says so, says what to do, and leaves nothing
 * half done; the service accepts no mail that it cannot keep, and continues from a backup.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  copyFileSync,
  openSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, test } from 'node:test';
import { bootstrap, environment, eventually, hikyaku, startService, temporaryDirectory } from './harness.ts';
import { startJourney } from './journey.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';

const PAGE = 4096;
const storeOf = (directory: string) => join(directory, 'hikyaku.sqlite');

/** Overwrites this many octets of the file. */
function overwrite(file: string, at: number, octets: number): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.alloc(octets, 0xa5), 0, octets, at);
}
/** The position of the first page of a table or index. */
function pageOf(directory: string, name: string): number {
  const db = new DatabaseSync(storeOf(directory), { readOnly: true });
  const found = db.prepare('SELECT rootpage AS page FROM sqlite_schema WHERE name = ?').get(name);
  db.close();
  return (Number(found!['page']) - 1) * PAGE;
}
/** What doctor reports about the store. */
async function doctor(env: Record<string, string>): Promise<{ status: string; detail: string }> {
  const { status, stdout } = await hikyaku(['doctor', '--json'], env);
  const findings = JSON.parse(stdout) as { check: string; status: string; detail: string }[];
  const found = findings.find(({ check }) => check === 'store')!;
  if (found.status === 'failed') assert.equal(status, 1);
  return found;
}
const WAYS: Record<string, (directory: string) => RegExp> = {
  'of a newer program'(directory) {
    const db = new DatabaseSync(storeOf(directory));
    db.exec(`UPDATE meta SET value = 999 WHERE key IN ('version', 'oldest_compatible')`);
    db.close();
    return /needs schema version 999 or above; this program knows version \d+: use a newer program/;
  },
  'damaged at its beginning'(directory) {
    overwrite(storeOf(directory), 0, 100);
    return /is not a store, or its beginning is damaged: .*hikyaku restore FILE --force/;
  },
  'cut off'(directory) {
    truncateSync(storeOf(directory), Math.floor(statSync(storeOf(directory)).size / PAGE / 2) * PAGE);
    return /the store is damaged: .*hikyaku restore FILE --force/;
  },
  'with a bad page in a table'(directory) {
    overwrite(storeOf(directory), pageOf(directory, 'project'), PAGE);
    return /the store is damaged: .*hikyaku restore FILE --force/;
  },
};

describe('a store', () => {
  for (const [way, damage] of Object.entries(WAYS))
    test(`${way}: backup, export and serve say what to do, and leave nothing`, async () => {
      const directory = temporaryDirectory();
      const env = environment(directory);
      await bootstrap(env, 'sender.test');
      const said = damage(directory);
      const out = temporaryDirectory();
      for (const command of [['backup', join(out, 'b')], ['export', join(out, 'e')], ['serve']]) {
        const { status, stderr } = await hikyaku(command, env);
        assert.equal(status, 1, `${command[0]}: ${stderr}`);
        assert.match(stderr, said, command[0]);
      }
      assert.deepEqual(readdirSync(out), []);
      const seen = await doctor(env);
      assert.equal(seen.status, 'failed', seen.detail);
      assert.match(seen.detail, said);
    });
  const STANDS: Record<string, [string, RegExp]> = {
    'of an older program': [
      "UPDATE meta SET value = 10 WHERE key = 'version'",
      /schema version 10; this program migrates it to version \d+ at the next start or by `hikyaku migrate`/,
    ],
    'that is half in a new form': [
      "INSERT INTO meta VALUES ('moving', 11)",
      /some rows are not migrated yet: .* the next one continues/,
    ],
  };
  for (const [which, [sql, said]] of Object.entries(STANDS))
    test(`${which}: doctor says so, and leaves it as it is`, async () => {
      const directory = temporaryDirectory();
      const env = environment(directory);
      await bootstrap(env, 'sender.test');
      const whole = await doctor(env);
      assert.equal(whole.status, 'ok');
      assert.match(whole.detail, /schema version \d+, no damage found$/);
      const db = new DatabaseSync(storeOf(directory));
      db.exec(sql);
      const meta = () => db.prepare("SELECT * FROM meta WHERE key IN ('version', 'moving')").all();
      const before = meta();
      const seen = await doctor(env);
      assert.equal(seen.status, 'warning');
      assert.match(seen.detail, said);
      assert.deepEqual(meta(), before);
      db.close();
    });
  test('with octets in its log that are none of a commit is as it was', async () => {
    const directory = temporaryDirectory();
    const env = environment(directory);
    const who = await bootstrap(env, 'sender.test');
    writeFileSync(`${storeOf(directory)}-wal`, Buffer.alloc(40_000, 0xa5));
    const exported = await hikyaku(['queue', '--project', who.project_id, '--json'], env);
    assert.equal(exported.status, 0, exported.stderr);
    await using service = await startService({}, directory, true);
    await using client = await openSmtp(service.ready.submissions, 'implicit');
    assert.match(await client.command(plain(who.key.id, who.key.secret)), /^235/);
  });
});

test('under the service: nothing is taken that could not be kept, the log says what to do, and a backup goes on', async () => {
  await using j = await startJourney();
  const { directory, env } = j.service;
  const submit = async (ready: typeof j.service.ready, to: string) => {
    await using client = await openSmtp(ready.submissions, 'implicit');
    await client.command(plain(j.who.key.id, j.who.key.secret));
    return await send(client, 'a@sender.test', [to], Buffer.from('From: <a@sender.test>\r\n\r\nx\r\n'));
  };
  const delivered = async () => (await j.sink.messages()).length;
  assert.match(await submit(j.service.ready, 'before@out.test'), /^250/);
  await eventually('delivered', async () => (await delivered()) === 1);
  const backup = join(temporaryDirectory(), 'backup');
  assert.equal((await hikyaku(['backup', backup], env)).status, 0);
  j.service.child.kill('SIGTERM');
  await once(j.service.child, 'exit');
  // Only writes meet the damage: the service starts.
  overwrite(storeOf(directory), pageOf(directory, 'message'), PAGE);
  const more = { HIKYAKU_ROUTES: env['HIKYAKU_ROUTES']!, HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true' };
  {
    await using damaged = await startService(more, directory, true);
    assert.match(await submit(damaged.ready, 'during@out.test'), /^451/);
    const ready = await fetch(`http://${damaged.ready.http}/readyz`);
    assert.equal(ready.status, 503);
    await ready.text();
    assert.ok(damaged.log.some((line) => /the store is damaged: .*hikyaku restore FILE --force/.test(line)));
    copyFileSync(storeOf(directory), join(temporaryDirectory(), 'kept'));
  }
  const restored = await hikyaku(['restore', backup, '--force'], env);
  assert.equal(restored.status, 0, restored.stderr);
  await using again = await startService(more, directory, true);
  assert.match(await submit(again.ready, 'after@out.test'), /^250/);
  await eventually('delivered', async () => (await delivered()) === 2);
});
