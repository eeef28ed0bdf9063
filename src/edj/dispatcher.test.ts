/** Real hooks on loopback, the real store in memory, a clock moved by hand. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import { createHttpClient } from '../runtime/http-client.ts';
import type { EventId, ProjectId, SubscriberId, TopicId } from '../runtime/ids.ts';
import { watchJumps } from '../runtime/jumps.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { createRandom } from '../runtime/random.ts';
import { createSealer } from '../runtime/sealing.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { createEventMailRig } from '../testing/event-mail.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createRendering } from '../testing/rendering.ts';
import { namesOf } from '../testing/zone-resolver.ts';
import { createDispatcher } from './dispatcher.ts';
import { newTopic } from './new-topic.ts';
import { recordPublish } from './publish.ts';
import { makeWebhookSecret } from './webhook-signature.ts';

interface Call {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}
async function hook(answers: (nth: number) => { status: number; headers?: Record<string, string> }) {
  const calls: Call[] = [];
  const arrivals: (() => void)[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { status, headers = {} } = answers(calls.length);
    calls.push({ headers: request.headers, body: Buffer.concat(parts) });
    response.writeHead(status, headers).end();
    for (const arrived of arrivals.splice(0)) arrived();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    calls,
    url: `http://127.0.0.1:${port}/`,
    async until(count: number) {
      while (calls.length < count) await new Promise<void>((resolve) => arrivals.push(resolve));
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function setUp(urls: string[], allowPrivate = true) {
  const clock = createFakeClock();
  const random = createRandom();
  const sealer = createSealer(Buffer.alloc(32, 7));
  const store = await openSqliteStore({ directory: ':memory:', clock, random, logger: silentLogger });
  const project = random.id() as ProjectId;
  const topic = random.id() as TopicId;
  const secret = makeWebhookSecret(random);
  const mine = { project, topic };
  async function found(place: typeof mine): Promise<void> {
    const createdAt = clock.now();
    await store.transact(place.project, (tx) => {
      tx.insertProject({ id: place.project, name: 'p', sandbox: false, createdAt, closedAt: null });
      tx.insertTopic(newTopic(place.topic, place.project, 't', createdAt));
    });
  }
  async function subscribe(place: typeof mine, targets: readonly string[]): Promise<SubscriberId[]> {
    const made = targets.map((url) => ({ id: random.id() as SubscriberId, url }));
    await store.transact(place.project, (tx) => {
      for (const { id, url } of made)
        tx.insertSubscriber({
          id,
          projectId: place.project,
          topicId: place.topic,
          type: 'http',
          settings: { url, inline: false },
          sealedSettings: sealer.seal(Buffer.from(secret), `subscriber:${id}`),
          createdAt: clock.now(),
        });
    });
    return made.map(({ id }) => id);
  }
  async function publish(place: typeof mine): Promise<EventId> {
    let id: EventId | null = null;
    await store.transact(place.project, (tx) => {
      id = recordPublish(
        tx,
        { random, now: clock.now() },
        {
          project: place.project,
          topicId: place.topic,
          service: 'edj',
          name: 'publish',
          content: { message: 'hi' },
          summary: 'hi',
          keptMs: 30 * 86_400_000,
        },
      );
    });
    dispatcher.nudge();
    return id!;
  }
  await found(mine);
  const ids = await subscribe(mine, urls);
  const looks = { count: 0 };
  const jumps = watchJumps(clock, 4_000_000);
  const http = createHttpClient({ allowPrivate, names: namesOf() });
  const rendering = createRendering(store);
  const build = () =>
    createDispatcher({
      transactor: store,
      read: {
        ...store.read,
        dueDeliveries(...asked) {
          looks.count += 1;
          return store.read.dueDeliveries(...asked);
        },
      },
      http,
      sealer,
      render: rendering.deps,
      mail: createEventMailRig({ store, clock, random, sealer, readMail: rendering.readMail }).mail,
      clock,
      random,
      logger: silentLogger,
      metrics: createMetrics(),
      allowLoopback: async () => false,
      jumps,
    });
  let dispatcher = build();
  const abort = new AbortController();
  await dispatcher.start(abort.signal);
  return {
    clock,
    secret,
    async restart(): Promise<void> {
      await dispatcher[Symbol.asyncDispose]();
      dispatcher = build();
      await dispatcher.start(abort.signal);
    },
    publish: () => publish(mine),
    /** Lets so much time pass, and then a little more until the condition holds: timers are set after rows are written. */
    async pass(ms: number, until: () => boolean | Promise<boolean>): Promise<void> {
      await clock.advance(ms);
      while (!(await until())) {
        await new Promise((resolve) => setImmediate(resolve));
        await clock.advance(20);
      }
    },
    async subscribe(url: string): Promise<void> {
      ids.push(...(await subscribe(mine, [url])));
    },
    /** Resolves when the store is asked for nothing during a hundred turns of the event loop. */
    async quiet(): Promise<void> {
      for (let seen = -1; seen !== looks.count; ) {
        seen = looks.count;
        for (let i = 0; i < 100; i += 1) await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },
    /** Another project, with hooks of its own, publishes an event. */
    async rival(...targets: string[]): Promise<void> {
      const place = { project: random.id() as ProjectId, topic: random.id() as TopicId };
      await found(place);
      await subscribe(place, targets);
      await publish(place);
    },
    /** The first delivery of the subscriber that comes to be in that state. */
    async found(subscriber: number, state: string) {
      for (;;) {
        const page = await store.read.deliveries(project, ids[subscriber]!, { limit: 10, cursor: null });
        const found = page.items.find((item) => item.state === state);
        if (found !== undefined) return found;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    /** Whether the subscriber's only delivery was tried so often. Probes are no attempts. */
    async hasTried(subscriber: number, attempts: number): Promise<boolean> {
      const page = await store.read.deliveries(project, ids[subscriber]!, { limit: 10, cursor: null });
      return page.items[0]!.attempts >= attempts;
    },
    /** The subscriber's only delivery once it was tried so often. */
    async tried(subscriber: number, attempts: number) {
      for (;;) {
        const page = await store.read.deliveries(project, ids[subscriber]!, { limit: 10, cursor: null });
        if ((page.items[0]?.attempts ?? 0) >= attempts) return page.items[0]!;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    async settled(subscriber: number, state: string) {
      for (;;) {
        const page = await store.read.deliveries(project, ids[subscriber]!, { limit: 10, cursor: null });
        if (page.items.length > 0 && page.items.every((item) => item.state === state)) return page.items;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    async [Symbol.asyncDispose]() {
      abort.abort();
      await dispatcher[Symbol.asyncDispose]();
      await http[Symbol.asyncDispose]();
      await rendering[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

test('an event reaches its hook, in format v1, signed', async () => {
  await using target = await hook(() => ({ status: 204 }));
  await using edj = await setUp([target.url]);
  const id = await edj.publish();
  await edj.settled(0, 'done');
  const { headers, body } = target.calls[0]!;
  const event = JSON.parse(body.toString());
  assert.deepEqual(Object.keys(event), [
    '@version',
    'id',
    'service',
    'name',
    'summary',
    'content',
    'attachments',
    'created_at',
    'short',
    'raw',
    'topic_id',
  ]);
  assert.equal(event.id, id);
  const key = Buffer.from(edj.secret.replace('whsec_', ''), 'base64');
  const signed = createHmac('sha256', key)
    .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`)
    .update(body)
    .digest('base64');
  assert.equal(headers['webhook-signature'], `v1,${signed}`);
});

/** Between the first attempts, ms. */
const WAITS = [5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000];

test('a failing hook is asked again, with the same octets, until it takes the event', async () => {
  await using target = await hook((nth) => ({ status: nth < 3 ? 500 : 200 }));
  await using edj = await setUp([target.url]);
  await edj.publish();
  for (let attempt = 1; attempt <= 3; attempt++) {
    await target.until(attempt);
    await edj.settled(0, 'retry');
    await edj.pass(WAITS[attempt - 1]! * 1.2, () => target.calls.length > attempt);
  }
  const [row] = await edj.settled(0, 'done');
  assert.equal(row!.attempts, 4);
  for (const { body } of target.calls) assert.deepEqual(body, target.calls[0]!.body);
});

test('410 ends it; a redirect is not followed; a dead hook does not hold up another', async () => {
  await using gone = await hook(() => ({ status: 410 }));
  await using moved = await hook(() => ({ status: 302, headers: { location: 'http://127.0.0.1:1/' } }));
  await using well = await hook(() => ({ status: 200 }));
  await using edj = await setUp([gone.url, moved.url, 'http://127.0.0.1:1/', well.url]);
  await edj.publish();
  await edj.settled(3, 'done');
  await edj.settled(0, 'dead');
  await edj.settled(1, 'retry');
  const [row] = await edj.settled(2, 'retry');
  assert.match(JSON.stringify(row!.lastResult), /connect/);
  assert.equal(moved.calls.length, 1);
});

test('Retry-After, in seconds or as a date, is a wait at least as long, at most 4 h', async () => {
  const at = (time: string) => `Thu, 01 Jan 2099 ${time} GMT`;
  const asked = ['600', '1', at('06:00:00'), 'Wed, 31 Dec 2098 00:00:00 GMT', '-5', at('03:50:00')];
  let attempt = 1;
  await using target = await hook(() => ({
    status: 503,
    headers: { date: at('00:00:00'), 'retry-after': asked[attempt - 1] ?? '0' },
  }));
  await using edj = await setUp([target.url]);
  await edj.publish();
  const waits: number[] = [];
  while (attempt <= asked.length) {
    const { nextAttemptAt } = await edj.tried(0, attempt);
    waits.push(nextAttemptAt! - edj.clock.now());
    attempt += 1;
    await edj.pass(nextAttemptAt! - edj.clock.now(), () => edj.hasTried(0, attempt));
  }
  // The clock may go on a little between the answer and the look at it.
  for (const [i, wait] of [
    [0, 600_000],
    [2, 4 * 3_600_000],
    [5, 230 * 60_000],
  ] as const)
    assert.ok(waits[i]! <= wait && waits[i]! > wait - 1_000, `attempt ${i + 1}: ${waits[i]} ms`);
  for (const i of [1, 3, 4]) {
    const usual = WAITS[i]!;
    assert.ok(
      waits[i]! >= 0.8 * usual - 1_000 && waits[i]! <= 1.2 * usual,
      `attempt ${i + 1}: ${waits[i]} ms`,
    );
  }
});

test('a hook that takes nothing: the waits grow to between 2 and 4 h, and after four days it is over', async () => {
  await using target = await hook(() => ({ status: 500 }));
  await using edj = await setUp([target.url]);
  const begun = edj.clock.now();
  await edj.publish();
  for (let attempt = 1; ; attempt += 1) {
    const { state, nextAttemptAt } = await edj.tried(0, attempt);
    const age = edj.clock.now() - begun;
    assert.equal(state === 'dead', age >= 4 * 86_400_000, `attempt ${attempt}, after ${age} ms`);
    if (state === 'dead') break;
    const usual = WAITS[attempt - 1];
    const [least, most] = usual === undefined ? [2 * 3_600_000, 4 * 3_600_000] : [0.8 * usual, 1.2 * usual];
    const wait = nextAttemptAt! - edj.clock.now();
    assert.ok(wait >= least - 1_000 && wait <= most, `attempt ${attempt}: ${wait} ms`);
    await edj.pass(wait, () => edj.hasTried(0, attempt + 1));
  }
  const calls = target.calls.length;
  await edj.clock.advance(86_400_000);
  assert.equal(target.calls.length, calls);
});

test('private addresses are not connected to, in any spelling', async () => {
  await using target = await hook(() => ({ status: 200 }));
  const port = new URL(target.url).port;
  const spellings = ['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]', '①②⑦.⓪.⓪.①'];
  await using edj = await setUp(
    spellings.map((host) => `http://${host}:${port}/`),
    false,
  );
  await edj.publish();
  for (const [i] of spellings.entries()) {
    const [row] = await edj.settled(i, 'retry');
    assert.match(JSON.stringify(row!.lastResult), /blocked-address/, spellings[i]);
  }
  assert.equal(target.calls.length, 0);
});

test('hundreds waiting for a hook that hangs do not hide another subscriber', async () => {
  const held: (() => void)[] = [];
  const hanging = createServer((_request, response) => void held.push(() => response.writeHead(200).end()));
  hanging.listen(0, '127.0.0.1');
  await once(hanging, 'listening');
  const { port } = hanging.address() as { port: number };
  await using well = await hook(() => ({ status: 200 }));
  await using edj = await setUp([`http://127.0.0.1:${port}/`]);
  for (let i = 0; i < 300; i++) await edj.publish();
  await edj.subscribe(well.url);
  await edj.publish();
  await edj.settled(1, 'done');
  assert.equal(well.calls.length, 1);
  hanging.closeAllConnections();
  hanging.close();
});

/** Never answers; `until` so many requests have come. */
async function hangingHook() {
  const calls = { count: 0 };
  const arrivals = new Set<() => void>();
  const server = createServer(() => {
    calls.count += 1;
    for (const arrived of arrivals) arrived();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    calls,
    urls: (count: number) => Array.from({ length: count }, (_, i) => `http://127.0.0.1:${port}/${i}`),
    async until(count: number) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = () => void (calls.count >= count && resolve());
      arrivals.add(look);
      look();
      await promise;
      arrivals.delete(look);
    },
    async end() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

test('many subscribers that hang leave room: the hook of another project is called at once', async () => {
  const hanging = await hangingHook();
  await using well = await hook(() => ({ status: 200 }));
  await using edj = await setUp(hanging.urls(200));
  for (let i = 0; i < 4; i++) await edj.publish();
  await hanging.until(8);
  for (let i = 1; i <= 3; i++) {
    await edj.rival(well.url);
    await well.until(i);
  }
  await hanging.end();
});

test('forty projects that hang have every place: the next one has its hook called after three seconds', async () => {
  const hanging = await hangingHook();
  await using well = await hook(() => ({ status: 200 }));
  await using edj = await setUp([]);
  for (let i = 0; i < 40; i++) await edj.rival(...hanging.urls(12));
  await hanging.until(80);
  for (let i = 1; i <= 3; i++) {
    await edj.rival(well.url);
    await edj.clock.advance(3_000);
    await well.until(i);
  }
  await hanging.end();
});

test('a place that was given up is tried again later, and says why', async () => {
  const hanging = await hangingHook();
  await using well = await hook(() => ({ status: 200 }));
  await using edj = await setUp(hanging.urls(1));
  for (let i = 0; i < 4; i++) await edj.publish();
  await hanging.until(4);
  for (let i = 0; i < 252; i++) await edj.rival(...hanging.urls(1));
  await edj.rival(well.url);
  await edj.clock.advance(3_000);
  await well.until(1);
  const given = await edj.found(0, 'retry');
  assert.match(JSON.stringify(given.lastResult), /timeout.*another project waited/);
  await hanging.end();
});

test('behind thousands of subscribers for which something waits, a hook is called: one look goes on where another stopped', async () => {
  const hanging = await hangingHook();
  await using well = await hook(() => ({ status: 200 }));
  await using edj = await setUp(hanging.urls(3_500));
  await edj.publish();
  await hanging.until(8);
  await edj.rival(well.url);
  await edj.clock.advance(500);
  await well.until(1);
  await hanging.end();
});

test('more than fits into memory is delivered without a pause', async () => {
  await using target = await hook(() => ({ status: 204 }));
  await using edj = await setUp(Array.from({ length: 1_000 }, (_, i) => `${target.url}${i}`));
  for (let i = 0; i < 3; i++) await edj.publish();
  // The clock stands still, so no timer is waited for.
  await target.until(3_000);
});

test('projects that hang have all places and all memory: another has its hook called after three seconds, and nothing is looked for in vain', async () => {
  const hanging = await hangingHook();
  await using well = await hook(() => ({ status: 200 }));
  await using edj = await setUp([]);
  for (let i = 0; i < 16; i++) await edj.rival(...hanging.urls(300));
  await hanging.until(200);
  await edj.rival(well.url);
  await edj.clock.advance(3_000);
  await well.until(1);
  await edj.quiet();
  await hanging.end();
});

const SIX_DAYS = 6 * 86_400_000;
for (const restarted of [false, true])
  test(`a delivery that failed while the clock was six days ahead is tried once it is right${restarted ? ', after a restart' : ''}`, async () => {
    await using target = await hook((nth) => ({ status: nth < 1 ? 500 : 200 }));
    await using edj = await setUp([target.url]);
    edj.clock.jump(SIX_DAYS);
    await edj.publish();
    await target.until(1);
    const failed = await edj.found(0, 'retry');
    edj.clock.jump(-SIX_DAYS);
    assert.ok(failed.nextAttemptAt! > edj.clock.now() + SIX_DAYS - 60_000);
    if (restarted) await edj.restart();
    else await edj.pass(30_000, () => target.calls.length > 1);
    await target.until(2);
    const [done] = await edj.settled(0, 'done');
    assert.equal(done!.attempts, 2, 'being brought back is no attempt');
  });
test('a delivery is not given up because the clock jumped ahead', async () => {
  await using target = await hook(() => ({ status: 500 }));
  await using edj = await setUp([target.url]);
  await edj.publish();
  for (let attempt = 1; attempt <= 8; attempt++) {
    await edj.tried(0, attempt);
    if (attempt === 8) edj.clock.jump(SIX_DAYS);
    // After the jump it is due at the next look; the clock is not trusted again so soon.
    await edj.pass(attempt === 8 ? 31_000 : 4 * 3_600_000, () => target.calls.length > attempt);
  }
  const { state } = await edj.tried(0, 9);
  assert.equal(state, 'retry', 'old by the clock, and tried often enough to be given up');
});
