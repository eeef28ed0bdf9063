/** Cloudflare: the suite against a server that speaks its API, and tests of what only Cloudflare has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGuardedFetch } from '../../runtime/guarded-fetch.ts';
import { type FakeCloudflare, startFakeCloudflare } from '../../testing/fake-cloudflare.ts';
import { namesOf } from '../../testing/zone-resolver.ts';
import { applyChanges, undoChanges } from './apply.ts';
import { createCloudflareProvider } from './cloudflare.ts';
import { dnsProviderSuite, type ProviderRig } from './dns-provider-suite.ts';
import type { RecordSet, SetChange } from './provider.ts';
import { parseMx, parseSrv, txtOf, txtPieces } from './record-values.ts';

interface Rig extends ProviderRig {
  readonly server: FakeCloudflare;
}
/** Enough zones that the list has two pages. */
const ZONES = [...Array.from({ length: 60 }, (_, i) => `other${i}.test`), 'example.com', 'sub.example.com'];

async function start(): Promise<Rig> {
  const server = await startFakeCloudflare(ZONES);
  const guarded = createGuardedFetch({ allowPrivate: true, names: namesOf() });
  const drop = (name: string, type: string) =>
    server.drop('example.com', (record) => record.name === name && record.type === type);
  return {
    server,
    open: async (credentials) =>
      createCloudflareProvider(
        { api_token: credentials === 'good' ? server.token : 'no', api_url: server.url },
        { fetch: guarded.fetch },
      ),
    async put({ name, type, ttl, values }: RecordSet) {
      drop(name, type);
      for (const value of values) {
        const base = { name, type, ttl };
        if (type === 'MX') {
          const { preference, exchange } = parseMx(value);
          server.add('example.com', { ...base, content: exchange, priority: preference });
        } else if (type === 'SRV') server.add('example.com', { ...base, data: { ...parseSrv(value) } });
        else if (type === 'TXT' && txtPieces(value).length === 1)
          // As in records from the time before strings were quoted.
          server.add('example.com', { ...base, content: Buffer.concat(txtPieces(value)).toString('utf8') });
        else server.add('example.com', { ...base, content: value });
      }
    },
    async remove({ name, type }) {
      drop(name, type);
    },
    async dump() {
      return server
        .records('example.com')
        .map(({ name, type, ttl, content, priority, comment, tags }) =>
          `${name} ${type} ${ttl} ${priority ?? ''} ${type === 'TXT' ? dumpTxt(content) : content} ${comment ?? ''} ${tags}`.trim(),
        )
        .sort();
    },
    async [Symbol.asyncDispose]() {
      await guarded[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
/** The meaning in DNS, whether the value is quoted or not. */
function dumpTxt(content: string): string {
  return content.startsWith('"') ? Buffer.concat(txtPieces(content)).toString('utf8') : content;
}
dnsProviderSuite({ name: 'cloudflare', start });

test('records that stay keep their ids; one that changes keeps its id, comment and tags', async () => {
  await using rig = await start();
  const { server } = rig;
  const provider = await rig.open('good');
  const zone = (await provider.findZone('example.com'))!;
  const foreign = server.add('example.com', {
    name: 'example.com',
    type: 'TXT',
    ttl: 300,
    content: 'foreign',
  });
  const spf = server.add('example.com', {
    name: 'example.com',
    type: 'TXT',
    ttl: 300,
    content: '"v=spf1 -all"',
    comment: 'mail',
    tags: ['team:web'],
  });
  const change: SetChange = {
    name: 'example.com',
    type: 'TXT',
    before: [txtOf('foreign'), txtOf('v=spf1 -all')],
    after: [txtOf('foreign'), txtOf('v=spf1 include:x.test -all')],
    ttl: { before: 300, after: 300 },
  };
  assert.equal((await applyChanges(provider, zone, [change])).kind, 'applied');
  assert.deepEqual(server.records('example.com'), [
    foreign,
    { ...spf, content: '"v=spf1 include:x.test -all"' },
  ]);
});

test('comments and tags of what is replaced come back with undo', async () => {
  await using rig = await start();
  const { server } = rig;
  const provider = await rig.open('good');
  const zone = (await provider.findZone('example.com'))!;
  const add = (priority: number, content: string, comment: string | null) =>
    server.add('example.com', {
      name: 'example.com',
      type: 'MX',
      ttl: 300,
      priority,
      content,
      comment,
      tags: ['a:b'],
    });
  add(5, 'one.example.net', 'the first');
  add(6, 'two.example.net', null);
  const before = await rig.dump();
  const [set] = await provider.read(zone, [{ name: 'example.com', type: 'MX' }]);
  const change: SetChange = {
    name: 'example.com',
    type: 'MX',
    before: set!.values,
    after: ['10 mx.hikyaku.test'],
    ttl: { before: set!.ttl, after: set!.ttl },
    extras: set!.extras!,
  };
  assert.equal((await applyChanges(provider, zone, [change])).kind, 'applied');
  assert.equal((await undoChanges(provider, zone, [change], null)).kind, 'applied');
  assert.deepEqual(await rig.dump(), before);
});

test('a batch that fails changes nothing; one record removed at the last moment is a conflict', async () => {
  await using rig = await start();
  const { server } = rig;
  const provider = await rig.open('good');
  const zone = (await provider.findZone('example.com'))!;
  await rig.put({ name: 'example.com', type: 'MX', ttl: 300, values: ['5 old.example.net'] });
  const changes: SetChange[] = [
    {
      name: 'a.example.com',
      type: 'TXT',
      before: [],
      after: [txtOf('x')],
      ttl: { before: null, after: 300 },
    },
    {
      name: 'example.com',
      type: 'MX',
      before: ['5 old.example.net'],
      after: ['10 mx.hikyaku.test', '20 b.test'],
      ttl: { before: 300, after: 300 },
    },
  ];
  const before = await rig.dump();
  server.failing((method) => (method === 'POST' ? 500 : null));
  const failed = await applyChanges(provider, zone, changes);
  assert.deepEqual([failed.kind, failed.kind === 'failed' && failed.error.code], ['failed', 'unreachable']);
  assert.deepEqual(await rig.dump(), before);
  server.failing(() => null);
  server.before((method) => {
    if (method === 'POST') server.drop('example.com', ({ type }) => type === 'MX');
  });
  assert.equal((await applyChanges(provider, zone, changes)).kind, 'changed');
  assert.deepEqual(await rig.dump(), []);
});

test('a set that another service of Cloudflare manages is not to be changed; many records come in pages', async () => {
  await using rig = await start();
  const { server } = rig;
  const provider = await rig.open('good');
  const zone = (await provider.findZone('example.com'))!;
  server.add('example.com', {
    name: 'example.com',
    type: 'MX',
    ttl: 1,
    content: 'route1.mx.example.net',
    priority: 3,
    meta: { read_only: true },
  });
  for (let i = 0; i < 120; i += 1)
    server.add('example.com', { name: 'example.com', type: 'TXT', ttl: 300, content: `"${i}"` });
  const sets = await provider.read(zone, [
    { name: 'example.com', type: 'MX' },
    { name: 'example.com', type: 'TXT' },
  ]);
  assert.match(sets[0]!.fixed ?? '', /manages/);
  assert.equal(sets[1]!.values.length, 120);
});

test('an answer that has another shape than the documented one is not taken', async () => {
  const answers = [
    '',
    'null',
    '<html>',
    '{"success":true,"result":{}}',
    '{"success":true,"result":[{"id":1}]}',
  ];
  for (const text of answers) {
    const provider = createCloudflareProvider(
      { api_token: 'x', api_url: 'https://api.cloudflare.test' },
      { fetch: async () => new Response(text) },
    );
    const refused = { code: 'unreachable', message: /not understood/ };
    await assert.rejects(provider.check(), refused, text);
    await assert.rejects(provider.findZone('example.com'), refused, text);
  }
});

test('an answer that is too large, or has more entries than a page, is not taken', async () => {
  const entry = '{"id":"z","name":"example.com"}';
  for (const [text, message] of [
    [`{"success":true,"result":[],"x":"${'x'.repeat(300_000)}"}`, /more than 262144 octets/],
    [`{"success":true,"result":[${Array.from({ length: 51 }, () => entry).join()}]}`, /not understood/],
  ] as const) {
    const provider = createCloudflareProvider(
      { api_token: 'x', api_url: 'https://api.cloudflare.test' },
      { fetch: async () => new Response(text) },
    );
    await assert.rejects(provider.findZone('example.com'), { code: 'unreachable', message });
  }
});
