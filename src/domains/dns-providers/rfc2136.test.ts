/** Dynamic update: the suite against a real BIND 9, and tests of what only dynamic update has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../runtime/clock.ts';
import { systemNetwork } from '../../runtime/network.ts';
import { createRandom } from '../../runtime/random.ts';
import { type Bind, type BindKey, namedProgram, startBind } from '../../testing/bind.ts';
import { createZoneResolver } from '../../testing/zone-resolver.ts';
import { applyChanges } from './apply.ts';
import { dnsProviderSuite, type ProviderRig } from './dns-provider-suite.ts';
import type { DnsProvider, RecordSet, SetChange } from './provider.ts';
import { txtOf } from './record-values.ts';
import { createRfc2136Provider, type Rfc2136Deps } from './rfc2136.ts';

const program = namedProgram();
const skip = program === null ? 'named (BIND 9) is not installed' : false;
const KEYS: BindKey[] = (['hmac-sha256', 'hmac-sha512'] as const).map((algorithm, i) => ({
  name: `update-${algorithm}.example.com`,
  algorithm,
  secret: Buffer.alloc(32, i + 1).toString('base64'),
}));
const STRANGER: BindKey = {
  name: 'stranger',
  algorithm: 'hmac-sha256',
  secret: Buffer.alloc(32, 9).toString('base64'),
};
const ZONES = { 'example.com': [], 'sub.example.com': [] };
const deps: Rfc2136Deps = {
  network: systemNetwork,
  resolver: createZoneResolver({ 'ns.example.com': { a: ['127.0.0.1'] } }),
  clock: systemClock,
  random: createRandom(),
  allowPrivate: true,
};
function open(
  bind: Bind,
  { name, algorithm, secret }: BindKey,
  over: Partial<Rfc2136Deps> = {},
): DnsProvider {
  return createRfc2136Provider(
    {
      server: 'ns.example.com',
      port: bind.port,
      key: { name, algorithm: algorithm as 'hmac-sha256', secret: Buffer.from(secret, 'base64') },
    },
    { ...deps, ...over },
  );
}
async function start(key: BindKey): Promise<ProviderRig> {
  const bind = await startBind(program!, ZONES, KEYS);
  const other = open(bind, KEYS[0]!);
  const zone = { id: 'example.com', name: 'example.com' };
  async function put(set: Omit<RecordSet, 'ttl'> & { ttl: number | null }): Promise<void> {
    const [there] = await other.read(zone, [set]);
    const change: SetChange = {
      name: set.name,
      type: set.type,
      before: there?.values ?? [],
      after: set.values,
      // Because the TTL differs, the whole set is written anew.
      ttl: { before: there === undefined ? null : -1, after: set.ttl },
    };
    assert.equal((await other.apply(zone, [change])).kind, 'applied');
  }
  return {
    async open(credentials) {
      return open(
        bind,
        credentials === 'good' ? key : { ...key, secret: Buffer.alloc(32, 7).toString('base64') },
      );
    },
    put,
    remove: (which) => put({ ...which, values: [], ttl: null }),
    dump: () => bind.transfer('example.com'),
    [Symbol.asyncDispose]: () => bind[Symbol.asyncDispose](),
  };
}
for (const key of KEYS)
  dnsProviderSuite({ name: `rfc2136, ${key.algorithm}`, skip, start: () => start(key) });

const change = (name: string, values: readonly string[]): SetChange => ({
  name,
  type: 'TXT',
  before: [],
  after: values,
  ttl: { before: null, after: 300 },
});

test('octets that are no text, and strings cut in an odd way, are read and kept as they are', {
  skip,
}, async () => {
  const odd = '"\\000\\255\\"x\\\\" "" "\\128y"';
  await using bind = await startBind(program!, { 'example.com': [`odd IN TXT ${odd}`] }, KEYS);
  const provider = open(bind, KEYS[0]!);
  const zone = (await provider.findZone('example.com'))!;
  const [set] = await provider.read(zone, [{ name: 'odd.example.com', type: 'TXT' }]);
  assert.deepEqual(set?.values, [odd]);
  const before = await bind.transfer('example.com');
  const ours: SetChange = {
    name: 'odd.example.com',
    type: 'TXT',
    before: [odd],
    after: [odd, txtOf('ours')],
    ttl: { before: 300, after: 300 },
  };
  assert.equal((await applyChanges(provider, zone, [ours])).kind, 'applied');
  const after = await bind.transfer('example.com');
  assert.deepEqual(
    after.filter((line) => !line.endsWith('ours')),
    before,
  );
});

test('a key that may not update is told so, one the server does not know too; nothing is done', {
  skip,
}, async () => {
  await using bind = await startBind(program!, ZONES, KEYS, [STRANGER]);
  const zone = { id: 'example.com', name: 'example.com' };
  for (const [key, says] of [
    [STRANGER, /REFUSED/],
    [{ ...STRANGER, name: 'nobody' }, /BADKEY/],
  ] as const) {
    const outcome = await open(bind, key)
      .apply(zone, [change('a.example.com', [txtOf('x')])])
      .then(
        () => null,
        (error: Error & { code?: string }) => error,
      );
    assert.equal(outcome?.code, 'credentials');
    assert.match(outcome!.message, says);
  }
  assert.deepEqual(await bind.transfer('example.com'), []);
});

test('a clock that is far off is told as such; a zone the server does not have is refused', {
  skip,
}, async () => {
  await using bind = await startBind(program!, ZONES, KEYS);
  const late = { ...systemClock, now: () => Date.now() - 3_600_000 };
  await assert.rejects(open(bind, KEYS[0]!, { clock: late }).check(), {
    code: 'credentials',
    message: /BADTIME/,
  });
  await assert.rejects(
    open(bind, KEYS[0]!).apply({ id: 'example.org', name: 'example.org' }, [
      change('a.example.org', [txtOf('x')]),
    ]),
    { code: 'refused', message: /NOTAUTH/ },
  );
});

test('a name below a zone cut is in no zone of the server', { skip }, async () => {
  await using bind = await startBind(program!, { 'example.com': ['cut IN NS ns.elsewhere.test.'] }, KEYS);
  const provider = open(bind, KEYS[0]!);
  assert.equal(await provider.findZone('a.cut.example.com'), null);
  assert.equal((await provider.findZone('a.example.com'))?.name, 'example.com');
});

test('a private server is not spoken to, one without address or answer is told as such', async () => {
  const at = (server: string, over: Partial<Rfc2136Deps> = {}) =>
    createRfc2136Provider(
      { server, port: 1, key: { name: 'k', algorithm: 'hmac-sha256', secret: Buffer.alloc(32) } },
      { ...deps, ...over },
    );
  const refusing = { allowPrivate: false, network: { dial: () => assert.fail('a connection was made') } };
  for (const server of ['127.0.0.1', '169.254.169.254', '::1', 'ns.example.com'])
    await assert.rejects(at(server, refusing).check(), { code: 'blocked-address' });
  await assert.rejects(at('nowhere.example.com').check(), { code: 'unreachable', message: /no address/ });
  await assert.rejects(at('127.0.0.1').check(), { code: 'unreachable', message: /ECONNREFUSED/ });
});
