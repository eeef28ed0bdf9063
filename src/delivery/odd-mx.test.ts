/** Odd MX records, over the scheduler: dead names and dead servers among good ones, ourselves among others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Network, systemNetwork } from '../runtime/network.ts';
import { createRandom } from '../runtime/random.ts';
import { deliveryRig } from '../testing/delivery-rig.ts';
import type { ScriptOptions } from '../testing/scripted-server.ts';
import { createZoneResolver, type Zone } from '../testing/zone-resolver.ts';
import { findRoute, type RouteDeps } from './route.ts';
import type { SchedulerDeps } from './scheduler.ts';

const LIVE: Zone = { 'live.test': { a: ['127.0.0.1'] } };
const numbered = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i + 1));

async function sendTo(zone: Zone, more: Partial<SchedulerDeps> = {}, script: ScriptOptions = {}) {
  const resolver = createZoneResolver({ ...LIVE, ...zone });
  await using b = await deliveryRig(script, { resolver, ...more });
  const { message, rows } = b.accept('x@odd.test');
  b.scheduler.enqueue(message, rows);
  await b.until(1);
  const { state, attempts, lastResult } = b.rows.get(rows[0]!.id)!;
  const {
    status,
    cause = '',
    remote,
  } = lastResult as {
    status?: string;
    cause?: string;
    remote: { host: string; address: string } | null;
  };
  return { state, attempts, status, cause, remote, messages: b.server.messages.length };
}
/** Like the real one, but these addresses are answered with an error. */
const failing = (addresses: readonly string[], code: string): Network => ({
  ...systemNetwork,
  dial: (options) =>
    addresses.includes(options.address)
      ? Promise.reject(Object.assign(new Error(code), { code }))
      : systemNetwork.dial(options),
});

test('12 dead names in front of a good one: delivered at the first attempt', async () => {
  const dead: Zone = {};
  for (let i = 1; i <= 12; i++)
    if (i % 3 > 0) dead[`dead${i}.test`] = i % 3 === 1 ? { txt: ['no address'] } : { fail: true };
  for (const preferenceOf of [(n: number) => n, () => 10]) {
    const mx = [
      ...numbered(12, (n) => [preferenceOf(n), `dead${n}.test`] as const),
      [20, 'live.test'] as const,
    ];
    const { state, attempts, remote } = await sendTo({ ...dead, 'odd.test': { mx } });
    assert.deepEqual([state, attempts, remote?.host], ['delivered', 1, 'live.test']);
  }
});
test('12 dead servers in front of a live one: delivered at the first attempt', async () => {
  const zone: Zone = {
    'odd.test': { mx: [...numbered(12, (n) => [n, `dead${n}.test`] as const), [20, 'live.test']] },
  };
  for (let n = 1; n <= 12; n++) zone[`dead${n}.test`] = { a: [`127.0.0.${100 + n}`] };
  const network = failing(
    numbered(12, (n) => `127.0.0.${100 + n}`),
    'ECONNREFUSED',
  );
  const { state, attempts, remote } = await sendTo(zone, { network });
  assert.deepEqual([state, attempts, remote?.host], ['delivered', 1, 'live.test']);
});
test('12 servers that are only private, and a public one: it is used', async () => {
  const zone: Zone = {
    'odd.test': { mx: [...numbered(12, (n) => [n, `in${n}.test`] as const), [20, 'out.test']] },
  };
  for (let n = 1; n <= 12; n++) zone[`in${n}.test`] = { a: [`10.0.0.${n}`] };
  zone['out.test'] = { a: ['8.8.4.1'] };
  const network = {
    ...systemNetwork,
    dial: async () => systemNetwork.dial({ address: '127.0.0.1', port: port(), timeoutMs: 1000 }),
  };
  await using b = await deliveryRig({}, { resolver: createZoneResolver(zone), network, allowPrivate: false });
  const port = () => b.server.port;
  const { message, rows } = b.accept('x@odd.test');
  b.scheduler.enqueue(message, rows);
  await b.until(1);
  const { remote } = b.rows.get(rows[0]!.id)!.lastResult as { remote: { address: string } };
  assert.deepEqual([b.stateOf(rows[0]!), remote.address], ['delivered', '8.8.4.1']);
});

function routeOf(zone: Zone, more: Partial<RouteDeps> = {}) {
  const resolver = createZoneResolver(zone);
  const deps: RouteDeps = {
    resolver: resolver.for('p' as never),
    random: createRandom(),
    routes: [],
    hostname: 'me.test',
    ownAddresses: ['8.8.4.9'],
    mxHosts: ['mx1.me.test'],
    allowPrivate: false,
    ...more,
  };
  return { plan: () => findRoute('odd.test', deps), queries: resolver.queries };
}
test('ourselves among eleven equals, 50 times: one verdict', async () => {
  for (const own of ['me.test', 'MX1.me.test', 'alias.test'])
    for (const others of [10, 60]) {
      const zone: Zone = {
        'odd.test': { mx: [...numbered(others, (n) => `other${n}.test`), own] },
        'alias.test': { a: ['8.8.4.9'] },
        'me.test': { a: ['8.8.4.8'] },
      };
      for (let n = 1; n <= others; n++) zone[`other${n}.test`] = { a: [`8.8.5.${n}`] };
      const { plan } = routeOf(zone);
      for (let i = 0; i < 50; i++) {
        const found = await plan();
        assert.ok(found.kind === 'settled' && found.outcome.kind === 'bounced', `${own} of ${others}`);
        assert.equal(found.outcome.status, '5.4.6');
      }
    }
});
test('we and all that is no better are left out; what is better is used, 50 times', async () => {
  const zone: Zone = {
    'odd.test': {
      mx: [
        [5, 'best.test'],
        [10, 'equal.test'],
        [10, 'me.test'],
        [20, 'worse.test'],
      ],
    },
    'best.test': { a: ['8.8.5.1'] },
    'equal.test': { a: ['8.8.5.2'] },
    'worse.test': { a: ['8.8.5.3'] },
  };
  const { plan } = routeOf(zone);
  for (let i = 0; i < 50; i++) {
    const found = await plan();
    assert.deepEqual(found.kind === 'target' && found.target.candidates.map(({ address }) => address), [
      '8.8.5.1',
    ]);
  }
});
test('an answer of ten thousand records costs 200 questions, and its connections are shared all the same', async () => {
  const zone: Zone = { 'odd.test': { mx: numbered(10_000, (n) => `mx${n}.test`) } };
  for (let n = 1; n <= 10_000; n++) zone[`mx${n}.test`] = { a: [`8.8.${n % 250}.${1 + (n >> 6)}`] };
  const { plan, queries } = routeOf(zone);
  const [one, two] = [await plan(), await plan()];
  assert.ok(queries.length <= 402, `${queries.length}`);
  assert.ok(one.kind === 'target' && two.kind === 'target');
  assert.deepEqual([one.target.key, one.target.site], [two.target.key, two.target.site]);
  assert.ok(one.target.candidates.length <= 30 && one.target.key.length < 100);
});
test('300 mail servers, of which the first 120 have no address: the mail is delivered', async () => {
  for (const preferenceOf of [(n: number) => n, () => 10]) {
    const zone: Zone = {
      'odd.test': { mx: numbered(300, (n) => [preferenceOf(n), `mx${1000 + n}.test`] as const) },
    };
    for (let n = 121; n <= 300; n++) zone[`mx${1000 + n}.test`] = { a: ['127.0.0.1'] };
    const { state, attempts } = await sendTo(zone);
    assert.deepEqual([state, attempts], ['delivered', 1]);
  }
});
test('what was not asked for is not known to be missing: deferred; all of them asked in vain: bounced', async () => {
  const of = (count: number): Zone => ({ 'odd.test': { mx: numbered(count, (n) => `mx${n}.test`) } });
  const some = await sendTo(of(501));
  assert.deepEqual([some.state, some.status], ['deferred', '4.4.4']);
  assert.equal(
    some.cause,
    'of 501 mail servers of odd.test, the first 500 have no address; the others were not asked for',
  );
  const { plan, queries } = routeOf(of(10_000));
  assert.equal((await plan()).kind, 'settled');
  assert.ok(queries.length <= 1001, `${queries.length}`);
  const all = await sendTo(of(300));
  assert.deepEqual([all.state, all.status], ['bounced', '5.4.4']);
});
test('where questions have no answer, no more than a hundred mail servers are looked at', async () => {
  const zone: Zone = { 'odd.test': { mx: numbered(300, (n) => `mx${n}.test`) } };
  for (let n = 1; n <= 300; n++) zone[`mx${n}.test`] = { fail: true };
  const { plan, queries } = routeOf(zone);
  const found = await plan();
  assert.ok(found.kind === 'settled' && found.outcome.kind === 'deferred');
  assert.ok(queries.length <= 201, `${queries.length}`);
});
test('an IPv4 address in its IPv6 form is that address: ours, private, or the same one again', async () => {
  const host = async (aaaa: string, a: readonly string[] = [], more: Partial<RouteDeps> = {}) => {
    const zone: Zone = { 'odd.test': { mx: ['six.test'] }, 'six.test': { a: [...a], aaaa: [aaaa] } };
    const found = await routeOf(zone, more).plan();
    return found.kind === 'target'
      ? found.target.candidates.map(({ address }) => address)
      : found.outcome.kind === 'bounced' && found.outcome.status;
  };
  for (const own of ['::ffff:8.8.4.9', '::ffff:808:409', '0:0:0:0:0:FFFF:0808:0409'])
    assert.equal(await host(own), '5.4.6', own);
  assert.equal(await host('2001:4860:0:0::9', [], { ownAddresses: ['2001:4860::9'] }), '5.4.6');
  assert.equal(await host('::ffff:8.8.4.9', [], { ownAddresses: ['::ffff:808:409'] }), '5.4.6');
  for (const inside of ['::ffff:10.0.0.1', '::ffff:7f00:1'])
    assert.equal(await host(inside), '5.4.4', inside);
  assert.deepEqual(await host('::ffff:8.8.5.1', ['8.8.5.1']), ['8.8.5.1']);
  const literal = routeOf({ 'odd.test': { mx: ['::ffff:8.8.4.9'] } });
  const found = await literal.plan();
  assert.ok(found.kind === 'settled' && found.outcome.kind === 'bounced' && found.outcome.status === '5.4.6');
});

test('all addresses of a host get their turn over the attempts, although each takes its time', async () => {
  const addresses = numbered(12, (n) => `127.0.1.${n}`);
  const zone: Zone = { 'odd.test': { mx: ['many.test'] }, 'many.test': { a: addresses } };
  const tried = new Set<string>();
  const network: Network = {
    ...systemNetwork,
    async dial({ address, port }) {
      tried.add(address);
      if (address === '127.0.1.12')
        return systemNetwork.dial({ address: '127.0.0.1', port, timeoutMs: 1000 });
      await b.clock.advance(30_000);
      throw Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
    },
  };
  await using b = await deliveryRig(
    {},
    { resolver: createZoneResolver(zone), network, random: { ...createRandom(), fraction: () => 0.5 } },
  );
  const { message, rows } = b.accept('x@odd.test');
  b.scheduler.enqueue(message, rows);
  await b.until(1);
  assert.deepEqual([tried.size, b.stateOf(rows[0]!)], [5, 'deferred']);
  for (let n = 2; n <= 3; n++) {
    await b.clock.advance((b.rows.get(rows[0]!.id)!.nextAttemptAt ?? 0) - b.clock.now() + 100);
    await b.until(n);
  }
  assert.deepEqual([tried.size, b.stateOf(rows[0]!)], [12, 'delivered']);
});

test('an MX that is an alias, one that is an address, and a domain without MX: delivered', async () => {
  const zones: Zone[] = [
    { 'odd.test': { mx: ['alias.test'] }, 'alias.test': { cname: 'live.test' } },
    { 'odd.test': { mx: ['127.0.0.1'] } },
    { 'odd.test': { a: ['127.0.0.1'] } },
  ];
  for (const zone of zones) assert.equal((await sendTo(zone)).state, 'delivered');
});
test('a null MX bounces, and is passed over beside a real one', async () => {
  const alone = await sendTo({ 'odd.test': { mx: [''] } });
  assert.deepEqual([alone.state, alone.status], ['bounced', '5.1.10']);
  assert.equal((await sendTo({ 'odd.test': { mx: ['', 'live.test'] } })).state, 'delivered');
});
test('SERVFAIL and REFUSED defer with their cause, at the MX and at its addresses', async () => {
  for (const fail of ['SERVFAIL', 'REFUSED']) {
    const mx = await sendTo({ 'odd.test': { fail } });
    assert.deepEqual([mx.state, mx.status], ['deferred', '4.4.3']);
    assert.match(mx.cause, new RegExp(fail));
    const address = await sendTo({ 'odd.test': { mx: ['sick.test'] }, 'sick.test': { fail } });
    assert.deepEqual([address.state, address.status], ['deferred', '4.4.3']);
  }
});
test('IPv6 that leads nowhere: IPv4 is used; without it the mail is deferred', async () => {
  const network = failing(['2001:4860::1'], 'EHOSTUNREACH');
  const both = await sendTo(
    { 'odd.test': { mx: ['six.test', 'live.test'] }, 'six.test': { aaaa: ['2001:4860::1'] } },
    { network },
  );
  assert.equal(both.state, 'delivered');
  const only = await sendTo(
    { 'odd.test': { mx: ['six.test'] }, 'six.test': { aaaa: ['2001:4860::1'] } },
    { network },
  );
  assert.deepEqual([only.state, only.cause], ['deferred', 'connect: EHOSTUNREACH']);
});
test('the first MX never greets: the next one has the mail in the same attempt', async () => {
  const zone: Zone = {
    'odd.test': {
      mx: [
        [1, 'silent.test'],
        [2, 'live.test'],
      ],
    },
    'silent.test': { a: ['127.0.0.1'] },
  };
  const script: ScriptOptions = {
    say: (_, kind, nth) => (kind === 'connect' && nth === 1 ? null : (undefined as never)),
  };
  await using b = await deliveryRig(script, { resolver: createZoneResolver({ ...LIVE, ...zone }) });
  const { message, rows } = b.accept('x@odd.test');
  b.scheduler.enqueue(message, rows);
  while (b.server.connections === 0) await new Promise((resolve) => setImmediate(resolve));
  for (let waited = 0; waited <= 300_000 && b.settled.length === 0; waited += 10_000)
    await b.clock.advance(10_000);
  await b.until(1);
  const { state, attempts } = b.rows.get(rows[0]!.id)!;
  assert.deepEqual([state, attempts, b.server.connections], ['delivered', 1, 2]);
});
test('a server that needs nine minutes for its 250 is waited for: delivered, once', async () => {
  await using b = await deliveryRig({ say: (_, kind) => (kind === 'message' ? null : (undefined as never)) });
  const { message, rows } = b.accept('x@good.test');
  b.scheduler.enqueue(message, rows);
  while (b.server.messages.length === 0) await new Promise((resolve) => setImmediate(resolve));
  for (let waited = 0; waited < 540_000; waited += 10_000) await b.clock.advance(10_000);
  assert.equal(b.settled.length, 0);
  b.server.speak('250 2.0.0 taken\r\n');
  await b.until(1);
  assert.deepEqual([b.stateOf(rows[0]!), b.server.messages.length], ['delivered', 1]);
});
