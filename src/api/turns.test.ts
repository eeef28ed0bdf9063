/** Whose request is served when forty come at once, and when a project has its most in flight. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOST_IN_FLIGHT } from '../runtime/in-flight.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createFakeClock, type FakeClock } from '../testing/fake-clock.ts';
import { turnsFor } from '../testing/turns.ts';
import { condition, openWire } from '../testing/wire-client.ts';
import type { ApiDeps } from './deps.ts';
import { createApi } from './server.ts';

const ID = '0195d0a0-0000-7000-8000-000000000001';
const requestOf = (project: string) =>
  `GET /mta/v1/tasks/${ID} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${Buffer.from(`${project}:x`).toString('base64')}\r\n\r\n`;

/** An API whose tasks are found when `found` says so; any name is a key of the project of that name. */
async function open(clock: FakeClock, found: (project: string) => Promise<void>) {
  const deps = {
    publicUrl: () => 'http://x',
    clock,
    logger: silentLogger,
    dns: {},
    ...turnsFor(clock),
    read: {
      async task(project: string) {
        await found(project);
        return null;
      },
    },
    authenticator: {
      authenticate: async (projectId: string) => ({
        kind: 'ok',
        principal: { projectId, operations: new Set(['mta.tasks.get']) },
      }),
    },
  } as unknown as ApiDeps;
  const api = await createApi(deps, {
    host: '127.0.0.1',
    port: 0,
    secureContext: null,
    trustedProxies: [],
    hasMetrics: false,
    door: { ofAnAddress: 1_000, places: 5_000 },
  });
  await api.start(new AbortController().signal);
  return api;
}

test('of forty-one requests that come at once, the one of another project is not the last', async () => {
  const served: string[] = [];
  await using api = await open(createFakeClock(), async (project) => void served.push(project));
  const clients = Array.from({ length: 41 }, () => openWire(api.port));
  for (const [i, client] of clients.entries())
    await client.ask(requestOf(i === 0 ? 'first' : 'second'), /\r\n\r\n\{.*\}/);
  served.length = 0;
  await Promise.all(
    clients.map((client, i) => client.ask(requestOf(i === 40 ? 'one' : 'many'), /\r\n\r\n\{.*\}/)),
  );
  assert.equal(served.length, 41);
  assert.ok(served.indexOf('one') < 10, served.join(' '));
  for (const client of clients) client.socket.destroy();
});

test('beyond the most in flight: 429 with Retry-After, late; others are served; whoever leaves makes room', async () => {
  const clock = createFakeClock();
  const waiting = { count: 0, go: () => {} };
  const gate = new Promise<void>((resolve) => {
    waiting.go = resolve;
  });
  await using api = await open(clock, async (project) => {
    if (project !== 'many') return;
    waiting.count++;
    await gate;
  });
  const many = Array.from({ length: MOST_IN_FLIGHT }, () => openWire(api.port, { first: requestOf('many') }));
  await condition(() => waiting.count === MOST_IN_FLIGHT);
  const timers = clock.pending;
  const refused = openWire(api.port);
  const answer = refused.ask(requestOf('many'), /\r\n\r\n\{.*\}/);
  const other = openWire(api.port);
  assert.match(await other.ask(requestOf('one'), /\r\n\r\n\{.*\}/), /^HTTP\/1\.1 404 /);
  await condition(() => clock.pending > timers);
  await clock.advance(1_000);
  const told = await answer;
  assert.match(told, /^HTTP\/1\.1 429 /);
  assert.match(told, /\r\nretry-after: 1\r\n/i);
  assert.match(told, /"type":"\/problems\/too-many-in-flight"/);
  many[0]!.socket.destroy();
  await many[0]!.closed;
  // Answered behind the end of that connection.
  await other.ask(requestOf('one'), /\r\n\r\n\{.*\}/);
  refused.socket.write(requestOf('many'));
  await condition(() => waiting.count === MOST_IN_FLIGHT + 1);
  waiting.go();
  for (const client of [...many, refused, other]) client.socket.destroy();
});

test('places come back with answers, and with bodies that never came whole', async () => {
  const clock = createFakeClock();
  await using api = await open(clock, async () => {});
  const client = openWire(api.port);
  for (let i = 0; i < MOST_IN_FLIGHT + 5; i++)
    assert.match(await client.ask(requestOf('many'), /\r\n\r\n\{.*\}/), /^HTTP\/1\.1 404 /);
  const half = requestOf('many')
    .replace(/^GET \S+/, 'POST /mta/v1/tasks')
    .replace('\r\n\r\n', '\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{');
  for (let round = 0; round < 2; round++) {
    const halves = Array.from({ length: MOST_IN_FLIGHT - 10 }, () => openWire(api.port, { first: half }));
    for (const one of halves) {
      await one.send(Buffer.from('"'));
      one.socket.resetAndDestroy();
    }
  }
  assert.match(await client.ask(requestOf('many'), /\r\n\r\n\{.*\}/), /^HTTP\/1\.1 404 /);
  client.socket.destroy();
});
