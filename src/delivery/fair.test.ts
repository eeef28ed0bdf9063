/** What one project's silent sites hold does not stop another's mail: connections, memory, questions to the DNS. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import type { ProjectId } from '../runtime/ids.ts';
import type { Resolver } from '../runtime/resolver.ts';
import { deliveryRig } from '../testing/delivery-rig.ts';
import { scriptedServer } from '../testing/scripted-server.ts';
import { createZoneResolver, type Zone } from '../testing/zone-resolver.ts';
import type { SchedulerDeps } from './scheduler.ts';

const SITES = 60;
/** Domains of one server each, all of which are the server that never greets. */
const ZONE: Zone = Object.fromEntries(
  Array.from({ length: SITES }, (_, n) => [
    [`silent${n}.test`, { mx: [`mx${n}.silent.test`] }] as const,
    [`mx${n}.silent.test`, { a: ['127.0.0.1'] }] as const,
  ]).flat(),
);
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function besideSilence(more: Partial<SchedulerDeps>) {
  const good = await scriptedServer({ extensions: ['PIPELINING', 'SIZE 10000000'] });
  const rig = await deliveryRig(
    { say: () => null },
    {
      resolver: createZoneResolver(ZONE),
      routes: [
        { pattern: 'good.test', target: { scheme: 'smtp', host: '127.0.0.1', port: good.port } },
      ] satisfies SchedulerDeps['routes'],
      ...more,
    },
  );
  return {
    ...rig,
    good,
    /** A message of p to each silent domain, fresh from its commit. */
    floodFresh() {
      const all = Array.from({ length: SITES }, (_, n) => rig.accept(`x@silent${n}.test`));
      for (const { message, rows } of all) rig.scheduler.enqueue(message, rows);
    },
    async [Symbol.asyncDispose]() {
      const closing = rig[Symbol.asyncDispose]();
      await rig.clock.advance(20_000);
      await closing;
      await good[Symbol.asyncDispose]();
    },
  };
}

test('servers that never greet hold half of the connections; another project’s mail leaves at once', async () => {
  await using b = await besideSilence({ places: 8 });
  b.floodFresh();
  while (b.server.connections < 4) await turn();
  const rival = b.acceptOf('q', 'x@good.test');
  b.scheduler.enqueue(rival.message, rival.rows);
  await b.until(1);
  assert.equal(b.stateOf(rival.rows[0]!), 'delivered');
  assert.equal(b.good.messages.length, 1);
  assert.equal(b.server.connections, 4);
});
test('rows for silent servers fill half of the memory; another project’s due mail is read from the store', async () => {
  await using b = await besideSilence({ places: 8, window: 40 });
  const lane = (project: string, name: string, nextDue: number) => ({
    project: project as ProjectId,
    lane: name,
    queued: 1,
    deferred: 0,
    held: 0,
    nextDue,
    lastDue: nextDue,
  });
  await b.clock.advance(10_000);
  for (let n = 0; n < SITES; n++) b.accept(`x@silent${n}.test`);
  b.scheduler.adopt(Array.from({ length: SITES }, (_, n) => lane('p', `silent${n}.test`, n)));
  await b.clock.advance(10_000);
  while (b.server.connections < 4) await turn();
  const held = b.scheduler.held;
  assert.ok(held <= 10, `${held} of 40 rows`);
  const rival = b.acceptOf('q', 'x@good.test');
  await b.clock.advance(10_000);
  b.scheduler.adopt([lane('q', 'good.test', b.clock.now())]);
  await b.clock.advance(1_000);
  await b.until(1);
  assert.equal(b.stateOf(rival.rows[0]!), 'delivered');
});
test('new mail of a project with silent servers fills half of the memory; another’s is not read back', async () => {
  await using b = await besideSilence({ places: 8, window: 40 });
  b.floodFresh();
  while (b.server.connections < 4) await turn();
  assert.equal(b.scheduler.held, 20);
  const rival = b.acceptOf('q', 'x@good.test');
  b.scheduler.enqueue(rival.message, rival.rows);
  await b.until(1);
  assert.equal(b.stateOf(rival.rows[0]!), 'delivered');
  assert.equal(b.store.reads, 0);
});
test('name servers that never answer hold half of what is looked up at once', async () => {
  const zone = createZoneResolver(ZONE);
  const never = new Promise<never>(() => {});
  let asked = 0;
  const resolver: Resolver = {
    ...zone,
    mx(name) {
      asked += 1;
      return name.startsWith('silent') ? never : zone.mx(name);
    },
  };
  await using b = await besideSilence({ resolver: { ...resolver, for: () => resolver } });
  for (let n = 0; n < 10; n++) b.floodFresh();
  while (asked < 100) await turn();
  const rival = b.acceptOf('q', 'x@good.test');
  b.scheduler.enqueue(rival.message, rival.rows);
  await b.until(1);
  assert.equal(b.stateOf(rival.rows[0]!), 'delivered');
});
/** Accepts a large message of the project's and has it sent. */
function largeMail(b: Awaited<ReturnType<typeof besideSilence>>, project: string, to: string, octets = 1) {
  const { message, rows } = b.acceptOf(project, to);
  Object.assign(message, { raw: Buffer.alloc(1024 * 1024 + octets, 'x\r\n') });
  b.scheduler.enqueue(message, rows);
  return rows[0]!;
}
test('silent servers hold none of the places of large mail', async () => {
  await using b = await besideSilence({});
  for (let n = 0; n < 10; n++) largeMail(b, 'p', `x@silent${n}.test`);
  while (b.server.connections < 10) await turn();
  const rows = ['p', 'p', 'p', 'p', 'p', 'p', 'q'].map((project) => largeMail(b, project, 'x@good.test'));
  await b.until(rows.length);
  assert.ok(rows.every((row) => b.stateOf(row) === 'delivered'));
});
test('servers that take large mail too slowly lose their places when others wait, and nothing arrives twice', async () => {
  const SLOW = 8 * 1024 * 1024;
  await using first = await neverReads();
  await using second = await neverReads();
  const to = (pattern: string, port: number) => ({
    pattern,
    target: { scheme: 'smtp', host: '127.0.0.1', port } as const,
  });
  const good = await scriptedServer({ extensions: ['PIPELINING', 'SIZE 100000000'] });
  await using b = await besideSilence({
    routes: [to('good.test', good.port), to('first.test', first.port), to('second.test', second.port)],
  });
  const held = ['p', 'p', 'p'].map((project) => largeMail(b, project, 'x@first.test', SLOW));
  while (first.asked < 3) await turn();
  held.push(...['q', 'q', 'r'].map((project) => largeMail(b, project, 'x@second.test', SLOW)));
  while (second.asked < 3) await turn();
  const rival = largeMail(b, 's', 'x@good.test');
  while (good.messages.length === 0) await b.clock.advance(1000);
  await b.until(held.length + 1);
  assert.equal(b.stateOf(rival), 'delivered');
  assert.deepEqual(
    held.map((row) => b.stateOf(row)),
    held.map(() => 'deferred'),
  );
  await good[Symbol.asyncDispose]();
});
/** Servers that say 354 and then read nothing. */
async function neverReads() {
  const state = { asked: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.write('220 slow.test\r\n');
    socket.setEncoding('latin1').on('data', (text: string) => {
      for (const line of text.split('\r\n').slice(0, -1)) {
        if (line !== 'DATA') socket.write('250 ok\r\n');
        else {
          socket.pause();
          state.asked += 1;
          socket.write('354 go on\r\n');
        }
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get asked() {
      return state.asked;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
test('what was read back of one project leaves room, and the rest of it follows', async () => {
  const names = Array.from({ length: 200 }, (_, n) => `d${n}.test`);
  const zone: Zone = { 'mx.test': { a: ['127.0.0.1'] } };
  for (const name of names) zone[name] = { mx: ['mx.test'] };
  await using b = await deliveryRig({}, { window: 16, resolver: createZoneResolver(zone) });
  const all = names.map((name) => b.accept(`x@${name}`));
  for (const { message, rows } of all) b.scheduler.enqueue(message, rows);
  for (let n = 0; b.settled.length < 200 && n < 10_000; n++) await b.clock.advance(1000);
  assert.ok(all.every(({ rows }) => b.stateOf(rows[0]!) === 'delivered'));
  assert.equal(b.scheduler.held, 0);
});
