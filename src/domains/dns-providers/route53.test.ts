/** Route 53: the suite against a server that speaks its API, and tests of what only Route 53 has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../runtime/clock.ts';
import { createGuardedFetch } from '../../runtime/guarded-fetch.ts';
import { type FakeRoute53, startFakeRoute53 } from '../../testing/fake-route53.ts';
import { namesOf } from '../../testing/zone-resolver.ts';
import { applyChanges } from './apply.ts';
import { dnsProviderSuite, type ProviderRig } from './dns-provider-suite.ts';
import type { RecordSet, SetChange } from './provider.ts';
import { txtOf, txtPieces, txtValue } from './record-values.ts';
import { createRoute53Provider } from './route53.ts';
import { readAnswer } from './route53-bodies.ts';

/** A clock whose waits end at once. */
const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => 0,
  after(_ms, callback) {
    const handle = setImmediate(callback);
    return { cancel: () => clearImmediate(handle) };
  },
};
interface Rig extends ProviderRig {
  readonly server: FakeRoute53;
}
const ZONES = [
  { name: 'other.test' },
  { name: 'example.com', private: true },
  { name: 'sub.example.com' },
  { name: 'example.com' },
  { name: 'twice.test' },
  { name: 'twice.test' },
];
async function start(): Promise<Rig> {
  const server = await startFakeRoute53(ZONES);
  const guarded = createGuardedFetch({ allowPrivate: true, names: namesOf() });
  return {
    server,
    open: async (credentials) =>
      createRoute53Provider(
        {
          access_key_id: server.accessKeyId,
          secret_access_key: credentials === 'good' ? server.secretAccessKey : 'no',
          endpoint: server.url,
        },
        { fetch: guarded.fetch, clock },
      ),
    async put({ name, type, ttl, values }: RecordSet) {
      server.remove('example.com', `${name}.`, type);
      const fqdn = (value: string) => (type === 'MX' || type === 'CNAME' ? `${value}.` : value);
      server.put('example.com', {
        name: `${name}.`,
        type,
        ttl,
        values: values.map((value) => (type === 'TXT' ? txtValue(txtPieces(value), 8) : fqdn(value))),
      });
    },
    async remove({ name, type }) {
      server.remove('example.com', `${name}.`, type);
    },
    async dump() {
      return server
        .sets('example.com')
        .flatMap(({ name, type, ttl, values }) => values.map((value) => `${name} ${type} ${ttl} ${value}`))
        .sort();
    },
    async [Symbol.asyncDispose]() {
      await guarded[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
dnsProviderSuite({ name: 'route53', start });

const APEX = 'example.com';
const NEW: SetChange = {
  name: `a.${APEX}`,
  type: 'TXT',
  before: [],
  after: [txtOf('x')],
  ttl: { before: null, after: 300 },
};

test('foreign values go back in the writing in which they came; all servers have it at the end', async () => {
  await using rig = await start();
  const { server } = rig;
  // We would not write it like this: an octal escape for a letter.
  const odd = '"\\141bc" "d\\303\\251"';
  server.put(APEX, { name: `${APEX}.`, type: 'TXT', ttl: 60, values: [odd] });
  const provider = await rig.open('good');
  const zone = (await provider.findZone(APEX))!;
  const [set] = await provider.read(zone, [{ name: APEX, type: 'TXT' }]);
  assert.deepEqual(set?.values, ['"abc" "d\\195\\169"']);
  const change: SetChange = {
    name: APEX,
    type: 'TXT',
    before: set!.values,
    after: [...set!.values, txtOf('ours; "x" é')],
    ttl: { before: 60, after: 60 },
  };
  const outcome = await applyChanges(provider, zone, [change]);
  assert.deepEqual(outcome, { kind: 'applied', revert: null, propagated: true });
  assert.deepEqual(server.sets(APEX)[0]!.values, [odd, '"ours; \\"x\\" \\303\\251"']);
  assert.equal(server.seen.filter((line) => line.startsWith('GET /2013-04-01/change/')).length, 3);
});

test('a batch of which one is refused changes nothing, and says why', async () => {
  await using rig = await start();
  const provider = await rig.open('good');
  const zone = (await provider.findZone(APEX))!;
  const impossible: SetChange = { ...NEW, name: APEX, type: 'CNAME', after: ['elsewhere.test'] };
  const outcome = await applyChanges(provider, zone, [NEW, impossible]);
  assert.equal(outcome.kind, 'failed');
  assert.match(outcome.kind === 'failed' ? outcome.error.message : '', /not permitted at apex/);
  assert.deepEqual(await rig.dump(), []);
});

test('aliases and routing policies are not to be changed; two zones of one name are told', async () => {
  await using rig = await start();
  const { server } = rig;
  const provider = await rig.open('good');
  const zone = (await provider.findZone(APEX))!;
  server.put(APEX, { name: `a.${APEX}.`, type: 'A', ttl: 0, values: [], alias: 'x.elb.test.' });
  for (const setIdentifier of ['one', 'two', 'three'])
    server.put(APEX, { name: `w.${APEX}.`, type: 'TXT', ttl: 60, values: ['"x"'], setIdentifier });
  const sets = await provider.read(zone, [
    { name: `a.${APEX}`, type: 'A' },
    { name: `w.${APEX}`, type: 'TXT' },
  ]);
  assert.deepEqual(
    sets.map(({ name, fixed }) => [name, fixed]),
    [
      [`a.${APEX}`, 'it is an alias'],
      [`w.${APEX}`, 'it has a routing policy'],
    ],
  );
  await assert.rejects(provider.findZone('twice.test'), { code: 'ambiguous-zone' });
});

test('a service that is out of order is told as unreachable, an unknown key as such', async () => {
  await using rig = await start();
  const { server } = rig;
  const provider = await rig.open('good');
  const zone = (await provider.findZone(APEX))!;
  server.failing((method) => (method === 'POST' ? 'ServiceUnavailable' : null));
  const outcome = await applyChanges(provider, zone, [NEW]);
  assert.deepEqual(
    [outcome.kind, outcome.kind === 'failed' && outcome.error.code],
    ['failed', 'unreachable'],
  );
  server.failing(() => null);
  const guarded = createGuardedFetch({ allowPrivate: true, names: namesOf() });
  const stranger = createRoute53Provider(
    { access_key_id: 'AKIDOTHER', secret_access_key: 'x', endpoint: server.url },
    { fetch: guarded.fetch, clock },
  );
  await assert.rejects(stranger.check(), { code: 'credentials', message: /InvalidClientTokenId/ });
  await guarded[Symbol.asyncDispose]();
});

test('without leave, neither a private address nor plain HTTP is spoken to', async () => {
  const guarded = createGuardedFetch({ allowPrivate: false, names: namesOf() });
  for (const [endpoint, code] of [
    ['https://127.0.0.1:9443', 'blocked-address'],
    ['https://localhost:9443', 'blocked-address'],
    ['http://192.0.2.1', 'unreachable'],
  ] as const) {
    const provider = createRoute53Provider(
      { access_key_id: 'a', secret_access_key: 'b', endpoint },
      { fetch: guarded.fetch, clock },
    );
    await assert.rejects(provider.check(), { code }, endpoint);
  }
  await guarded[Symbol.asyncDispose]();
});

test('an answer that is cut off, declares entities, or has another shape is not taken; many references are', () => {
  const list = (inner: string) =>
    `<?xml version="1.0"?>\n<ListResourceRecordSetsResponse>${inner}</ListResourceRecordSetsResponse>`;
  const set = (value: string) =>
    `<ResourceRecordSets><ResourceRecordSet><Name>a.</Name><Type>TXT</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>${value}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></ResourceRecordSets>`;
  const end = '<IsTruncated>false</IsTruncated>';
  const read = (xml: string) => readAnswer('ListResourceRecordSetsResponse', xml);
  const { ResourceRecordSets: sets } = read(
    list(set('&quot;é &#233; &#x27; &amp;lt;&quot;'.repeat(2000)) + end),
  );
  assert.equal(
    sets !== '' &&
      sets.ResourceRecordSet[0]!.ResourceRecords !== '' &&
      sets.ResourceRecordSet[0]!.ResourceRecords!.ResourceRecord[0]!.Value,
    `"é é ' &lt;"`.repeat(2000),
  );
  assert.equal(read(list(`<ResourceRecordSets/>${end}`)).ResourceRecordSets, '');
  for (const wrong of [
    '',
    '{}',
    list(set('x') + end).slice(0, -20),
    list(set('x')),
    list(`${set('x')}<IsTruncated>perhaps</IsTruncated>`),
    `<!DOCTYPE a [<!ENTITY b "cc">]>${list(set('&b;') + end)}`,
    list(
      `<ResourceRecordSets><ResourceRecordSet><Name>a.</Name></ResourceRecordSet></ResourceRecordSets>${end}`,
    ),
    `${'<a>'.repeat(100_000)}${'</a>'.repeat(100_000)}`,
  ])
    assert.throws(() => read(wrong), { code: 'unreachable', message: /not understood/ }, wrong.slice(0, 80));
});

test('what changes nothing is asked again where there was too much or the service was out of order', async () => {
  await using rig = await start();
  const { server } = rig;
  const provider = await rig.open('good');
  for (const code of ['Throttling', 'ServiceUnavailable']) {
    let left = 2;
    server.failing(() => {
      left -= 1;
      return left >= 0 ? code : null;
    });
    await provider.check();
    server.failing(() => code);
    await assert.rejects(provider.check(), { code: 'unreachable' });
  }
});

test('a TXT set that is an alias has a value that can be read, and is not to be changed', async () => {
  await using rig = await start();
  rig.server.put(APEX, { name: `${APEX}.`, type: 'TXT', ttl: 0, values: [], alias: 'x.elb.test.' });
  const provider = await rig.open('good');
  const zone = (await provider.findZone(APEX))!;
  const [set] = await provider.read(zone, [{ name: APEX, type: 'TXT' }]);
  assert.equal(set?.fixed, 'it is an alias');
  assert.deepEqual(txtPieces(set!.values[0]!).length, 1);
});
