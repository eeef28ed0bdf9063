/** Who gets in at the HTTP port: places and TLS handshakes by network, and who makes room for others. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { silentLogger } from '../runtime/logger.ts';
import { createTlsContext, makeSelfSigned } from '../runtime/tls.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { condition, openWire, openWireTls, quiet, type WireClient } from '../testing/wire-client.ts';
import type { ApiDeps } from './deps.ts';
import { createDoor, DOOR_LIMITS, type DoorOptions } from './door.ts';
import { createApi } from './server.ts';

const pair = await makeSelfSigned('mx.example.test', Date.UTC(2026, 0, 1));
const context = createTlsContext({ ...pair, minVersion: 'TLSv1.2', clients: 'people' });
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n';
const REFUSED =
  /^HTTP\/1\.1 503 Too many connections\r\nConnection: close\r\n[^{]*retry-after: 10\r\nContent-Type: application\/problem\+json\r\n[^{]*\{"type":"\/problems\/too-many-connections"/;

type More = Partial<Omit<DoorOptions, 'limits'>> & { readonly limits?: Partial<DoorOptions['limits']> };
async function openDoor(
  more: More = {},
  handler: RequestListener = (_request, response) => response.end('.'),
) {
  const clock = createFakeClock();
  const told: string[] = [];
  const door = createDoor({
    secureContext: null,
    exempt: (address) => address === '127.0.0.9',
    clock,
    logger: silentLogger,
    notices: {
      tell: (kind, address, session) => void told.push(`${kind} ${address} ${session.split('-')[0]}`),
    },
    ...more,
    limits: { ...DOOR_LIMITS, ...more.limits },
  });
  const server: Server = door.open({}, handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    door,
    clock,
    told,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      door.shut();
      door.clear();
      await new Promise((resolve) => server.close(resolve));
      await condition(() => door.connections === 0);
    },
  };
}
/** Connections that have been answered and stay, the idlest first. */
async function hold(it: Awaited<ReturnType<typeof openDoor>>, from: string, many: number) {
  const held: WireClient[] = [];
  for (let i = 0; i < many; i += 1) {
    const client = openWire(it.port, { from });
    await client.ask(GET, /\r\n\r\n/);
    held.push(client);
    await it.clock.advance(1);
  }
  return held;
}

test('an address has its part and is told so beyond it; others and trusted ones get in, who leaves makes room', async () => {
  await using it = await openDoor({ limits: { ofAnAddress: 3 } });
  const held = await hold(it, '127.0.0.1', 3);
  assert.match(await openWire(it.port, { first: GET }).until(/\}/), REFUSED);
  assert.deepEqual(it.told, ['connections-capped 127.0.0.1 http']);
  await hold(it, '127.0.0.2', 3);
  await hold(it, '127.0.0.9', 20);
  held[0]!.socket.destroy();
  await condition(() => it.door.connections === 25);
  await hold(it, '127.0.0.1', 1);
});

test('what is refused is gone a little later, though its sender neither reads nor ends', async () => {
  await using it = await openDoor({ limits: { ofAnAddress: 1 } });
  const [held] = await hold(it, '127.0.0.1', 1);
  const refused = openWire(it.port, { reads: false });
  await condition(() => it.door.connections === 2);
  await it.clock.advance(1_000);
  await condition(() => it.door.connections === 1);
  assert.equal(held!.socket.destroyed, false);
  refused.socket.destroy();
});

test('an address that is refused again and again has twenty answers under way, and takes no place of others', async () => {
  await using it = await openDoor({ limits: { places: 2, ofAnAddress: 1 } });
  const clients = [...(await hold(it, '127.0.0.1', 1))];
  for (let i = 0; i < 1_100; i += 1) {
    const one = openWire(it.port, { reads: false });
    clients.push(one);
    if (i % 50 === 49) await condition(() => it.told.length === i + 1);
  }
  await condition(() => it.door.connections === 21);
  await hold(it, '127.0.0.2', 1);
  assert.match(await openWire(it.port, { from: '127.0.0.2', first: GET }).until(/\}/), REFUSED);
  for (const one of clients) one.socket.destroy();
});

test('all places taken: the idlest of the greediest makes room, and no modest one', async () => {
  await using it = await openDoor({ limits: { places: 6 } });
  const modest = await hold(it, '127.1.0.1', 1);
  const greedy = await hold(it, '127.0.0.1', 5);
  await greedy[0]!.ask(GET, /\r\n\r\n/);
  await hold(it, '127.2.0.1', 2);
  await greedy[1]!.closed;
  await greedy[2]!.closed;
  assert.deepEqual(it.told, ['connection-dropped 127.0.0.1 http', 'connection-dropped 127.0.0.1 http']);
  for (const one of [...modest, greedy[0]!, greedy[3]!, greedy[4]!])
    assert.match(await one.ask(GET, /\r\n\r\n/), /^HTTP\/1\.1 200 /);
});

test('a write under way is not cut for others; a poll is, and so is a write whose body does not come', async () => {
  const waiting: (() => void)[] = [];
  await using it = await openDoor({ limits: { places: 3 } }, (request, response) => {
    request.resume();
    waiting.push(() => response.end('.'));
  });
  const writes = openWire(it.port, { first: `${POST}{}` });
  await condition(() => waiting.length === 1);
  await it.clock.advance(5_000);
  const polls = openWire(it.port, { first: GET });
  await condition(() => waiting.length === 2);
  const slow = openWire(it.port, { first: POST });
  await condition(() => waiting.length === 3);
  const first = openWire(it.port, { from: '127.1.0.1', first: GET });
  const second = openWire(it.port, { from: '127.2.0.1', first: GET });
  assert.equal(await polls.closed, '');
  assert.equal(await slow.closed, '');
  await condition(() => waiting.length === 5);
  for (const answer of waiting) answer();
  for (const one of [writes, first, second]) assert.match(await one.until(/\r\n\r\n/), /^HTTP\/1\.1 200 /);
});

test('above 70 % of the places a connection on which nothing is asked has 10 s; trusted ones and polls stay', async () => {
  const polls: (() => void)[] = [];
  await using it = await openDoor({ limits: { places: 10 } }, (request, response) => {
    if (request.url === '/') response.end('.');
    else polls.push(() => response.end('.'));
  });
  const [trusted] = await hold(it, '127.0.0.9', 1);
  const idle = await hold(it, '127.0.0.1', 5);
  const poll = openWire(it.port, { first: GET.replace('/', '/poll') });
  await condition(() => polls.length === 1);
  await it.clock.advance(60_000);
  assert.equal(it.door.connections, 7);
  const [eighth] = await hold(it, '127.1.0.1', 1);
  await it.clock.advance(1_000);
  for (const one of idle) await one.closed;
  polls[0]!();
  assert.match(await poll.until(/\r\n\r\n/), /^HTTP\/1\.1 200 /);
  for (const one of [trusted!, eighth!]) assert.match(await one.ask(GET, /\r\n\r\n/), /^HTTP\/1\.1 200 /);
});

test('TLS handshakes are counted a minute; beyond them the end without a word, and others are served', async () => {
  await using it = await openDoor({ secureContext: () => context, limits: { handshakes: 2 } });
  for (let i = 0; i < 2; i += 1) {
    const client = await openWireTls(it.port, '127.0.0.1', '', { ALPNProtocols: ['h2', 'http/1.1'] });
    assert.match(await client.ask(GET, /\r\n\r\n/), /^HTTP\/1\.1 200 /);
    assert.equal((client.socket as TLSSocket).alpnProtocol, 'http/1.1');
    client.socket.destroy();
  }
  assert.equal(await openWire(it.port).closed, '');
  assert.deepEqual(it.told, ['handshakes-capped 127.0.0.1 http']);
  for (let i = 0; i < 4; i += 1) (await openWireTls(it.port, '127.0.0.9', '')).socket.destroy();
  await openWireTls(it.port, '127.1.0.1', '');
  await it.clock.advance(120_000);
  await openWireTls(it.port, '127.0.0.1', '');
});

test('a request behind the last answer of a connection is not begun', async () => {
  let begun = 0;
  await using it = await openDoor({}, (_request, response) => {
    begun += 1;
    response.setHeader('connection', 'close').end('.');
  });
  assert.match(await openWire(it.port, { first: GET.repeat(5) }).closed, /\r\n\r\n\.$/);
  await quiet(() => begun);
  assert.equal(begun, 1);
});

test('TLS is not negotiated again', async () => {
  await using it = await openDoor({ secureContext: () => context });
  const client = await openWireTls(it.port, '127.0.0.1', '', { maxVersion: 'TLSv1.2' });
  await client.ask(GET, /\r\n\r\n/);
  const socket = client.socket as TLSSocket;
  const before = socket.getFinished();
  const seen = { again: false };
  socket.renegotiate({ rejectUnauthorized: false }, (error) => {
    seen.again = error === null;
  });
  await quiet(() => socket.bytesRead + Number(seen.again));
  assert.deepEqual([seen.again, socket.getFinished()], [false, before]);
});

test('a handshake has 15 s in all, however it trickles; what is no TLS is the end; places come back', async () => {
  await using it = await openDoor({ secureContext: () => context, limits: { ofAnAddress: 2 } });
  const slow = openWire(it.port, { first: Buffer.from([0x16, 3, 1]) });
  await condition(() => it.door.connections === 1);
  await it.clock.advance(14_000);
  await slow.send(Buffer.from([2]));
  assert.equal(slow.socket.destroyed, false);
  await it.clock.advance(2_000);
  assert.equal(await slow.closed, '');
  await openWire(it.port, { first: GET }).closed;
  await condition(() => it.door.connections === 0);
  for (let i = 0; i < 5; i += 1) {
    const client = await openWireTls(it.port, '127.0.0.1', '');
    assert.match(await client.ask(GET, /\r\n\r\n/), /^HTTP\/1\.1 200 /);
    client.socket.end();
    await client.closed;
    await condition(() => it.door.connections === 0);
  }
});

test('the API stands behind it, with TLS as well, asks for its certificate each time, and leaves no connection when it stops', async () => {
  const clock = createFakeClock();
  const renewed = await makeSelfSigned('renewed.example.test', Date.UTC(2026, 0, 1));
  const used = { context };
  const deps = { publicUrl: () => 'https://x', clock, logger: silentLogger, dns: {} } as unknown as ApiDeps;
  const api = await createApi(
    { ...deps, notices: { tell() {} } },
    {
      host: '127.0.0.1',
      port: 0,
      secureContext: () => used.context,
      trustedProxies: [],
      hasMetrics: false,
      exempt: (address) => address === '127.0.0.9',
      door: { ofAnAddress: 1 },
    },
  );
  await api.start(new AbortController().signal);
  const HEALTH = GET.replace('/', '/healthz');
  const first = await openWireTls(api.port, '127.0.0.1', '');
  assert.match(await first.ask(HEALTH, /\}/), /"status":"ok"/);
  await assert.rejects(openWireTls(api.port, '127.0.0.1', ''));
  used.context = createTlsContext({ ...renewed, minVersion: 'TLSv1.2', clients: 'people' });
  const second = await openWireTls(api.port, '127.0.0.9', '');
  assert.match(await second.ask(HEALTH, /\}/), /"status":"ok"/);
  assert.match(String((second.socket as TLSSocket).getPeerCertificate().subject.CN), /^renewed/);
  const never = openWire(api.port, { from: '127.0.0.9' });
  const silent = await openWireTls(api.port, '127.0.0.9', '');
  const stopped = api[Symbol.asyncDispose]();
  await clock.advance(5_000);
  await stopped;
  for (const one of [first, second, never, silent]) await one.closed;
});
