/** The order of the events of one recipient, with real hooks, the real store in memory and a clock moved by hand. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { createRandom } from '../runtime/random.ts';
import { openEdjRig } from '../testing/edj-rig.ts';
import { HOLD_MS } from './order.ts';

interface Call {
  readonly key: string;
  readonly sequence: number;
  readonly status: number;
  readonly at: number;
}
type Answer = (key: string, sequence: number, attempt: number) => number;

async function setUp(answer: Answer) {
  const rig = await openEdjRig();
  const calls: Call[] = [];
  const places = new Map<string, { readonly key: string; readonly sequence: number }>();
  const bodies = new Map<string, string>();
  const attempts = new Map<string, number>();
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const id = String(request.headers['webhook-id']);
    const body = Buffer.concat(parts).toString('utf8');
    assert.equal(bodies.get(id) ?? body, body, 'an event that comes again has the same octets');
    bodies.set(id, body);
    const { key, sequence } = places.get(JSON.parse(body).id)!;
    const attempt = (attempts.get(id) ?? 0) + 1;
    attempts.set(id, attempt);
    const status = answer(key, sequence, attempt);
    calls.push({ key, sequence, status, at: rig.clock.now() });
    response.writeHead(status).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await rig.subscribe('http', { url: `http://127.0.0.1:${port}/` });
  const random = createRandom();
  const keys = new Map<string, string>();
  return {
    rig,
    calls,
    /** The sequences that were taken, in the order of their arrival. */
    taken: (key: string) =>
      calls.filter((call) => call.key === key && call.status === 200).map(({ sequence }) => sequence),
    async publish(key: string, sequence: number): Promise<void> {
      const id = random.id<'event'>();
      places.set(id, { key, sequence });
      const order = { key: keys.get(key) ?? random.id(), sequence };
      keys.set(key, order.key);
      await rig.publish('publish', () => ({ id, createdAt: rig.clock.now() }), order);
    },
    /** Waits for it without letting time pass. */
    async until(condition: () => boolean): Promise<void> {
      while (!condition()) await new Promise((resolve) => setImmediate(resolve));
    },
    /** Lets time pass in small steps, so that calls get their turn, until the condition holds; returns the ms. */
    async pass(until: () => boolean): Promise<number> {
      const began = rig.clock.now();
      for (let i = 0; !until(); i += 1) {
        assert.ok(i < 200_000, 'it does not happen');
        await rig.clock.advance(100);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return rig.clock.now() - began;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await rig[Symbol.asyncDispose]();
    },
  };
}

test('a first event that is refused once holds the later ones of its recipient, and nobody else', async () => {
  await using one = await setUp((key, sequence, attempt) =>
    key === 'a' && sequence === 1 && attempt === 1 ? 500 : 200,
  );
  for (let sequence = 1; sequence <= 5; sequence += 1)
    for (const key of ['a', 'b']) await one.publish(key, sequence);
  await one.until(() => one.taken('b').length === 5);
  assert.deepEqual(one.taken('a'), []);
  const waited = await one.pass(() => one.taken('a').length === 5);
  assert.ok(waited < HOLD_MS, `those behind it come as soon as it is taken: ${waited} ms`);
  assert.deepEqual(
    [one.taken('a'), one.taken('b')],
    [
      [1, 2, 3, 4, 5],
      [1, 2, 3, 4, 5],
    ],
  );
});

test('one that goes on failing holds the later ones for two minutes, those that come meanwhile, too', async () => {
  await using one = await setUp((_, sequence) => (sequence === 1 ? 503 : 200));
  for (const sequence of [1, 2]) await one.publish('a', sequence);
  await one.until(() => one.calls.length === 1);
  await one.publish('a', 3);
  await one.pass(() => one.taken('a').length === 2);
  const [failed] = one.calls;
  const passed = one.calls.find(({ status }) => status === 200)!;
  const waited = passed.at - failed!.at;
  assert.ok(waited >= HOLD_MS && waited < HOLD_MS + 10_000, `${waited} ms`);
  assert.deepEqual(one.taken('a'), [2, 3]);
});

for (const [status, isWrong] of [
  [404, true],
  [408, false],
  [425, false],
  [429, false],
] as const)
  test(`an answer ${status} ${isWrong ? 'holds nothing' : 'holds the later ones'}`, async () => {
    await using one = await setUp((_, sequence, attempt) => (sequence === 1 && attempt === 1 ? status : 200));
    for (const sequence of [1, 2, 3]) await one.publish('a', sequence);
    await one.until(() => one.taken('a').length === (isWrong ? 2 : 0) && one.calls.length > 0);
    await one.pass(() => one.taken('a').length === 3);
    assert.deepEqual(one.taken('a'), isWrong ? [2, 3, 1] : [1, 2, 3]);
  });

test('random failures and restarts: an event is passed only two minutes after it failed, or after such a 4xx; none is lost', async () => {
  // A fixed sequence, so that a failure of the test can be repeated.
  let seed = 7;
  const fraction = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const [messages, events] = [24, 8];
  await using one = await setUp(() => (fraction() >= 0.1 ? 200 : fraction() < 0.2 ? 404 : 500));
  const total = messages * events;
  const keys = Array.from({ length: messages }, (_, i) => `m${i}`);
  for (let sequence = 1; sequence <= events; sequence += 1) {
    for (const key of keys) await one.publish(key, sequence);
    if (sequence % 2 === 0) await one.rig.restart();
  }
  const arrived = () =>
    new Set(
      one.calls.filter(({ status }) => status === 200).map(({ key, sequence }) => `${key} ${sequence}`),
    );
  await one.pass(() => arrived().size === total);
  let passed = 0;
  for (const [i, { key, sequence, status, at }] of one.calls.entries()) {
    if (status !== 200) continue;
    const before = one.calls.slice(0, i).filter((call) => call.key === key);
    for (let earlier = 1; earlier < sequence; earlier += 1) {
      const tries = before.filter((call) => call.sequence === earlier);
      if (tries.some((call) => call.status === 200)) continue;
      passed += 1;
      assert.ok(tries.length > 0, `${key}: ${sequence} came before ${earlier} was tried`);
      const wrong = tries.some((call) => call.status === 404);
      assert.ok(wrong || at - tries[0]!.at >= HOLD_MS, `${key}: ${sequence} passed ${earlier}`);
    }
  }
  assert.ok(passed > 0, 'some were passed after a 404');
});
