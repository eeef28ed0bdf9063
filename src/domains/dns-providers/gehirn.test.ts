/** Gehirn DNS: the suite with an editable and with a fixed live version, and tests of what only Gehirn has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../runtime/clock.ts';
import { createGuardedFetch } from '../../runtime/guarded-fetch.ts';
import { type FakeGehirnDns, startFakeGehirnDns } from '../../testing/fake-gehirn-dns.ts';
import { namesOf } from '../../testing/zone-resolver.ts';
import { applyChanges, undoChanges } from './apply.ts';
import { dnsProviderSuite, FOREIGN_TXT, type ProviderRig } from './dns-provider-suite.ts';
import { createGehirnProvider } from './gehirn.ts';
import { fromBody, toBody } from './gehirn-bodies.ts';
import type { RecordSet, SetChange } from './provider.ts';
import { txtOf } from './record-values.ts';

/** A clock whose waits end at once. */
const clock: Clock = {
  now: () => Date.UTC(2026, 0, 1),
  monotonic: () => 0,
  after(_ms, callback) {
    const handle = setImmediate(callback);
    return { cancel: () => clearImmediate(handle) };
  },
};
interface Rig extends ProviderRig {
  readonly server: FakeGehirnDns;
}
async function start(editable: boolean): Promise<Rig> {
  const server = await startFakeGehirnDns({ zones: ['example.com', 'sub.example.com'], editable });
  const guarded = createGuardedFetch({ allowPrivate: true, names: namesOf() });
  return {
    server,
    async open(credentials) {
      return createGehirnProvider(
        {
          token_id: server.token.id,
          secret: credentials === 'good' ? server.token.secret : 'no',
          api_url: server.url,
        },
        { fetch: guarded.fetch, clock },
      );
    },
    async put(set: RecordSet) {
      server.put('example.com', toBody(set, set.ttl, set.values) as never);
    },
    async remove({ name, type }) {
      server.remove('example.com', `${name}.`, type);
    },
    async dump() {
      return server
        .live('example.com')
        .flatMap((record) =>
          record.records.map((item) => `${record.name} ${record.type} ${record.ttl} ${JSON.stringify(item)}`),
        )
        .sort();
    },
    async [Symbol.asyncDispose]() {
      await guarded[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
dnsProviderSuite({ name: 'gehirn, live version locked', start: () => start(false) });
dnsProviderSuite({ name: 'gehirn, live version editable', start: () => start(true) });

const set = (name: string, text: string): SetChange => ({
  name: `${name}.example.com`,
  type: 'TXT',
  before: [],
  after: [txtOf(text)],
  ttl: { before: null, after: 300 },
});
const CHANGES = [set('a', 'one'), set('b', 'two'), set('c', 'three')];
/** Makes the second write of a record fail. */
function failSecondWrite(server: FakeGehirnDns): void {
  server.failing((method, path) => (method === 'PUT' && path.includes('/b.example.com') ? 500 : null));
}

test('a locked version: where writing breaks off, nothing is live and the clone is removed', async () => {
  await using rig = await start(false);
  const provider = await rig.open('good');
  const zone = (await provider.findZone('example.com'))!;
  failSecondWrite(rig.server);
  const outcome = await applyChanges(provider, zone, CHANGES);
  assert.equal(outcome.kind, 'failed');
  assert.deepEqual(await rig.dump(), []);
  assert.equal(rig.server.versions('example.com').length, 1);
});

test('a locked version is not touched: the clone goes live, and undo makes the old one live again', async () => {
  await using rig = await start(false);
  const provider = await rig.open('good');
  const zone = (await provider.findZone('example.com'))!;
  const [first] = rig.server.versions('example.com');
  const outcome = await applyChanges(provider, zone, CHANGES);
  assert.equal(outcome.kind, 'applied');
  const between = rig.server.versions('example.com');
  assert.deepEqual(
    between.map(({ live }) => live),
    [false, true],
  );
  assert.equal(
    (await undoChanges(provider, zone, CHANGES, outcome.kind === 'applied' ? outcome.revert : null)).kind,
    'applied',
  );
  assert.deepEqual(
    rig.server
      .versions('example.com')
      .filter(({ live }) => live)
      .map(({ id }) => id),
    [first!.id],
  );
});

test('somebody switches versions while the clone is written: their version stays live', async () => {
  await using rig = await start(false);
  const provider = await rig.open('good');
  const zone = (await provider.findZone('example.com'))!;
  const [live] = rig.server.versions('example.com');
  const once = { done: false };
  rig.server.before((method, path) => {
    if (method !== 'PUT' || once.done) return;
    once.done = true;
    rig.server.switchBy('example.com');
    assert.match(path, /a\.example\.com/);
  });
  const outcome = await applyChanges(provider, zone, CHANGES);
  assert.notEqual(outcome.kind, 'applied');
  assert.deepEqual(await rig.dump(), []);
  const after = rig.server.versions('example.com');
  assert.equal(after.length, 2, 'ours is removed, theirs and the first are there');
  assert.notEqual(after.find((version) => version.live)!.id, live!.id);
});

test('an editable version: what was written is put back where writing breaks off', async () => {
  await using rig = await start(true);
  const provider = await rig.open('good');
  const zone = (await provider.findZone('example.com'))!;
  failSecondWrite(rig.server);
  assert.equal((await applyChanges(provider, zone, CHANGES)).kind, 'failed');
  assert.deepEqual(await rig.dump(), []);
});

test('an editable version: where it cannot be put back, the report says what was done and undo restores it', async () => {
  await using rig = await start(true);
  const provider = await rig.open('good');
  const zone = (await provider.findZone('example.com'))!;
  rig.server.failing((method, path) =>
    method === 'DELETE' || (method === 'PUT' && path.includes('/b.example.com')) ? 500 : null,
  );
  const outcome = await applyChanges(provider, zone, CHANGES);
  assert.deepEqual(
    [outcome.kind, outcome.kind === 'partial' && outcome.done],
    ['partial', [{ name: 'a.example.com', type: 'TXT' }]],
  );
  assert.equal((await rig.dump()).length, 1);
  rig.server.failing(() => null);
  const undone = await undoChanges(provider, zone, CHANGES, null);
  assert.deepEqual([undone.kind, undone.changes.map(({ name }) => name)], ['applied', ['a.example.com']]);
  assert.deepEqual(await rig.dump(), []);
});

test('an answer of another shape is not understood', async () => {
  for (const odd of ['{}', '[null]', '"x"', '1', '[{"id":1,"name":null}]', '']) {
    const provider = createGehirnProvider(
      { token_id: 'id', secret: 'sesame', api_url: 'https://dns.test' },
      { fetch: async () => new Response(odd), clock },
    );
    const expected = { name: 'DnsProviderError', code: 'unreachable', message: /not understood/ };
    await assert.rejects(provider.check(), expected, odd);
    await assert.rejects(provider.findZone('a.test'), expected, odd);
  }
});

test('bodies: TXT data is the same text both ways, an alias is left alone, too much is refused', () => {
  const key = { name: 'example.com', type: 'TXT' } as const;
  const values = FOREIGN_TXT.map((text) => txtOf(text));
  const body = toBody(key, 5, values);
  assert.deepEqual(
    body.records,
    FOREIGN_TXT.map((data) => ({ data })),
  );
  assert.equal(body.ttl, 30);
  assert.deepEqual(fromBody(body), { ...key, ttl: 30, values });
  assert.match(fromBody({ ...body, enable_alias: true, records: [] })?.fixed ?? '', /alias/);
  assert.equal(fromBody({ ...body, type: 'CAA' }), null);
  assert.throws(() => toBody(key, 60, ['"\\255"']), { code: 'refused' });
  assert.throws(
    () =>
      toBody(
        key,
        60,
        Array.from({ length: 26 }, (_, i) => txtOf(`${i}`)),
      ),
    { code: 'refused' },
  );
  assert.throws(() => toBody(key, 60, [txtOf('x'.repeat(4001))]), { code: 'refused' });
  assert.throws(() => fromBody({ ...body, records: [{ data: 7 }] }), { code: 'unreachable' });
});
