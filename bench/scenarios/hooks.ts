/**
 * Hooks. `--part rate`: deliveries a second of events that are stored before the clock starts, until the last row is
 * settled, to 1 and 16 subscribers and to one that answers after 200 ms, against the bare HTTP client with as many
 * connections in the same run. `--part fair`: 50 hooks of one project with 4 events a second each (a topic with 50
 * subscribers), alone and beside another project whose hooks are bad: ms from the call that publishes to the call of the
 * hook.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { createDispatcher } from '../../src/edj/dispatcher.ts';
import { newTopic } from '../../src/edj/new-topic.ts';
import { recordPublish } from '../../src/edj/publish.ts';
import { makeWebhookSecret } from '../../src/edj/webhook-signature.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { createHttpClient } from '../../src/runtime/http-client.ts';
import { watchJumps } from '../../src/runtime/jumps.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { createMetrics } from '../../src/runtime/metrics.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { createSealer } from '../../src/runtime/sealing.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import { createEventMailRig } from '../../src/testing/event-mail.ts';
import { createRendering } from '../../src/testing/rendering.ts';
import { namesOf } from '../../src/testing/zone-resolver.ts';
import { type Running, startService, temporaryDirectory } from '../../test/journeys/harness.ts';
import { at, median, type Result, type ScenarioOptions } from './scenario.ts';
import { makeSenders, type Sender } from './senders.ts';

const GOOD = 50;
const EVENTS_A_SECOND = 4;
const SECONDS = 20;
const SETTLES_MS = 3_000;
/** Of one lane. */
const CONNECTIONS = 64;
const MOST_CONNECTIONS = 128;

export async function hooks({ runs, count, parts, kind }: ScenarioOptions): Promise<readonly Result[]> {
  const results: Result[] = [];
  if (parts.length === 0 || parts.includes('rate')) {
    for (const [subscribers, waitMs] of [
      [1, 0],
      [16, 0],
      [1, 200],
    ] as const) {
      const each: Result[] = [];
      for (let run = 0; run < runs; run++)
        each.push(await rate(subscribers, waitMs, waitMs > 0 ? 2_000 : (count ?? 20_000)));
      each.sort((a, b) => (a['ratio'] as number) - (b['ratio'] as number));
      results.push({ ...each[Math.floor(each.length / 2)]!, runs });
    }
  }
  if (parts.length === 0 || parts.includes('fair')) results.push(...(await fairness(runs, kind)));
  return results;
}

async function startHooks() {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../hook-server.ts', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ports = JSON.parse((await lines.next()).value as string) as [number, number];
  return {
    url: (path: string, origin: 0 | 1 = 0) => `http://127.0.0.1:${ports[origin]}/${path}`,
    /** What came since the last question. */
    async calls(): Promise<[string, number][]> {
      child.stdin.write('\n');
      return JSON.parse((await lines.next()).value as string);
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}
type Hooks = Awaited<ReturnType<typeof startHooks>>;

async function rate(subscribers: number, waitMs: number, count: number): Promise<Result> {
  await using server = await startHooks();
  const [clock, random] = [systemClock, createRandom()];
  const sealer = createSealer(Buffer.alloc(32, 7));
  await using store = await openSqliteStore({
    directory: temporaryDirectory(),
    clock,
    random,
    logger: silentLogger,
  });
  const [project, topicId] = [random.id<'project'>(), random.id<'topic'>()];
  await store.transact(project, (tx) => {
    tx.insertProject({ id: project, name: 'p', sandbox: false, createdAt: clock.now(), closedAt: null });
    tx.insertTopic(newTopic(topicId, project, 't', clock.now()));
    for (let i = 0; i < subscribers; i++) {
      const id = random.id<'subscriber'>();
      const secret = Buffer.from(makeWebhookSecret(random));
      tx.insertSubscriber({
        ...{ id, projectId: project, topicId, type: 'http', createdAt: clock.now() },
        settings: { url: server.url(waitMs > 0 ? `wait/${waitMs}/${i}` : `take/${i}`), inline: false },
        sealedSettings: sealer.seal(secret, `subscriber:${id}`),
      });
    }
  });
  const events = Math.ceil(count / subscribers);
  const publication = { project, topicId, service: 'edj', name: 'publish', keptMs: 86_400_000 } as const;
  for (let from = 0; from < events; from += 200)
    await store.transact(project, (tx) => {
      for (let i = from; i < Math.min(events, from + 200); i++)
        recordPublish(
          tx,
          { random, now: clock.now() },
          { ...publication, content: { message: `event ${i}` }, summary: `event ${i}` },
        );
    });
  const connections = Math.min(MOST_CONNECTIONS, subscribers * CONNECTIONS);
  const total = events * subscribers;
  const before = await bare(server, waitMs, connections, total / 2);
  await using http = createHttpClient({ allowPrivate: true, names: namesOf() });
  await using rendering = createRendering(store);
  await using dispatcher = createDispatcher({
    ...{ http, sealer, clock, random, render: rendering.deps },
    mail: createEventMailRig({ store, clock, random, sealer, readMail: rendering.readMail }).mail,
    transactor: store,
    read: store.read,
    logger: silentLogger,
    metrics: createMetrics(),
    allowLoopback: async () => false,
    jumps: watchJumps(clock, 4_000_000),
  });
  const began = performance.now();
  await dispatcher.start(new AbortController().signal);
  while ((await store.read.nextDeliveryAfter(0)) !== null) await delay(5);
  const own = total / ((performance.now() - began) / 1000);
  const after = await bare(server, waitMs, connections, total / 2);
  const peer = (before + after) / 2;
  return {
    ...{ part: 'rate', subscribers, wait_ms: waitMs, deliveries: total },
    ours: Math.round(own),
    bare: Math.round(peer),
    ratio: round(own / peer),
  };
}
async function bare(server: Hooks, waitMs: number, connections: number, count: number): Promise<number> {
  const agent = new Agent({ connections, pipelining: 1 });
  const body = Buffer.from(JSON.stringify({ content: { message: 'x'.repeat(400) } }));
  const url = server.url(waitMs > 0 ? `wait/${waitMs}/0` : 'take/0');
  let left = Math.ceil(count);
  const began = performance.now();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (left-- > 0) {
        const answer = await request(url, { method: 'POST', dispatcher: agent, body });
        await answer.body.dump();
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  await agent.close();
  return count / seconds;
}

/** The hooks of the other project, and how many events it publishes at first. */
const BAD: Readonly<Record<string, { paths: readonly string[]; events: number; sameOrigin?: true }>> = {
  'hanging 16': { paths: many('hang', 16), events: 8 },
  'hanging 300': { paths: many('hang', 300), events: 8 },
  'hanging 2 at the same origin': { paths: many('hang', 2), events: 60, sameOrigin: true },
  'one octet a second': { paths: many('drip', 1), events: 60 },
  endless: { paths: many('endless', 1), events: 60 },
  refusing: { paths: many('refuse', 1), events: 60 },
};
function many(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${name}/${i}`);
}

async function fairness(runs: number, kind: string | null): Promise<readonly Result[]> {
  const directory = temporaryDirectory();
  const settings = { HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true' };
  const names = Object.keys(BAD).filter((name) => kind === null || name === kind);
  const [good, ...bad] = await makeSenders(directory, settings, 1 + names.length);
  await using server = await startHooks();
  await using service = await startService(settings, directory);
  const ours = await topicOf(service, good!);
  for (const path of many('good', GOOD)) await ours.subscribe(server.url(path));
  await measured(ours, server);
  const results: Result[] = [];
  for (const [i, name] of names.entries()) {
    const { paths, events, sameOrigin } = BAD[name]!;
    const theirs = await topicOf(service, bad[i]!);
    const pairs: { alone: readonly number[]; beside: readonly number[] }[] = [];
    for (let run = 0; run < runs; run++) {
      const alone = await measured(ours, server);
      const made: string[] = [];
      for (const path of paths) made.push(await theirs.subscribe(server.url(path, sameOrigin ? 0 : 1)));
      for (let n = 0; n < events; n++) await theirs.publish('bad');
      await delay(SETTLES_MS);
      const beside = await measured(ours, server);
      for (const id of made) await theirs.remove(id);
      await delay(SETTLES_MS);
      pairs.push({ alone, beside });
    }
    const of = (which: 'alone' | 'beside', q: number) =>
      round(median(pairs.map((pair) => at(pair[which], q))));
    results.push({
      ...{ part: 'fair', beside: name, runs },
      p50_alone_ms: of('alone', 0.5),
      p50_beside_ms: of('beside', 0.5),
      p99_alone_ms: of('alone', 0.99),
      p99_beside_ms: of('beside', 0.99),
    });
    process.stderr.write(`${JSON.stringify(results.at(-1))}\n`);
  }
  return results;
}
const round = (n: number) => Number(n.toFixed(2));

/** Times in ascending order, ms. An event that does not come within the time is an error. */
async function measured(ours: Topic, server: Hooks): Promise<readonly number[]> {
  await server.calls();
  const began = performance.now();
  const total = EVENTS_A_SECOND * SECONDS;
  await Promise.all(
    Array.from({ length: total }, async (_, i) => {
      await delay(Math.max(0, began + (i * 1000) / EVENTS_A_SECOND - performance.now()));
      await ours.publish(String(Date.now()));
    }),
  );
  const calls: [string, number][] = [];
  for (let waited = 0; calls.length < total * GOOD; waited += 100) {
    if (waited > 60_000) throw new Error(`${calls.length} of ${total * GOOD} calls came`);
    await delay(100);
    calls.push(...(await server.calls()));
  }
  return calls.map(([from, to]) => to - Number(from)).sort((a, b) => a - b);
}

interface Topic {
  subscribe(url: string): Promise<string>;
  remove(subscriber: string): Promise<void>;
  publish(message: string): Promise<void>;
}
async function topicOf(service: Running, { key }: Sender): Promise<Topic> {
  const authorization = `Basic ${Buffer.from(`${key.id}:${key.secret}`).toString('base64')}`;
  async function call(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await fetch(`http://${service.ready.http}${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? {} : JSON.parse(text);
  }
  const [topic] = (await call('GET', '/edj/v1/topics'))['items'] as { id: string; self: string }[];
  const at = `/edj/v1/topics/${topic!.id}/subscribers`;
  return {
    subscribe: async (url) => String((await call('POST', at, { type: 'http', url }))['id']),
    async remove(subscriber) {
      await call('DELETE', `${at}/${subscriber}`);
    },
    async publish(message) {
      const task = { procedure: 'publish', arguments: { self: topic!.self, message } };
      await call('POST', '/edj/v1/tasks', task);
    },
  };
}
