/** A real hook that is down and returns; the real store in memory, a clock moved by hand. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { openEdjRig } from '../testing/edj-rig.ts';

const MINUTE = 60_000;

async function hook() {
  const state = { status: 500, headers: {} as Record<string, string>, calls: [] as string[] };
  const server = createServer((request, response) => {
    state.calls.push(String(request.headers['webhook-id']));
    request.resume().on('end', () => response.writeHead(state.status, state.headers).end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}
async function setUp() {
  const target = await hook();
  const rig = await openEdjRig();
  const subscriber = await rig.subscribe('http', { url: target.url });
  const stack = new AsyncDisposableStack();
  stack.use(target);
  stack.use(rig);
  return {
    target,
    rig,
    publish: () => rig.publish('publish', () => ({ createdAt: rig.clock.now() })),
    pause: () => rig.pause(subscriber),
    resume: () => rig.resume(subscriber),
    deliveries: () => rig.deliveries(subscriber),
    failingSince: async () => (await rig.subscriber(subscriber)).failingSince,
    /** Lets time pass in small steps, so that calls get their turn, until the condition holds; returns the ms. */
    async pass(until: () => Promise<boolean>): Promise<number> {
      const began = rig.clock.now();
      for (let i = 0; !(await until()); i += 1) {
        assert.ok(i < 1_000_000, 'it does not happen');
        await rig.clock.advance(200);
      }
      return rig.clock.now() - began;
    },
    async [Symbol.asyncDispose]() {
      await stack.disposeAsync();
    },
  };
}
type Case = Awaited<ReturnType<typeof setUp>>;
/** Its retries wait for hours. */
async function down({ publish, deliveries, pass }: Case, events: number): Promise<void> {
  for (let i = 0; i < events; i += 1) await publish();
  await pass(async () => (await deliveries()).every(({ attempts }) => attempts >= 7));
}

test('a hook that returns after hours gets what waits within six minutes, without any new event', async () => {
  await using one = await setUp();
  const { target, rig, deliveries, pass } = one;
  await down(one, 5);
  assert.ok(
    (await deliveries()).every(({ nextAttemptAt }) => nextAttemptAt! - rig.clock.now() > 10 * MINUTE),
  );
  target.status = 200;
  const took = await pass(async () => (await deliveries()).every(({ state }) => state === 'done'));
  assert.ok(took < 6 * MINUTE + 10_000, `${took} ms`);
  await pass(async () => (await one.failingSince()) === undefined);
});

test('a probe is no attempt: the delivery keeps its count and its time', async () => {
  await using one = await setUp();
  const { target, deliveries, pass } = one;
  await down(one, 1);
  const [before] = await deliveries();
  const calls = target.calls.length;
  const took = await pass(async () => target.calls.length >= calls + 3);
  assert.ok(took > 2 * 5 * MINUTE && took < 5 * 6 * MINUTE, `${took} ms`);
  assert.deepEqual(await deliveries(), [before]);
});

test('since when it takes nothing is stored, and one success forgets it', async () => {
  await using one = await setUp();
  const { target, rig, publish, pass } = one;
  const began = rig.clock.now();
  await publish();
  await pass(async () => (await one.failingSince()) !== undefined);
  const since = (await one.failingSince())!;
  assert.ok(since >= began && since <= began + MINUTE);
  target.status = 204;
  await pass(async () => (await one.failingSince()) === undefined);
});

test('after a restart the hook is still known to be down, and is probed', async () => {
  await using one = await setUp();
  const { target, rig, deliveries, pass } = one;
  await down(one, 3);
  await rig.restart();
  target.status = 200;
  const took = await pass(async () => (await deliveries()).every(({ state }) => state === 'done'));
  assert.ok(took < 6 * MINUTE + 10_000, `${took} ms`);
});

test('an event that always fails is not tried more often because others are taken', async () => {
  await using one = await setUp();
  const { target, publish, deliveries, pass } = one;
  target.status = 200;
  await publish();
  await pass(async () => (await deliveries()).every(({ state }) => state === 'done'));
  target.status = 500;
  const bad = await publish();
  await pass(async () =>
    (await deliveries()).some(({ attempts, state }) => state === 'retry' && attempts >= 2),
  );
  target.status = 200;
  await publish();
  await pass(async () => (await deliveries()).filter(({ state }) => state === 'done').length >= 2);
  assert.ok(target.calls.filter((id) => id === bad.id).length <= 3);
});

test('a hook that asks for an hour is not probed before', async () => {
  await using one = await setUp();
  const { target, rig, publish, pass } = one;
  target.headers = { 'retry-after': '3600' };
  await publish();
  await pass(async () => target.calls.length === 1);
  await rig.clock.advance(59 * MINUTE);
  assert.equal(target.calls.length, 1);
  await pass(async () => target.calls.length === 2);
});

test('a delivery is not given up for the time that its subscriber was paused', async () => {
  await using one = await setUp();
  const { target, rig, publish, deliveries, pass } = one;
  await publish();
  await pass(async () => (await deliveries())[0]!.attempts >= 8);
  await one.pause();
  await rig.clock.advance(5 * 24 * 60 * MINUTE);
  const [before] = await deliveries();
  await one.resume();
  await pass(async () => (await deliveries())[0]!.attempts > before!.attempts);
  assert.equal((await deliveries())[0]!.state, 'retry');
  target.status = 200;
  await pass(async () => (await deliveries())[0]!.state === 'done');
});
