/**
 * Three services on one PostgreSQL, in one process, on one clock that the test moves: what they share holds
 * for all of them together (connections to a site, rolling limits, AUTH failures, manual queue operations).
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { loadConfig } from '../../src/config/config.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { type RunningService, startService } from '../../src/service.ts';
import { createFakeClock, type FakeClock } from '../../src/testing/fake-clock.ts';
import { type FarEnd, openFarEnd } from '../../src/testing/far-end.ts';
import { startPostgres, type TestPostgres } from '../../src/testing/postgres.ts';
import { type Bootstrapped, bootstrap, environment, eventually, temporaryDirectory } from './harness.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await startPostgres({ fsync: 'off' });
});
after(() => postgres[Symbol.asyncDispose]());

interface Three extends AsyncDisposable {
  readonly services: readonly RunningService[];
  readonly who: Bootstrapped;
  query<R extends pg.QueryResultRow>(sql: string, params?: readonly unknown[]): Promise<R[]>;
  /** Sends numbered mail through one of the services; returns the answers. */
  send(service: RunningService, addresses: readonly string[]): Promise<string[]>;
  api(
    service: RunningService,
    method: string,
    path: string,
    body?: object,
    // biome-ignore lint/suspicious/noExplicitAny: answers are read by many shapes of assertion
  ): Promise<{ status: number; json: any }>;
}
async function three(settings: Record<string, string>, clock = systemClock): Promise<Three> {
  const url = await postgres.database();
  const directories = [0, 1, 2].map(() => temporaryDirectory());
  const common = {
    HIKYAKU_STORE: url,
    HIKYAKU_SECRET_KEY: Buffer.alloc(32, 5).toString('base64'),
    HIKYAKU_LIMIT_PER_MINUTE: '0',
    HIKYAKU_LIMIT_PER_DAY: '0',
    ...settings,
  };
  const who = await bootstrap(environment(directories[0]!, common), 'sender.test');
  const stop = new AbortController();
  const services: RunningService[] = [];
  for (const [i, directory] of directories.entries()) {
    const config = loadConfig(environment(directory, { ...common, HIKYAKU_NODE: `node${i + 1}` }));
    services.push(await startService(config, silentLogger, stop.signal, { clock }));
  }
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  pool.on('error', () => {});
  const authorization = `Basic ${Buffer.from(`${who.key.id}:${who.key.secret}`).toString('base64')}`;
  return {
    services,
    who,
    async query(sql, params = []) {
      return (await pool.query(sql, [...params])).rows as never;
    },
    async send(service, addresses) {
      await using client = await openSmtp(service.submissions, 'implicit');
      assert.match(await client.command(plain(who.key.id, who.key.secret)), /^235/);
      const answers: string[] = [];
      for (const address of addresses) {
        const message = Buffer.from(`From: <a@sender.test>\r\nSubject: ${address}\r\n\r\nbody\r\n`);
        answers.push(await send(client, 'a@sender.test', [address], message));
      }
      return answers;
    },
    async api(service, method, path, body) {
      const response = await fetch(`http://${service.http}${path}`, {
        method,
        headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, json: text === '' ? null : JSON.parse(text) };
    },
    async [Symbol.asyncDispose]() {
      for (const service of services) await service[Symbol.asyncDispose]();
      await pool.end();
      for (const directory of directories) rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A site that counts its connections and answers slowly. */
async function countingSite(answerAfter: () => Promise<void>) {
  const taken: string[] = [];
  const counts = { most: 0 };
  const site: FarEnd = await openFarEnd({
    meet(session) {
      counts.most = Math.max(counts.most, site.open);
      let recipient = '';
      session.say('220 site.test\r\n');
      return (input, kind) => {
        if (kind === 'message') {
          void answerAfter().then(() => {
            taken.push(recipient);
            session.say('250 2.0.0 taken\r\n');
          });
          return;
        }
        const verb = input.slice(0, 4).toUpperCase();
        if (verb === 'RCPT') recipient = /<(.*)>/.exec(input)?.[1] ?? '';
        if (verb === 'QUIT') return session.end('221 bye\r\n');
        if (verb === 'DATA') session.expectMessage();
        session.say(
          verb === 'EHLO'
            ? '250-site.test\r\n250 PIPELINING\r\n'
            : verb === 'DATA'
              ? '354 go\r\n'
              : '250 ok\r\n',
        );
      };
    },
  });
  return { site, taken, counts };
}
const numbered = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${name}-${i}@out.test`);

test('a cap of 2 connections holds for three nodes together, and each of them gets its turn', async () => {
  const { site, taken, counts } = await countingSite(() => new Promise((resolve) => setImmediate(resolve)));
  await using far = site;
  await using fleet = await three({
    HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${far.port}`,
    HIKYAKU_SITE_CONNECTIONS: '2',
  });
  const all = fleet.services.map((service, i) => ({ service, addresses: numbered(`n${i}`, 60) }));
  await Promise.all(all.map(({ service, addresses }) => fleet.send(service, addresses)));
  await eventually('all arrived', async () => taken.length >= 180, 100);
  assert.equal(new Set(taken).size, 180);
  assert.equal(taken.length, 180);
  assert.ok(counts.most <= 2, `${counts.most} connections at once`);
});

/** Advances the clock by at least a second, in which every node shows that it is alive. */
async function walk(fleet: Three, clock: FakeClock): Promise<void> {
  const beats = async () => {
    const rows = await fleet.query<{ beat: string }>('SELECT beat FROM node ORDER BY id');
    return rows.map(({ beat }) => Number(beat));
  };
  const before = await beats();
  await clock.advance(1000);
  await eventually('all beat', async () => {
    await clock.advance(100);
    return (await beats()).every((beat, i) => beat > before[i]!);
  });
}
for (const [window, length] of [
  ['minute', 60_000],
  ['day', 86_400_000],
] as const) {
  test(`a limit of 60 a ${window} over three nodes: 180 flow out over three of them, no rolling window over the limit`, async () => {
    const clock = createFakeClock();
    const { site, taken } = await countingSite(async () => {});
    await using far = site;
    await using fleet = await three(
      {
        HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${far.port}`,
        [window === 'minute' ? 'HIKYAKU_LIMIT_PER_MINUTE' : 'HIKYAKU_LIMIT_PER_DAY']: '60',
      },
      clock,
    );
    const held = await fleet.api(fleet.services[0]!, 'PATCH', '/mta/v1/settings', { over_limit: 'hold' });
    assert.equal(held.status, 200);
    await eventually('the others know', async () => {
      await walk(fleet, clock);
      const seen = await Promise.all(
        fleet.services.map((service) => fleet.api(service, 'GET', '/mta/v1/settings')),
      );
      return seen.every(({ json }) => json.over_limit === 'hold');
    });
    const began = clock.now();
    const answers = await Promise.all(
      fleet.services.map((service, i) => fleet.send(service, numbered(`${window}${i}`, 60))),
    );
    assert.ok(answers.flat().every((answer) => answer.startsWith('250')));
    for (const round of [1, 2, 3]) {
      // Nothing happens between two windows: the wall clock jumps over most of that time.
      if (round > 1 && length > 600_000) clock.jump(length - 120_000);
      for (let steps = 0; taken.length < 60 * round && steps < 300; steps++) await walk(fleet, clock);
      assert.ok(taken.length >= 60 * round, `${taken.length} went in ${round} windows`);
    }
    assert.equal(taken.length, 180);
    assert.equal(new Set(taken).size, 180);
    assert.ok(clock.now() - began >= 2 * length, 'no sooner than the windows allow');
    // What the limit counts: recipients by the second or minute in which they were sent.
    const buckets = await fleet.query<{ start: string; count: string }>(
      "SELECT start, count FROM usage WHERE domain_id = '' AND width = $1 ORDER BY start",
      [window === 'minute' ? 1 : 60],
    );
    const counts = buckets.map(({ start, count }) => ({ start: Number(start) * 1000, count: Number(count) }));
    assert.equal(
      counts.reduce((sum, { count }) => sum + count, 0),
      180,
    );
    for (const { start } of counts) {
      const within = counts.filter((one) => one.start >= start && one.start < start + length);
      const sum = within.reduce((total, { count }) => total + count, 0);
      assert.ok(sum <= 60, `${sum} in the ${window} from ${start}`);
    }
  });
}

test('failed sign-ins are counted over all nodes', async () => {
  await using fleet = await three({ HIKYAKU_ROUTES: '*=smtp://127.0.0.1:1' });
  const attempt = async (service: RunningService, secret: string) => {
    await using client = await openSmtp(service.submissions, 'implicit');
    return await client.command(plain(fleet.who.key.id, secret));
  };
  for (let i = 0; i < 10; i++)
    assert.match(await attempt(fleet.services[i % 3]!, 'wrong'), /^535/, `attempt ${i}`);
  for (const service of fleet.services) assert.match(await attempt(service, fleet.who.key.secret), /^421/);
});

test('what is done to the queue by hand reaches the rows of every node', async () => {
  await using fleet = await three({ HIKYAKU_ROUTES: '*=smtp://127.0.0.1:1' });
  await Promise.all(fleet.services.map((service, i) => fleet.send(service, numbered(`q${i}`, 3))));
  await eventually('all are deferred', async () => {
    const [row] = await fleet.query<{ n: string }>(
      "SELECT count(*) AS n FROM recipient WHERE state = 'deferred'",
    );
    return Number(row!.n) === 9;
  });
  await eventually('the nodes know of each other', async () => {
    const [row] = await fleet.query<{ n: string }>('SELECT min(beat) AS n FROM node');
    return Number(row!.n) >= 2;
  });
  const lanes = await fleet.api(fleet.services[1]!, 'GET', '/mta/v1/queues');
  assert.equal(lanes.json.depth.deferred, 9);
  const dry = await fleet.api(fleet.services[2]!, 'POST', '/mta/v1/queues', {
    action: 'cancel',
    all: true,
    dry_run: true,
  });
  assert.equal(dry.json.matched, 9);
  const done = await fleet.api(fleet.services[0]!, 'POST', '/mta/v1/queues', {
    action: 'cancel',
    all: true,
  });
  assert.deepEqual({ matched: done.json.matched, changed: done.json.changed }, { matched: 9, changed: 9 });
  const [left] = await fleet.query<{ n: string }>(
    'SELECT count(*) AS n FROM recipient WHERE next_attempt_at IS NOT NULL',
  );
  assert.equal(Number(left!.n), 0);
});
