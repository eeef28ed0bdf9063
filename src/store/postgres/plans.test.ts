/**
 * PostgreSQL: the conformance suite, and how the server goes about each statement it was sent, those of many nodes
 * and those of its own (cascades) included. Every statement has its plan in plans.txt: which index of each table that
 * grows with the mail, and the columns it is entered by. The plan is the same in an empty store (it is kept while tables
 * grow), in a filled one of which nothing is known, and in one that was analysed: it hangs on no statistics.
 * HIKYAKU_WRITE_PLANS=1 writes plans.txt anew, to be read before it is kept.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import pg from 'pg';
import { fillOld } from '../../../bench/scenarios/old/fill-old.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { startPostgres } from '../../testing/postgres.ts';
import { cascades, createExplain, nameOf, recordStatements } from '../../testing/postgres-plans.ts';
import * as make from '../conformance/samples.ts';
import { storeConformance } from '../conformance/store-conformance.ts';
import { joinCluster } from './cluster.ts';
import { connectConfig } from './connect.ts';
import { createLazyConnection } from './lazy-connection.ts';
import { openPostgresStore } from './open.ts';
import { createPermits } from './permits.ts';
import { analyse } from './statistics.ts';
import { createSharedUsage } from './usage.ts';

const LIST = new URL('./plans.txt', import.meta.url);
/** Tables that grow with the mail, or with what is asked. */
const LARGE = new Set([
  'message',
  'message_body',
  'recipient',
  'attempt',
  'event',
  'subscriber_delivery',
  'usage',
  'traffic',
  'task',
  'idempotency',
  'sent_key',
  'audit_event',
  'auth_failure',
  'auth_success',
  'queue_operation',
]);
/** Entered by the project alone, or not at all: these walk, and this is why they may. */
const MEANT: readonly (readonly [statement: RegExp, why: string])[] = [
  [
    /^DELETE FROM (\w+) WHERE \(.*\) IN \(SELECT .* FROM \1 WHERE project_id = \$1 .*LIMIT \d+\)$/,
    'a closed project goes',
  ],
  [/^select count\(\*\) as "n" from \(select "id" from "audit_event" .* limit \$2\)/, 'counts up to 10,000'],
  [/^DELETE FROM queue_operation WHERE id = ANY/, 'what people have done by hand, once an hour'],
  [/^DELETE FROM task WHERE project_id = \$1/, 'once an hour, beside the writer'],
  [/^SELECT count\(\*\) AS n FROM (?:event|attempt)_d…$/, 'a day that goes and was too small to be analysed'],
  [/ FROM usage WHERE project_id = \$1 AND \(\(width = 1 /, 'the windows of one project: a minute and a day'],
  [/^WITH RECURSIVE o \(owner\)/, 'the first owner in the order of the index, then one look-up each'],
];

const server = await startPostgres({ fsync: 'off', autovacuum: 'off' });
const recording = recordStatements();
after(async () => {
  recording[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});
const open = (url: string) =>
  openPostgresStore({
    url,
    member: null,
    clock: systemClock,
    random: createRandom(),
    logger: silentLogger,
  });
const databases = new Map<string, string>();
storeConformance({
  name: 'postgres',
  async open(directory) {
    const url = databases.get(directory) ?? (await server.database());
    databases.set(directory, url);
    // read beside the store's own interface: queue.test.ts
    const { queue: _queue, ...store } = await open(url);
    return store;
  },
});

test('what many nodes ask beside the store is recorded, too', async () => {
  const url = await server.database();
  await using store = await open(url);
  const clock = createFakeClock();
  const join = (name: string) =>
    joinCluster({ url, name, clock, byHand: true, random: createRandom(), logger: silentLogger });
  const stop = new AbortController();
  const walk = async (met: () => boolean) => {
    for (let steps = 0; !met(); steps += 1) {
      assert.ok(steps < 20_000, 'it did not come to that');
      await clock.advance(50);
      await store.pool.query('SELECT 1');
    }
  };
  {
    await using gone = await join('one');
    void gone;
  }
  await using one = await join('one');
  await using two = await join('two');
  for (const node of [one, two]) {
    node.listen({
      adopted() {},
      lost() {},
      found() {},
      fenced() {},
      clockCorrected() {},
      refresh: async () => {},
      asked: async () => 'well',
    });
    await node.start(stop.signal);
  }
  assert.equal(await one.mayDo('retention'), true);
  await walk(() => one.nodes().length === 2);
  const answers: (readonly unknown[])[] = [];
  const asking = one.ask('how are you').then((answer) => answers.push(answer));
  await walk(() => answers.length > 0);
  await asking;
  await walk(() =>
    [...recording.statements.keys()].some((name) => name.startsWith('DELETE FROM node WHERE')),
  );

  const line = createLazyConnection(url);
  await using permits = createPermits({ line, member: one.id, cap: () => 2, clock, logger: silentLogger });
  assert.equal(await permits.acquire('site.test'), true);
  permits.release('site.test');
  const p = await make.withProject(store);
  await store.queue(p.id, { after: null, limit: 9 });
  const usage = createSharedUsage(store.pool);
  const limits = { perMinute: 10, perDay: 100 };
  const domain = make.newId<'mta-domain'>();
  const request = { project: p.id, domain, recipients: 9, limits: { project: limits, domain: limits } };
  await usage.take({ ...request, second: 1_000_000 });
  await usage.take({ ...request, second: 1_000_100, recipients: 1 });
  await usage.giveBack(p.id, domain, 1_000_100, 1);
  await line.close();
});

type Plans = ReadonlyMap<string, string>;
async function plansIn(url: string, texts: readonly string[]): Promise<Plans> {
  const client = new pg.Client(connectConfig(url, 'plans'));
  await client.connect();
  try {
    const explain = await createExplain(client, LARGE);
    const plans = new Map<string, string>();
    for (const text of texts) plans.set(nameOf(text), await explain(text));
    return plans;
  } finally {
    await client.end();
  }
}
async function fill(url: string, messages: number): Promise<void> {
  await using store = await open(url);
  const p = await make.withProject(store);
  const topic = make.topic(p);
  await store.transact(p.id, (tx) => {
    tx.insertTopic(topic);
    for (const subscriber of [make.subscriber(topic), make.subscriber(topic)])
      tx.insertSubscriber(subscriber);
  });
  const shape = {
    messages,
    days: 20,
    projects: 200,
    waiting: Math.ceil(messages / 10),
    domains: 0,
    keptDays: 30,
  };
  await fillOld(store, { projectId: p.id, topic, domainId: null }, shape);
}
function written(plans: Plans): string {
  return [...plans]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([statement, plan]) => `${plan}\n    ${statement}\n`)
    .join('');
}
function read(text: string): Plans {
  const lines = text.split('\n');
  const plans = new Map<string, string>();
  for (let i = 0; i + 1 < lines.length; i += 2) plans.set(lines[i + 1]!.trimStart(), lines[i]!);
  return plans;
}

test('every statement has its index named, and uses it in a store of any age', {
  timeout: 300_000,
}, async (t) => {
  const [empty, filled] = [await server.database(), await server.database()];
  await fill(empty, 5);
  await fill(filled, 112_000);
  const client = new pg.Client(connectConfig(filled, 'plans'));
  await client.connect();
  t.after(() => client.end());
  const { rows } = await client.query("SELECT current_setting('server_version_num')::int AS version");
  if (rows[0].version < 160_000) return t.skip('EXPLAIN (GENERIC_PLAN) came with PostgreSQL 16');
  const texts = [
    ...new Map([
      ...recording.statements,
      ...(await cascades(client)).map((text) => [nameOf(text), text] as const),
    ]).values(),
  ];
  const unknown = await plansIn(filled, texts);
  await analyse(client, 0);
  const plans = { empty: await plansIn(empty, texts), unknown, analysed: await plansIn(filled, texts) };
  if (process.env['HIKYAKU_WRITE_PLANS'] === '1') writeFileSync(LIST, written(plans.analysed));
  const named = read(readFileSync(LIST, 'utf8'));
  const wrong = Object.entries(plans).flatMap(([state, found]) =>
    [...found].flatMap(([statement, plan]) =>
      plan === named.get(statement)
        ? []
        : [`${state}: ${plan}\n  named: ${named.get(statement) ?? 'none'}\n  ${statement}`],
    ),
  );
  const gone = [...named.keys()].filter((statement) => !plans.analysed.has(statement));
  assert.deepEqual({ wrong, gone }, { wrong: [], gone: [] });
});

test('no statement walks a table, or all of a project, but where it is meant to', () => {
  const walks = [...read(readFileSync(LIST, 'utf8'))].filter(([, plan]) =>
    plan.split('; ').some((scan) => /\bwhole$|\((?:project_id)?\)$/.test(scan)),
  );
  assert.deepEqual(
    walks
      .map(([statement]) => statement)
      .filter((statement) => !MEANT.some(([meant]) => meant.test(statement))),
    [],
  );
  for (const [meant, why] of MEANT)
    assert.ok(
      walks.some(([statement]) => meant.test(statement)),
      `${meant}: ${why}`,
    );
});
