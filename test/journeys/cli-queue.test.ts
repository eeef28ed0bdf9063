/**
 * `hikyaku queue` on a long queue: it prints what was asked for and says where to continue; a mass action can
 * be interrupted.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { systemClock } from '../../src/runtime/clock.ts';
import type { ProjectId } from '../../src/runtime/ids.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { createRandom } from '../../src/runtime/random.ts';
import * as make from '../../src/store/conformance/samples.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import {
  bootstrap,
  environment,
  eventually,
  hikyaku,
  startHikyaku,
  startService,
  temporaryDirectory,
} from './harness.ts';

const directory = temporaryDirectory();
after(() => rmSync(directory, { recursive: true, force: true }));
const WAITING = 6_000;
const SITES = 300;
const DAY_MS = 86_400_000;
const open = (lock: boolean) =>
  openSqliteStore({ directory, clock: systemClock, random: createRandom(), logger: silentLogger, lock });

/** Recipients at many sites, none of them due soon. */
async function plant(id: ProjectId): Promise<void> {
  await using store = await open(true);
  const now = Date.now();
  const times = { acceptedAt: now, expiresAt: now + 9 * DAY_MS, keepUntil: now + 20 * DAY_MS };
  for (let from = 0; from < WAITING; from += 1000) {
    const m = make.message({ id }, times);
    await store.transact(id, (tx) => {
      tx.insertMessage(m);
      for (let i = from; i < from + 1000; i++)
        tx.insertRecipient(
          make.recipient(m, {
            address: `r${i}@site${i % SITES}.test`,
            domain: `site${i % SITES}.test`,
            lane: `site${i % SITES}.test`,
            state: 'deferred',
            attempts: 1,
            nextAttemptAt: now + 2 * DAY_MS + i,
          }),
        );
    });
  }
}

test('a long queue: as much as was asked for, and where to go on; a mass verb is broken off and repeated', async () => {
  const env = environment(directory);
  const who = await bootstrap(env, 'sender.test');
  await plant(who.project_id as ProjectId);
  const walk = async (list: string, limit: number) => {
    const found: unknown[] = [];
    let cursor: string[] = [];
    for (;;) {
      const args = ['queue', list, '--limit', String(limit), ...cursor];
      const { status, stdout, stderr } = await hikyaku(args, env);
      assert.equal(status, 0, stderr);
      const [header, ...lines] = stdout.trimEnd().split('\n');
      assert.match(header!, /^PROJECT {2,}/);
      assert.ok(lines.length <= limit, `${lines.length} lines of ${limit}`);
      found.push(...lines);
      const more = /^not shown: .*; continue with --cursor (\S+)\n$/.exec(stderr);
      if (more === null) {
        assert.equal(stderr, '');
        return found;
      }
      cursor = ['--cursor', more[1]!];
    }
  };
  const five = await hikyaku(['queue', '--limit', '5'], env);
  assert.equal(five.stdout.trimEnd().split('\n').length, 1 + 5);
  assert.match(five.stderr, /^not shown: 295 of 300 lanes; continue with --cursor \S+\n$/);
  assert.equal(new Set(await walk('list', 120)).size, SITES);
  const shown = await hikyaku(['queue', 'show', '--limit', '5', '--json'], env);
  assert.equal(JSON.parse(shown.stdout).length, 5);
  assert.match(shown.stderr, /^not shown: the rest of 6,000 recipients that wait; continue/);
  assert.equal(new Set(await walk('show', 2500)).size, WAITING);
  for (const list of ['list', 'show', 'suspensions', 'log'])
    for (const cursor of ['garbage', Buffer.from('garbage').toString('base64url'), `${'0'.repeat(20)}!`]) {
      const refused = await hikyaku(['queue', list, '--cursor', cursor], env);
      assert.deepEqual([refused.status, refused.stdout], [2, ''], `${list} ${cursor}`);
      assert.match(refused.stderr, /--cursor \S+ is damaged or belongs to another list/);
    }
  const ofRecipients = await hikyaku(['queue', 'list', '--state', 'held'], env);
  assert.equal(ofRecipients.status, 2);
  assert.match(ofRecipients.stderr, /queue list shows lanes: .*--state work only with queue show/);
  const nameless = await hikyaku(['queue', 'resume'], env);
  assert.equal(nameless.status, 2);
  assert.match(
    nameless.stderr,
    /queue resume needs --id, a filter or --all; `hikyaku queue suspensions` lists the ids/,
  );
  const alone = await hikyaku(['queue', 'cancel', '--all'], env);
  assert.equal(alone.status, 1);
  assert.match(
    alone.stderr,
    /no service runs with the data directory .*: nothing was changed; start the service/,
  );
  const none = await hikyaku(['queue', 'show', '--sender', 'nobody@example.com', '--json'], env);
  assert.deepEqual([none.stdout, none.stderr], ['[]\n', '']);

  await using service = await startService({}, directory, true);
  await using beside = await open(false);
  const waiting = async () => (await beside.read.depth(null)).deferred;
  const broken = startHikyaku(['queue', 'cancel', '--all'], service.env);
  await eventually('some are cancelled', async () => (await waiting()) < WAITING - 500);
  broken.child.kill('SIGINT');
  const { status, stdout, stderr } = await broken.ended;
  assert.deepEqual([status, stdout], [130, '']);
  assert.equal(
    stderr,
    'hikyaku queue: interrupted by SIGINT; what it has already changed stays changed; run it again to change the rest\n',
  );
  const [first] = await eventually('what was done is recorded', async () => {
    const { items } = await beside.read.operations({ limit: 5, cursor: null }, null);
    return items.length === 1 && items;
  });
  const left = await waiting();
  assert.equal(first!.changed, WAITING - left);
  assert.ok(left > 0, 'it was broken off before its end');
  const again = await hikyaku(['queue', 'cancel', '--all'], service.env);
  assert.equal(again.status, 0, again.stderr);
  assert.equal(again.stdout, `cancelled: ${left.toLocaleString('en')} recipients of 1 project\n`);
  const empty = await hikyaku(['queue', 'cancel', '--project', who.project_id, '--json'], service.env);
  assert.equal(JSON.parse(empty.stdout).changed, 0, empty.stderr);
  assert.equal(await waiting(), 0);
});
