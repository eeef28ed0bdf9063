/**
 * Backup of a service under load and restore elsewhere: everything that was queued when the backup began is
 * delivered.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { scriptedServer } from '../../src/testing/scripted-server.ts';
import {
  type Bootstrapped,
  bootstrap,
  environment,
  eventually,
  hikyaku,
  type Running,
  startHikyaku,
  startService,
  temporaryDirectory,
} from './harness.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';

const SETTINGS = {
  HIKYAKU_LIMIT_PER_MINUTE: '0',
  HIKYAKU_LIMIT_PER_DAY: '0',
  HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true',
};
const route = (port: number) => ({ ...SETTINGS, HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${port}` });

/** Sends numbered mail over four sessions until it is stopped. */
function load(service: Running, who: Bootstrapped) {
  const acked = new Set<string>();
  const state = { next: 0, stopped: false };
  const sessions = Array.from({ length: 4 }, async () => {
    await using client = await openSmtp(service.ready.submissions, 'implicit');
    await client.command(plain(who.key.id, who.key.secret));
    while (!state.stopped) {
      const address = `r${state.next++}@out.test`;
      const message = Buffer.from(`From: <a@sender.test>\r\nSubject: ${address}\r\n\r\nbody\r\n`);
      const answer = await send(client, 'a@sender.test', [address], message);
      assert.match(answer, /^250/);
      acked.add(address);
    }
  });
  return {
    acked,
    async stop() {
      state.stopped = true;
      await Promise.all(sessions);
    },
  };
}

test('a backup under load, restored elsewhere: all that was queued when it began is delivered, signed, once', async () => {
  // Its peer does not answer: whatever is accepted stays queued.
  await using silent = await scriptedServer({ say: () => null });
  const elsewhere = temporaryDirectory();
  await using service = await startService(route(silent.port));
  const who = await bootstrap(service.env, 'sender.test');
  const file = join(elsewhere, 'today.backup');
  const mail = load(service, who);
  await eventually('mail waits', async () => mail.acked.size >= 200);
  const queued = new Set(mail.acked);
  const backup = await hikyaku(['backup', file, '--with-secret-key', '--json'], service.env);
  const during = mail.acked.size;
  await mail.stop();
  assert.equal(backup.status, 0, backup.stderr);
  assert.match(backup.stderr, /contains the secret key/);
  assert.doesNotMatch(backup.stderr, /copies the store itself/);
  assert.ok(service.log.some((line) => line.includes('the service has copied the store for a backup')));
  const metrics = await (await fetch(`http://${service.ready.http}/metrics`)).text();
  const wal = Number(/^hikyaku_store_wal_octets (\d+)$/m.exec(metrics)?.[1]);
  assert.ok(wal > 0 && wal <= 64 * 1024 * 1024, `${wal} octets`);
  assert.match(metrics, /^hikyaku_store_wal_frames\{state="pending"\} \d+$/m);
  assert.ok(during > queued.size, 'mail was taken while the backup was made');
  const about = JSON.parse(backup.stdout);
  assert.ok(about.waiting >= queued.size);
  assert.equal(about.secret_key, true);
  await service.kill();

  const directory = join(elsewhere, 'data');
  const restored = await hikyaku(['restore', file, '--json'], environment(directory));
  assert.equal(restored.status, 0, restored.stderr);
  assert.deepEqual(JSON.parse(restored.stdout), {
    store: directory,
    version: about.version,
    taken_at: about.taken_at,
    waiting: about.waiting,
    secret_key: 'restored',
  });
  await using good = await scriptedServer();
  await using again = await startService(route(good.port), directory);
  const delivered = () => good.messages.map((text) => /Subject: (\S+)/.exec(text)![1]!);
  await eventually('all is delivered', async () => good.messages.length >= about.waiting, 60);
  const seen = new Set(delivered());
  assert.deepEqual(
    [...queued].filter((address) => !seen.has(address)),
    [],
  );
  assert.equal(seen.size, good.messages.length);
  // Signing needs the secret key, and so do static keys.
  for (const text of good.messages) assert.match(text, /^DKIM-Signature:/m);
  await using client = await openSmtp(again.ready.submissions, 'implicit');
  assert.match(await client.command(plain(who.key.id, who.key.secret)), /^235/);
  rmSync(elsewhere, { recursive: true, force: true });
});

test('backup and restore refuse what would lose something, and say what became of the key', async () => {
  const root = temporaryDirectory();
  await using service = await startService(SETTINGS);
  await bootstrap(service.env, 'sender.test');
  const file = join(root, 'backup');
  const key = readFileSync(join(service.directory, 'secret.key'));
  assert.equal((await hikyaku(['backup'], service.env)).status, 2);
  assert.equal((await hikyaku(['restore', file, file], service.env)).status, 2);
  const made = await hikyaku(['backup', file], service.env);
  assert.equal(made.status, 0, made.stderr);
  assert.match(
    made.stderr,
    /not contain the secret key\. Without the key, the service cannot read DKIM keys/,
  );
  assert.ok(!readFileSync(file).includes(key));

  const locked = await hikyaku(['restore', file, '--force'], service.env);
  assert.equal(locked.status, 1);
  assert.match(locked.stderr, /in use by another process/);
  assert.equal((await fetch(`http://${service.ready.http}/readyz`)).status, 200);

  const env = environment(join(root, 'data'));
  const missing = await hikyaku(['restore', file, '--json'], env);
  assert.equal(missing.status, 0, missing.stderr);
  assert.equal(JSON.parse(missing.stdout).secret_key, 'missing');
  assert.match(missing.stderr, /There is no secret key\./);
  assert.ok(!existsSync(join(root, 'data', 'secret.key')));
  const there = await hikyaku(['restore', file], env);
  assert.equal(there.status, 1);
  assert.match(there.stderr, /--force/);

  const other = Buffer.alloc(32, 7);
  writeFileSync(join(root, 'data', 'secret.key'), other);
  const complete = join(root, 'complete');
  assert.equal((await hikyaku(['backup', complete, '--with-secret-key'], service.env)).status, 0);
  // `--force` is for the store alone.
  for (const backup of [complete, file]) {
    const foreign = await hikyaku(['restore', backup, '--force'], env);
    assert.equal(foreign.status, 1);
    assert.match(foreign.stderr, /not the key of this backup.*--other-key/);
    assert.deepEqual(readFileSync(join(root, 'data', 'secret.key')), other);
  }
  const unforced = await hikyaku(['restore', complete, '--other-key'], env);
  assert.equal(unforced.status, 1);
  assert.match(unforced.stderr, /--force replaces it/);
  const forced = await hikyaku(['restore', complete, '--force', '--other-key', '--json'], env);
  assert.equal(JSON.parse(forced.stdout).secret_key, 'restored');
  assert.deepEqual(readFileSync(join(root, 'data', 'secret.key')), key);
  const environmentKey = { ...env, HIKYAKU_SECRET_KEY: other.toString('hex') };
  const clash = await hikyaku(['restore', complete, '--force'], environmentKey);
  assert.equal(clash.status, 1);
  assert.match(clash.stderr, /HIKYAKU_SECRET_KEY is not the key of this backup/);
  const same = await hikyaku(['restore', file, '--force', '--json'], env);
  assert.equal(JSON.parse(same.stdout).secret_key, 'same');
  rmSync(root, { recursive: true, force: true });
});

const GROWN = 60 * 1024 * 1024;
/** A running service whose store has GROWN octets more, so that a copy takes a while. */
async function grown() {
  const service = await startService(SETTINGS);
  await bootstrap(service.env, 'sender.test');
  const db = new DatabaseSync(join(service.directory, 'hikyaku.sqlite'), { timeout: 5000 });
  db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${GROWN / 1_000_000})
    INSERT INTO meta (key, value) SELECT i || hex(zeroblob(500000)), 0 FROM n`);
  db.close();
  return service;
}
const halves = (directory: string) => readdirSync(directory).filter((name) => name.includes('.partial-'));

test('a backup that is broken off, killed, or left by its service is none, and the next one is whole', async () => {
  const root = temporaryDirectory();
  await using service = await grown();
  const file = join(root, 'backup');
  const begun = () => {
    const running = startHikyaku(['backup', file], service.env);
    const copies = async () =>
      halves(root).some(
        (name) => (statSync(join(root, name), { throwIfNoEntry: false })?.size ?? 0) > 1_000_000,
      );
    return eventually('it copies', copies).then(() => running);
  };
  const broken = await begun();
  broken.child.kill('SIGINT');
  assert.deepEqual(await broken.ended, {
    status: 130,
    stdout: '',
    stderr: 'hikyaku backup: interrupted by SIGINT; no file was made\n',
  });
  assert.deepEqual(readdirSync(root), []);

  const killed = await begun();
  killed.child.kill('SIGKILL');
  await killed.ended;
  assert.ok(!existsSync(file));
  const [half] = halves(root);
  const refused = await hikyaku(['restore', join(root, half!)], environment(join(root, 'data')));
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /is not a Hikyaku backup/);
  assert.equal((await fetch(`http://${service.ready.http}/readyz`)).status, 200);
  rmSync(join(root, half!), { force: true });

  await eventually(
    'the service has let go of both',
    async () => service.log.filter((line) => line.includes('could not copy the store')).length === 2,
  );
  const whole = await hikyaku(['backup', file], service.env);
  assert.equal(whole.status, 0, whole.stderr);
  const kept = readFileSync(file);

  const left = await begun();
  await service.kill();
  const { status, stderr } = await left.ended;
  assert.equal(status, 1, stderr);
  assert.match(stderr, /the service stopped before it had copied its store/);
  assert.ok(readFileSync(file).equals(kept), 'the one of before is untouched');
  assert.deepEqual(halves(root), []);
  rmSync(root, { recursive: true, force: true });
});
