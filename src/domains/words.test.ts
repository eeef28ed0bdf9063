/** What a check says, record by record, in English and Japanese. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Domain } from '../mail/domain.ts';
import type { DkimKeyId, DomainId, ProjectId } from '../runtime/ids.ts';
import { createZoneResolver, type Zone } from '../testing/zone-resolver.ts';
import { checkDomain } from './dns-check.ts';
import { expectedRecords } from './dns-records.ts';
import { FINDING_CODES, finding, inWords } from './findings.ts';
import type { DkimKey, MtaDomain } from './mta-domains.ts';
import { nextStep } from './next-step.ts';
import { countSpfLookups } from './spf-lookups.ts';

const NAME = 'example.test' as Domain;
const KEY: DkimKey = {
  id: 'k' as DkimKeyId,
  projectId: 'p' as ProjectId,
  domainId: 'd' as DomainId,
  selector: 's',
  algorithm: 'rsa-sha256',
  publicRecord: `v=DKIM1; k=rsa; p=${'ABCD'.repeat(90)}`,
  sealedPrivateKey: Buffer.alloc(0),
  state: 'active',
  seenSince: null,
  changedAt: 0,
  createdAt: 0,
};
const EXPECTED = {
  mxHosts: ['mx1.host.test', 'mx2.host.test'],
  spfInclude: '_spf.host.test',
  submissionHost: 'smtp.host.test',
};
const DKIM = `s._domainkey.${NAME}`;
const SPF = 'v=spf1 include:_spf.host.test -all';
const GOOD: Zone = {
  [NAME]: { mx: ['mx1.host.test', 'mx2.host.test'], txt: [SPF] },
  [DKIM]: { txt: [KEY.publicRecord] },
  '_spf.host.test': { txt: ['v=spf1 ip4:192.0.2.25 -all'] },
  [`_dmarc.${NAME}`]: { txt: ['v=DMARC1; p=none'] },
  [`_submissions._tcp.${NAME}`]: { srv: [{ priority: 0, weight: 1, port: 465, target: 'smtp.host.test' }] },
  [`_submission._tcp.${NAME}`]: { srv: [{ priority: 5, weight: 0, port: 587, target: 'smtp.host.test' }] },
};
const check = (zone: Zone, keys: readonly DkimKey[] = [KEY]) =>
  checkDomain(createZoneResolver(zone), NAME, keys, EXPECTED, 1);
/** `purpose state code` of the records that are not plainly well. */
async function said(zone: Zone, keys?: readonly DkimKey[]): Promise<string[]> {
  const { records = [] } = await check(zone, keys);
  return records
    .filter(({ state, finding: what }) => state !== 'ok' || what !== null)
    .map((one) => `${one.purpose} ${one.state} ${one.finding?.code}`);
}
const withTxt = (...txt: string[]) => said({ ...GOOD, [NAME]: { ...GOOD[NAME], txt } });
const withMx = (...mx: (string | readonly [number, string])[]) =>
  said({ ...GOOD, [NAME]: { ...GOOD[NAME], mx } });
const withDkim = (...txt: string[]) => said({ ...GOOD, [DKIM]: { txt } });

test('all well: nothing is said', async () => {
  assert.deepEqual(await said(GOOD), []);
  assert.equal((await check(GOOD)).records?.length, 7);
});

test('MX: missing, null, foreign, foreign first, a foreign one beside, one of ours missing', async () => {
  assert.deepEqual(await said({ ...GOOD, [NAME]: { txt: [SPF] } }), Array(2).fill('mx missing mx.missing'));
  assert.deepEqual(await withMx([0, '']), Array(2).fill('mx wrong mx.null'));
  assert.deepEqual(await withMx('mx.other.test'), Array(2).fill('mx wrong mx.foreign'));
  assert.deepEqual(
    await withMx([5, 'mx.other.test'], 'mx1.host.test', 'mx2.host.test'),
    Array(2).fill('mx wrong mx.foreign_first'),
  );
  assert.deepEqual(
    await withMx('mx.other.test', 'mx1.host.test', 'mx2.host.test'),
    Array(2).fill('mx ok mx.foreign_equal'),
  );
  assert.deepEqual(await withMx('mx1.host.test'), ['mx missing mx.host_missing']);
});

test('SPF: missing, several, without us, behind all, with a qualifier, beyond ten look-ups, broken', async () => {
  assert.deepEqual(await withTxt('other'), ['spf missing spf.missing']);
  assert.deepEqual(await withTxt(SPF, 'v=spf1 a -all'), ['spf wrong spf.several']);
  assert.deepEqual(await withTxt('v=spf1 mx -all'), ['spf wrong spf.no_include']);
  assert.deepEqual(await withTxt('v=spf1 mx -all include:_spf.host.test'), ['spf wrong spf.behind_all']);
  assert.deepEqual(await withTxt('v=spf1 ?include:_spf.host.test -all'), ['spf wrong spf.qualifier']);
  const many = `v=spf1 include:_spf.host.test ${Array.from({ length: 10 }, (_, i) => `a:h${i}.test`).join(' ')} -all`;
  assert.deepEqual(await withTxt(many), ['spf wrong spf.too_many']);
  assert.deepEqual(await withTxt('v=spf1 include:_spf.host.test include:gone.test -all'), [
    'spf wrong spf.broken',
  ]);
  const { spf } = await check({
    ...GOOD,
    [NAME]: { ...GOOD[NAME], txt: ['v=spf1 a -all', 'v=spf1 mx ~all'] },
  });
  assert.deepEqual(spf.expected, ['v=spf1 include:_spf.host.test a mx ~all'], 'merged into one');
});

test('SPF look-ups are counted through includes, and unknown where DNS does not answer', async () => {
  const zone: Zone = {
    'a.test': { txt: ['v=spf1 include:b.test mx -all'] },
    'b.test': { txt: ['v=spf1 ip4:192.0.2.1 exists:%{i}.c.test -all a:never.test'] },
    'loop.test': { txt: ['v=spf1 include:loop.test -all'] },
    'down.test': { fail: true },
  };
  const count = (record: string) => countSpfLookups(createZoneResolver(zone), record);
  assert.deepEqual(await count('v=spf1 include:a.test ptr redirect=x.test -all'), {
    kind: 'counted',
    lookups: 5,
    broken: null,
  });
  assert.deepEqual(await count('v=spf1 redirect=gone.test'), {
    kind: 'counted',
    lookups: 1,
    broken: 'gone.test',
  });
  assert.deepEqual(await count('v=spf1 include:down.test -all'), { kind: 'unknown' });
  const loop = await count('v=spf1 include:loop.test -all');
  assert.ok(loop.kind === 'counted' && loop.lookups > 10);
});

test('an include that the operator has broken: the finding says whose it is, and asks the customer for nothing', async () => {
  const broken = async (entry: Zone[string] | null) => {
    const { '_spf.host.test': _, ...rest } = GOOD;
    const zone: Zone = entry === null ? rest : { ...rest, '_spf.host.test': entry };
    const { spf } = await check(zone);
    const dns = { ...(await check(zone)), mx: { status: 'ok', expected: [], found: [] } } as const;
    const domain = {
      name: NAME,
      receiving: true,
      mxSeen: true,
      dkimEnabled: true,
      dns,
    } as unknown as MtaDomain;
    const step = nextStep(domain, 1);
    return [spf.status, spf.finding?.code, step?.code ?? null];
  };
  for (const entry of [null, {}, { txt: ['v=spf1 -all', 'v=spf1 a -all'] }])
    assert.deepEqual(await broken(entry), ['wrong', 'spf.operator', null]);
  assert.deepEqual(await broken({ fail: true }), ['ok', undefined, null]);
  assert.match(inWords(finding('spf.operator', { name: '_spf.host.test' })).message, /operator's mistake/);
});

test('DKIM: missing, another key, revoked, several, torn; a pending key is no error of the domain', async () => {
  assert.deepEqual(await said({ ...GOOD, [DKIM]: {} }), ['dkim missing dkim.missing']);
  assert.deepEqual(await withDkim('v=DKIM1; k=rsa; p=ZZZZ'), ['dkim wrong dkim.wrong_key']);
  assert.deepEqual(await withDkim('v=DKIM1; k=rsa; p='), ['dkim wrong dkim.revoked']);
  assert.deepEqual(await withDkim(KEY.publicRecord, 'v=DKIM1; k=rsa; p=ZZZZ'), ['dkim wrong dkim.several']);
  const [head, tail] = [KEY.publicRecord.slice(0, 255), KEY.publicRecord.slice(255)];
  assert.deepEqual(await withDkim(head, tail), ['dkim wrong dkim.split']);
  assert.deepEqual(await withDkim(tail, head), ['dkim wrong dkim.split']);
  assert.deepEqual(await withDkim(`"${head}" "${tail}"`), ['dkim wrong dkim.split']);
  const pending = { ...KEY, selector: 'next', state: 'pending' as const };
  assert.deepEqual(await said(GOOD, [KEY, pending]), ['dkim missing dkim.missing']);
  assert.equal((await check(GOOD, [KEY, pending])).dkim.status, 'ok');
  assert.deepEqual(await said(GOOD, [KEY, { ...pending, state: 'retired' }]), []);
  assert.equal((await check(GOOD, [pending])).dkim.finding?.code, 'dkim.none');
});

test('delegated keys: led here, elsewhere, nowhere; a zone that is silent; a TXT record does as well', async () => {
  const key = { ...KEY, selector: 'hk1r' };
  const name = (selector: string) => `${selector}._domainkey.${NAME}`;
  const target = (selector: string) => `${selector}.${NAME}.dkim.host.test`;
  const led: Zone = {
    ...GOOD,
    [DKIM]: {},
    [name('hk1r')]: { cname: target('hk1r') },
    [name('hk2r')]: { cname: target('hk2r').toUpperCase() },
    [target('hk1r')]: { txt: [KEY.publicRecord] },
  };
  const delegated = async (zone: Zone, keys: readonly DkimKey[] = [key]) => {
    const expectations = { ...EXPECTED, dkimZone: 'dkim.host.test' };
    const resolver = createZoneResolver({ ...led, ...zone });
    const { records = [], dkim } = await checkDomain(resolver, NAME, keys, expectations, 1);
    const own = records.filter(({ purpose }) => purpose === 'dkim');
    const wanted = expectedRecords(NAME, keys, expectations).filter(({ purpose }) => purpose === 'dkim');
    assert.deepEqual(
      own.map((one) => [one.type, one.name, one.value]),
      wanted.map(({ type, name: at, value }) => [type, at, type === 'TXT' ? null : value]),
    );
    return [
      dkim.status,
      ...own
        .filter(({ state }) => state !== 'ok')
        .map((one) => `${one.name.slice(0, 4)} ${one.state} ${one.finding?.code}`),
    ];
  };
  assert.deepEqual(await delegated({}), ['ok']);
  assert.deepEqual(await delegated({ [name('hk1r')]: { txt: [KEY.publicRecord] } }), ['ok']);
  assert.deepEqual(await delegated({ [name('hk1r')]: {} }), ['missing', 'hk1r missing dkim.alias_missing']);
  assert.deepEqual(await delegated({ [name('hk1r')]: { txt: ['v=DKIM1; p=ZZZZ'] } }), [
    'wrong',
    'hk1r wrong dkim.wrong_key',
  ]);
  assert.deepEqual(await delegated({ [name('hk1r')]: { cname: 'elsewhere.test' } }), [
    'wrong',
    'hk1r wrong dkim.alias_wrong',
  ]);
  assert.deepEqual(await delegated({ [target('hk1r')]: {} }), ['missing', 'hk1r missing dkim.zone_silent']);
  assert.deepEqual(await delegated({ [target('hk1r')]: { txt: ['v=DKIM1; k=rsa; p=ZZZZ'] } }), [
    'missing',
    'hk1r missing dkim.zone_silent',
  ]);
  assert.deepEqual(await delegated({ [target('hk1r')]: { fail: true } }), [
    'error',
    'hk1r unknown dns.unclear',
  ]);
  assert.deepEqual(await delegated({ [name('hk2r')]: {} }), ['ok', 'hk2r missing dkim.alias_missing']);
  assert.deepEqual(await delegated({ [name('hk2r')]: { cname: 'elsewhere.test' } }), [
    'ok',
    'hk2r wrong dkim.alias_wrong',
  ]);
  const next = { ...key, selector: 'hk2r', state: 'pending' as const };
  assert.deepEqual(await delegated({}, [key, next]), ['ok', 'hk2r missing dkim.zone_silent']);
  assert.deepEqual(await delegated({}, [key, { ...next, state: 'retired' }]), ['ok']);
  assert.deepEqual(await delegated({ [DKIM]: GOOD[DKIM]! }, [KEY]), ['ok'], "a selector of one's own is TXT");
});

test('DMARC and the records of mail clients; what DNS does not tell is unknown', async () => {
  const dmarc = (...txt: string[]) => said({ ...GOOD, [`_dmarc.${NAME}`]: { txt } });
  assert.deepEqual(await dmarc(), ['dmarc missing dmarc.missing']);
  assert.deepEqual(await dmarc('v=DMARC1; p=none', 'v=DMARC1; p=reject'), ['dmarc wrong dmarc.several']);
  assert.deepEqual(await dmarc('v=DMARC1; sp=none'), ['dmarc wrong dmarc.invalid']);
  assert.deepEqual(await said({ ...GOOD, [`autoconfig.${NAME}`]: { cname: 'api.host.test' } }), []);
  const elsewhere = { srv: [{ priority: 0, weight: 0, port: 587, target: 'elsewhere.test' }] };
  assert.deepEqual(await said({ ...GOOD, [`_submission._tcp.${NAME}`]: elsewhere }), [
    'client wrong client.wrong',
  ]);
  assert.deepEqual(await said({ ...GOOD, [`_submission._tcp.${NAME}`]: {} }), [
    'client missing client.missing',
  ]);
  const failing = Object.fromEntries(Object.keys(GOOD).map((name) => [name, { fail: true }]));
  assert.ok((await said(failing)).every((one) => one.endsWith('unknown dns.unclear')));
});

test('every finding has a sentence in both languages that shows what belongs into it', () => {
  const names = ['domain', 'expected', 'foreign', 'count', 'include', 'term', 'name', 'zone'];
  const args = Object.fromEntries(names.map((name) => [name, `<${name}>`]));
  for (const code of FINDING_CODES) {
    const { message, message_ja: japanese } = inWords(finding(code, args));
    assert.doesNotMatch(message + japanese, /undefined/, code);
    assert.match(message, /[.>]$/, code);
    assert.match(japanese, /\p{Script=Hiragana}/u, code);
    const shown = (text: string) => [...text.matchAll(/<\w+>/g)].map(([name]) => name).sort();
    assert.deepEqual(shown(message), shown(japanese), code);
  }
  assert.match(inWords({ code: 'of.the.future', args: {} }).message, /Compare/);
});

test('the next step: one at a time, until all is set up', async () => {
  const domain = (dns: MtaDomain['dns'], over: Partial<MtaDomain> = {}) =>
    ({ name: NAME, receiving: true, mxSeen: false, dkimEnabled: true, dns, ...over }) as MtaDomain;
  const codes = async (zone: Zone, over: Partial<MtaDomain> = {}, rules = 1) =>
    nextStep(domain(await check(zone), over), rules)?.code ?? null;
  assert.equal(nextStep(domain(null), 1)?.code, 'check_dns');
  assert.equal(nextStep(domain(null, { mxSeen: true }), 1), null);
  assert.equal(await codes({}), 'publish_mx');
  assert.equal(await codes({}, { receiving: false }), 'publish_spf');
  assert.equal(await codes({ ...GOOD, [DKIM]: {} }), 'publish_dkim');
  assert.equal(await codes(GOOD, { dkimEnabled: false }), 'enable_dkim');
  assert.equal(await codes(GOOD, {}, 0), 'add_incoming_rule');
  assert.equal(await codes(GOOD), null);
  const missing = nextStep(domain(await check({})), 0);
  assert.match(missing!.message, /MX 10 mx1\.host\.test/);
});
