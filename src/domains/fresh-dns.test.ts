/**
 * What somebody sees who asks for a check right after setting a record: a BIND that serves the zone, absences kept for an
 * hour, and a second BIND between it and the service that keeps them, too.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Domain } from '../mail/domain.ts';
import { systemClock } from '../runtime/clock.ts';
import { createResolver, type ResolverOptions } from '../runtime/dns-resolver.ts';
import { systemNetwork } from '../runtime/network.ts';
import { createRandom } from '../runtime/random.ts';
import { type Bind, type BindKey, namedProgram, startBind } from '../testing/bind.ts';
import { createZoneResolver } from '../testing/zone-resolver.ts';
import { checkDomain } from './dns-check.ts';
import type { RecordType, SetChange } from './dns-providers/provider.ts';
import { createRfc2136Provider } from './dns-providers/rfc2136.ts';
import { challengeRecord, checkOwnership } from './ownership.ts';

const program = namedProgram();
const skip = program === null ? 'named (BIND 9) is not installed' : false;
const KEY: BindKey = {
  name: 'update.sender.test',
  algorithm: 'hmac-sha256',
  secret: Buffer.alloc(32, 1).toString('base64'),
};
const NAME = 'sender.test' as Domain;
const HOUR = 3600;
const OWNED = { name: NAME, challenge: 'token' };
const CHALLENGE = challengeRecord(OWNED);
const EXPECTED = {
  mxHosts: ['mx.host.test'],
  spfInclude: '_spf.host.test',
  submissionHost: 'smtp.host.test',
};

async function put(zone: Bind, name: string, type: RecordType, values: readonly string[]): Promise<void> {
  const provider = createRfc2136Provider(
    {
      server: 'ns.sender.test',
      port: zone.port,
      key: { ...KEY, algorithm: 'hmac-sha256', secret: Buffer.from(KEY.secret, 'base64') },
    },
    {
      network: systemNetwork,
      resolver: createZoneResolver({ 'ns.sender.test': { a: ['127.0.0.1'] } }),
      clock: systemClock,
      random: createRandom(),
      allowPrivate: true,
    },
  );
  const at = { id: NAME, name: NAME };
  const [there] = await provider.read(at, [{ name, type }]);
  const change: SetChange = {
    name,
    type,
    before: there?.values ?? [],
    after: values,
    ttl: { before: there?.ttl ?? null, after: 86_400 },
  };
  assert.equal((await provider.apply(at, [change])).kind, 'applied');
  provider.close?.();
}
async function stage(t: { after: (end: () => PromiseLike<void>) => void }) {
  // The name server at 127.0.0.1 of the zone is, for the service, the server that it asks for everything.
  const lines = ['@ IN NS ns2', 'ns2 IN A 127.0.0.2'];
  const zone = await startBind(program!, { [NAME]: lines }, [KEY], [], null, HOUR);
  t.after(() => zone[Symbol.asyncDispose]());
  const between = await startBind(program!, {}, [], [], zone.port);
  t.after(() => between[Symbol.asyncDispose]());
  const resolver = (over: Partial<ResolverOptions> = {}) => {
    const made = createResolver({
      servers: [`127.0.0.1:${between.port}`],
      clock: systemClock,
      allowPrivate: true,
      zoneServer: () => ({ address: '127.0.0.1', port: zone.port }),
      ...over,
    });
    t.after(() => made[Symbol.asyncDispose]());
    return made;
  };
  return { zone, resolver };
}

test('a record set after an early check is seen at the next press, with absences kept for an hour', {
  skip,
}, async (t) => {
  const { zone, resolver } = await stage(t);
  const service = resolver();
  const early = await service.txt(CHALLENGE.name);
  assert.ok(early.kind === 'nxdomain' && early.ttl > HOUR - 60, JSON.stringify(early));
  assert.equal((await checkOwnership(service.fresh('p'), OWNED)).kind, 'absent');
  await put(zone, CHALLENGE.name, 'TXT', [`"${CHALLENGE.value}"`]);
  assert.equal((await service.txt(CHALLENGE.name)).kind, 'nxdomain', 'our cache');
  assert.equal((await resolver().txt(CHALLENGE.name)).kind, 'nxdomain', 'the cache of the server in between');
  assert.equal((await checkOwnership(service.fresh('p'), OWNED)).kind, 'proved');
  assert.equal((await service.txt(CHALLENGE.name)).kind, 'found', 'others profit from it');
});

test('the same with a wrong record that is kept for a day; the check says that the zone answered', {
  skip,
}, async (t) => {
  const { zone, resolver } = await stage(t);
  await put(zone, NAME, 'MX', ['10 mx.elsewhere.test']);
  const service = resolver();
  const check = () => checkDomain(service.fresh('p'), NAME, [], EXPECTED, systemClock.now());
  assert.equal((await service.mx(NAME)).kind, 'found');
  assert.equal((await check()).mx.status, 'wrong');
  await put(zone, NAME, 'MX', ['10 mx.host.test']);
  const plain = await resolver().mx(NAME);
  assert.deepEqual(plain.kind === 'found' && plain.records[0]!.exchange, 'mx.elsewhere.test');
  assert.equal((await check()).mx.status, 'ok');
  const answer = await service.fresh('p').mx(NAME);
  assert.equal(answer.kind !== 'failed' && answer.authoritative, true);
});

test('a server of the zone at a private address is not asked, unless the operator permits it', {
  skip,
}, async (t) => {
  const { zone, resolver } = await stage(t);
  const service = resolver({ allowPrivate: false });
  assert.equal((await service.txt(CHALLENGE.name)).kind, 'nxdomain');
  await put(zone, CHALLENGE.name, 'TXT', [`"${CHALLENGE.value}"`]);
  const answer = await service.fresh('p').txt(CHALLENGE.name);
  assert.equal(answer.kind, 'nxdomain', 'the server in between repeats itself');
  assert.equal(answer.authoritative, undefined, 'and the answer says so');
});
