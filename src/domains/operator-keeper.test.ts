/** The operator's own records: what is wrong is found within an hour, told once, and shown. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { type Logger, silentLogger } from '../runtime/logger.ts';
import { makeSelfSigned } from '../runtime/tls.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createZoneResolver, type Zone } from '../testing/zone-resolver.ts';
import { checkOperatorRecords, operatorProblems } from './operator-check.ts';
import { createOperatorKeeper, uncheckable } from './operator-keeper.ts';
import { OPERATOR_FINDINGS, operatorWords } from './operator-words.ts';
import { spfCovers } from './spf-covers.ts';

const HOUR = 3_600_000;
const NAMES = {
  hostname: 'mail.host.test',
  submissionHost: 'smtp.host.test',
  mxHosts: ['mx1.host.test'],
  spfInclude: '_spf.host.test',
  dkimZone: 'dkim.host.test',
};
const ADDRESS = '198.51.100.25';
const GOOD: Zone = {
  'mail.host.test': { a: [ADDRESS], txt: ['v=spf1 a -all'] },
  'smtp.host.test': { a: [ADDRESS] },
  'mx1.host.test': { a: [ADDRESS] },
  '_spf.host.test': { txt: [`v=spf1 ip4:${ADDRESS} -all`], ttl: 86_400 },
  'hk1r.doctor.invalid.dkim.host.test': {},
  [ADDRESS]: { ptr: ['mail.host.test'] },
};
const CERTIFICATE = new X509Certificate((await makeSelfSigned('mail.host.test', Date.UTC(2026, 0, 1))).cert);
function setUp(zone: Zone) {
  const clock = createFakeClock();
  const said: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (fields, message) => void said.push(`warn ${(fields as { check?: string }).check}: ${message}`),
    info: (fields) => void said.push(`info ${(fields as { check?: string }).check}`),
  };
  const resolver = createZoneResolver(zone, { clock, negativeTtl: 10_800 });
  const keeper = createOperatorKeeper({
    resolver,
    names: { ...NAMES, submissionHost: NAMES.hostname, mxHosts: [NAMES.hostname] },
    addresses: () => ['10.0.0.3'],
    certificate: async () => CERTIFICATE,
    clock,
    logger,
  });
  const wrong = () => operatorProblems(keeper.last().items).map(({ check, state }) => `${check} ${state}`);
  return { clock, said, keeper, resolver, wrong };
}

test('_spf taken away is found within an hour although caches keep it for a day, and is logged once', async () => {
  const zone: Zone = { ...GOOD };
  const { clock, said, keeper, wrong } = setUp(zone);
  await keeper.start(new AbortController().signal);
  await clock.advance(60_000);
  await clock.advance(0);
  assert.deepEqual([wrong(), said], [[], []]);
  assert.notEqual(keeper.last().checkedAt, null);
  delete zone['_spf.host.test'];
  await clock.advance(HOUR);
  await clock.advance(0);
  assert.deepEqual(wrong(), ['spf_include missing']);
  assert.equal(said.length, 1);
  assert.match(said[0]!, /^warn spf_include: _spf\.host\.test .*permanent error.*ip4:198\.51\.100\.25/);
  await clock.advance(3 * HOUR);
  await clock.advance(0);
  assert.equal(said.length, 1, 'told once');
  zone['_spf.host.test'] = GOOD['_spf.host.test']!;
  await clock.advance(120_000);
  // Who looks while something is wrong gets a new look.
  assert.deepEqual(operatorProblems((await keeper.standing()).items), []);
  assert.deepEqual(said.slice(1), ['info spf_include']);
  await keeper[Symbol.asyncDispose]();
  assert.equal(clock.pending, 0);
});

test('each record: well, gone, elsewhere, unclear', async () => {
  const check = async (over: Zone, addresses: readonly string[] = []) => {
    const facts = { names: NAMES, addresses, certificate: CERTIFICATE, now: Date.UTC(2026, 1, 1) };
    const items = await checkOperatorRecords(createZoneResolver({ ...GOOD, ...over }), facts);
    return items
      .filter(({ check: which, state }) => which !== 'certificate' && state !== 'ok')
      .map(({ check: which, name, state }) => `${which} ${name} ${state}`);
  };
  assert.deepEqual(await check({}), []);
  assert.deepEqual(await check({ 'mx1.host.test': {} }), ['address mx1.host.test missing']);
  assert.deepEqual(await check({ 'mx1.host.test': { a: ['10.1.2.3'] } }), ['address mx1.host.test wrong']);
  assert.deepEqual(await check({ [ADDRESS]: {} }), [`ptr ${ADDRESS} missing`]);
  assert.deepEqual(await check({ [ADDRESS]: { ptr: ['x.isp.test'] } }), [`ptr ${ADDRESS} wrong`]);
  const include = (...txt: string[]) => check({ '_spf.host.test': { txt } });
  assert.deepEqual(await include('other'), ['spf_include _spf.host.test missing']);
  assert.deepEqual(await include('v=spf1 -all', 'v=spf1 a -all'), ['spf_include _spf.host.test wrong']);
  assert.deepEqual(await include('v=spf1 ip4:192.0.2.1 -all'), ['spf_include _spf.host.test wrong']);
  assert.deepEqual(await include('v=spf1 include:gone.test -all'), ['spf_include _spf.host.test wrong']);
  assert.deepEqual(await include('v=spf1 a:mail.host.test -all'), []);
  assert.deepEqual(await check({}, ['198.51.100.99']), ['spf_include _spf.host.test wrong']);
  assert.deepEqual(await check({}, ['10.0.0.9', 'fd00::1']), [], 'addresses of the own network do not count');
  assert.deepEqual(await check({ '_spf.host.test': { fail: true } }), ['spf_include _spf.host.test unknown']);
  const { 'hk1r.doctor.invalid.dkim.host.test': _, ...undelegated } = GOOD;
  const facts = { names: NAMES, addresses: [], certificate: null, now: 0 };
  const items = operatorProblems(await checkOperatorRecords(createZoneResolver(undelegated), facts));
  assert.deepEqual(
    items.map(({ check: which, name }) => `${which} ${name}`),
    [
      'dkim_zone dkim.host.test',
      'certificate mail.host.test',
      'certificate smtp.host.test',
      'certificate mx1.host.test',
    ],
  );
});

test('the certificate: names of all hosts, and its end', async () => {
  const states = async (now: number) => {
    const facts = { names: NAMES, addresses: [], certificate: CERTIFICATE, now };
    const items = await checkOperatorRecords(createZoneResolver(GOOD), facts);
    return items
      .filter(({ check }) => check === 'certificate')
      .map(({ state, words }) => [state, words?.message]);
  };
  assert.deepEqual(await states(Date.UTC(2026, 1, 1)), [
    ['ok', undefined],
    ['wrong', 'The certificate does not name smtp.host.test. Get one that does.'],
    ['wrong', 'The certificate does not name mx1.host.test. Get one that does.'],
  ]);
  assert.match(String((await states(Date.UTC(2126, 0, 1)))[0]![1]), /^The certificate expired on /);
});

test('SPF: mechanisms, qualifiers, prefixes, redirect, macros and loops', async () => {
  const zone: Zone = {
    'a.test': { a: ['192.0.2.7'], aaaa: ['2001:db8::7'], mx: ['mx.test'] },
    'mx.test': { a: ['192.0.2.9'] },
    'in.test': { txt: ['v=spf1 ip4:203.0.113.0/24 ~all'] },
    'loop.test': { txt: ['v=spf1 include:loop.test -all'] },
  };
  const covers = (record: string, address: string) =>
    spfCovers(createZoneResolver({ ...zone, 'r.test': { txt: [record] } }), 'r.test', address);
  for (const [record, address, wanted] of [
    ['v=spf1 ip4:192.0.2.0/24 -all', '192.0.2.200', 'pass'],
    ['v=spf1 ip4:192.0.2.0/24 -all', '192.0.3.1', 'no'],
    ['v=spf1 ip6:2001:db8::/32 -all', '2001:db8:1::1', 'pass'],
    ['v=spf1 a:a.test/24 -all', '192.0.2.200', 'pass'],
    ['v=spf1 a:a.test//64 -all', '2001:db8::8', 'pass'],
    ['v=spf1 mx:a.test -all', '192.0.2.9', 'pass'],
    ['v=spf1 include:in.test -all', '203.0.113.5', 'pass'],
    ['v=spf1 include:gone.test -all', '203.0.113.5', 'broken'],
    ['v=spf1 -ip4:192.0.2.1 +all', '192.0.2.1', 'no'],
    ['v=spf1 exp=x.test redirect=in.test', '203.0.113.5', 'pass'],
    ['v=spf1 exists:%{i}.x.test -all', '192.0.2.1', 'unknown'],
    ['v=spf1 include:loop.test -all', '192.0.2.1', 'unknown'],
    ['v=spf1 ip4:nonsense ip4:192.0.2.1/99 -all', '192.0.2.1', 'no'],
  ] as const)
    assert.equal(await covers(record, address), wanted, `${record} ${address}`);
});

test('every finding has a text in both languages that names what is wrong', () => {
  for (const code of OPERATOR_FINDINGS) {
    const { message, message_ja } = operatorWords(code, {
      name: '<name>',
      found: '<found>',
      expected: '<expected>',
    });
    for (const text of [message, message_ja]) {
      assert.match(text, /<name>|<found>/, code);
      assert.doesNotMatch(text, /undefined/, code);
    }
    assert.match(message_ja, /[ぁ-ん]/);
  }
});

test('the standing says why nothing was checked: not yet, or a host name that cannot be in DNS', async () => {
  const { keeper, clock } = setUp({ ...GOOD });
  assert.equal((await keeper.standing()).unchecked?.code, 'not_yet');
  await keeper.start(new AbortController().signal);
  await clock.advance(60_000);
  await clock.advance(0);
  assert.equal((await keeper.standing()).unchecked, null);
  await keeper[Symbol.asyncDispose]();
  for (const hostname of ['localhost', 'build-7', '192.0.2.1']) {
    const alone = createOperatorKeeper({
      ...{ resolver: createZoneResolver({}), names: { ...NAMES, hostname } },
      ...{ addresses: () => [], certificate: async () => null, clock, logger: silentLogger },
    });
    const { checkedAt, unchecked, items } = await alone.standing();
    assert.deepEqual([checkedAt, unchecked?.code, items], [null, 'host_name_not_public', []], hostname);
    assert.match(
      unchecked!.words.message,
      new RegExp(`^${hostname} cannot be in public DNS.*HIKYAKU_HOSTNAME`),
    );
    assert.match(unchecked!.words.message_ja, /公開 DNS/);
    assert.deepEqual(uncheckable(hostname), unchecked);
  }
});
