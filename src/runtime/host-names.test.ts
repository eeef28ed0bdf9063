/** Which addresses a host of an outgoing request has, and who says so. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createZoneResolver, namesOf, type Zone } from '../testing/zone-resolver.ts';
import { createGuardedFetch } from './guarded-fetch.ts';
import { createHostNames } from './host-names.ts';
import { createHttpClient, HttpError } from './http-client.ts';

const REQUEST = {
  share: 'a',
  headers: {},
  body: Buffer.from('{}'),
  timeoutMs: 5_000,
  maxResponseBytes: 1024,
};
const isBlocked = (error: unknown) => error instanceof HttpError && error.code === 'blocked-address';

test('the hosts file first, then the DNS servers; localhost is asked nowhere', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-hosts-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const hostsFile = join(directory, 'hosts');
  writeFileSync(hostsFile, '# comment\n10.0.0.7\tapp App.Internal # two names\n::7 app\nnonsense app\n');
  const zone: Zone = {
    'hook.test': { a: ['192.0.2.7'], aaaa: ['2001:db8::7'] },
    'app.internal': { a: ['192.0.2.8'] },
    'broken.test': { fail: true },
  };
  const resolver = createZoneResolver(zone);
  const find = createHostNames({ resolver, local: true, system: false, hostsFile }).for('p');
  assert.deepEqual(await find('Hook.Test.'), ['192.0.2.7', '2001:db8::7']);
  const asked = resolver.queries.length;
  assert.deepEqual(await find('app'), ['10.0.0.7', '::7']);
  assert.deepEqual(await find('app.internal'), ['10.0.0.7']);
  for (const name of ['localhost', 'LOCALHOST.', 'a.localhost'])
    assert.deepEqual(await find(name), ['127.0.0.1', '::1']);
  assert.equal(resolver.queries.length, asked);
  await assert.rejects(find('none.test'), { code: 'ENOTFOUND' });
  await assert.rejects(find('broken.test'), { code: 'EDNS', message: /broken\.test: SERVFAIL/ });
});

test('a hook and a provider are found by the configured DNS servers alone', async (t) => {
  const server = createServer((_request, response) => response.end('ok'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const zone: Zone = { 'hook.test': { a: ['127.0.0.1'] } };
  await using client = createHttpClient({ allowPrivate: true, names: namesOf(zone) });
  const url = `http://hook.test:${port}/`;
  assert.equal((await client.post(url, REQUEST)).bodyText, 'ok');
  await using guarded = createGuardedFetch({ allowPrivate: true, names: namesOf(zone) });
  assert.equal(await (await guarded.fetch(url)).text(), 'ok');
  await assert.rejects(client.post(`http://other.test:${port}/`, REQUEST), { code: 'connect' });
});

test('the connected address decides: a name that turns private, or is private in part, gets no packet', async (t) => {
  let packets = 0;
  const server = createServer((_request, response) => {
    packets += 1;
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const zone: Zone = { 'hook.test': { a: ['127.0.0.1'] }, 'mixed.test': { a: ['192.0.2.1', '127.0.0.1'] } };
  await using client = createHttpClient({ allowPrivate: false, names: namesOf(zone) });
  for (const name of ['hook.test', 'mixed.test', 'localhost', 'a.localhost'])
    await assert.rejects(client.post(`http://${name}:${port}/`, REQUEST), isBlocked, name);
  assert.equal(packets, 0);
  // Loopback in the hosts file or by a name of it is loopback, too.
  await client.post(`http://hook.test:${port}/`, { ...REQUEST, allowLoopback: true });
  assert.equal(packets, 1);
});

test('without private targets, the names of this machine are answered as names that do not exist', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-hosts-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const hostsFile = join(directory, 'hosts');
  writeFileSync(hostsFile, '10.0.0.7 vm vm.corp.test\n192.0.2.9 shown.test\n');
  const resolver = createZoneResolver({
    vm: { a: ['10.0.0.7'] },
    'shown.test': { a: ['192.0.2.7'] },
    'private.test': { a: ['10.0.0.8'] },
  });
  const names = createHostNames({ resolver, local: false, system: true, hostsFile });
  const find = names.for('p');
  for (const name of ['vm', 'VM.', hostname(), 'nobody', 'vm.corp.test', 'nobody.corp.test'])
    if (name !== 'localhost') await assert.rejects(find(name), { code: 'ENOTFOUND' }, name);
  assert.deepEqual(await find('shown.test'), ['192.0.2.7']);
  assert.deepEqual(await find('localhost'), ['127.0.0.1', '::1']);
  assert.equal(
    resolver.queries.some((query) => / (?:vm|nobody)$/.test(query)),
    false,
  );
  await using client = createHttpClient({ allowPrivate: false, names });
  const outcome = (host: string) =>
    client.post(`http://${host}/`, REQUEST).catch(({ code, message }: HttpError) => `${code} ${message}`);
  assert.equal(await outcome('vm'), await outcome('nobody'));
  assert.equal(await outcome('vm.corp.test'), await outcome('nobody.corp.test'));
  // A name in public DNS with a private address is refused as such.
  assert.match(String(await outcome('private.test')), /^blocked-address /);
});
