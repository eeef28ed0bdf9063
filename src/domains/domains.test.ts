/** DKIM keys, records to publish, DNS checks and ownership, with DNS as a literal zone. */
import assert from 'node:assert/strict';
import { createPublicKey, sign, verify } from 'node:crypto';
import { test } from 'node:test';
import type { Domain } from '../mail/domain.ts';
import { createRandom } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createZoneResolver, type Zone } from '../testing/zone-resolver.ts';
import { dkimName } from './delegation.ts';
import { makeDkimKeys, openDkimKeys } from './dkim-keys.ts';
import { checkDomain } from './dns-check.ts';
import { expectedRecords, mergeSpf, spfIncludes } from './dns-records.ts';
import { challengeRecord, checkOwnership } from './ownership.ts';

const NAME = 'example.test' as Domain;
const EXPECTED = {
  mxHosts: ['mx1.host.test', 'mx2.host.test'],
  spfInclude: '_spf.host.test',
  submissionHost: 'smtp.host.test',
};
/** Seals by naming the context: enough to see that it is asked for. */
const sealer: Sealer = {
  seal: (plain, context) => Buffer.concat([Buffer.from(`${context}\n`), plain]),
  open(sealed, context) {
    const prefix = Buffer.from(`${context}\n`);
    if (!sealed.subarray(0, prefix.length).equals(prefix)) throw new Error('wrong context');
    return sealed.subarray(prefix.length);
  },
  mac: () => Buffer.alloc(32),
};
const random = createRandom();
const keys = await makeDkimKeys(
  { random, sealer, clock: createFakeClock() },
  { projectId: random.id<'project'>(), domainId: random.id<'mta-domain'>() },
  false,
);
function goodZone(): Zone {
  return {
    [NAME]: {
      mx: [
        [10, 'mx1.host.test'],
        [10, 'mx2.host.test'],
      ],
      txt: ['other', 'v=spf1 include:_spf.host.test -all'],
    },
    '_spf.host.test': { txt: ['v=spf1 ip4:192.0.2.25 -all'] },
    ...Object.fromEntries(keys.map((key) => [dkimName(key, NAME), { txt: [key.publicRecord] }])),
    [`_dmarc.${NAME}`]: { txt: ['v=DMARC1; p=none'] },
  };
}
async function statuses(zone: Zone): Promise<string> {
  const { mx, spf, dkim, dmarc } = await checkDomain(createZoneResolver(zone), NAME, keys, EXPECTED, 7);
  return [mx, spf, dkim, dmarc].map(({ status }) => status).join(' ');
}

test('keys: one of each algorithm, sealed to their place, and the public record matches', () => {
  assert.deepEqual(
    keys.map((key) => key.algorithm),
    ['rsa-sha256', 'ed25519-sha256'],
  );
  assert.notEqual(keys[0]!.selector, keys[1]!.selector);
  const open = openDkimKeys(keys, sealer);
  for (const [index, key] of open.entries()) {
    const p = /p=(.*)$/.exec(keys[index]!.publicRecord)![1]!;
    const prefix = index === 1 ? Buffer.from('302a300506032b6570032100', 'hex') : Buffer.alloc(0);
    const published = createPublicKey({
      key: Buffer.concat([prefix, Buffer.from(p, 'base64')]),
      format: 'der',
      type: 'spki',
    });
    const digest = index === 0 ? 'sha256' : null;
    const data = Buffer.from('data');
    assert.ok(verify(digest, data, published, sign(digest, data, key.privateKey)));
  }
  assert.throws(() => openDkimKeys([{ ...keys[0]!, domainId: random.id<'mta-domain'>() }], sealer));
  assert.deepEqual(
    openDkimKeys(
      keys.map((key) => ({ ...key, state: 'retiring' as const })),
      sealer,
    ),
    [],
  );
});

test('the records to publish, long keys split for zone files only', () => {
  const records = expectedRecords(NAME, keys, EXPECTED);
  assert.deepEqual(
    records
      .filter(({ type }) => type !== 'TXT')
      .map(({ name, value, zoneValue }) => [name, value, zoneValue]),
    [
      [NAME, '10 mx1.host.test', '10 mx1.host.test.'],
      [NAME, '10 mx2.host.test', '10 mx2.host.test.'],
      ['_submissions._tcp.example.test', '0 0 465 smtp.host.test', '0 0 465 smtp.host.test.'],
      ['_submission._tcp.example.test', '10 0 587 smtp.host.test', '10 0 587 smtp.host.test.'],
    ],
  );
  const rsa = records.find(({ name }) => name === dkimName(keys[0]!, NAME))!;
  assert.equal(rsa.value, keys[0]!.publicRecord);
  const pieces = [...rsa.zoneValue.matchAll(/"([^"]*)"/g)].map((match) => match[1]!);
  assert.ok(pieces.length >= 2 && pieces.every((piece) => piece.length <= 255));
  assert.equal(pieces.join(''), rsa.value);
});

test('SPF is merged right of the version and left of all', () => {
  const cases: [string | null, string][] = [
    [null, 'v=spf1 include:i.test -all'],
    ['v=spf1 mx -all', 'v=spf1 include:i.test mx -all'],
    ['v=spf1 a include:I.test ~all', 'v=spf1 a include:I.test ~all'],
    ['v=spf1 -all include:i.test', 'v=spf1 include:i.test -all include:i.test'],
    ['v=spf1', 'v=spf1 include:i.test'],
    ['v=spf1 -include:i.test -all', 'v=spf1 include:i.test -include:i.test -all'],
  ];
  for (const [existing, merged] of cases) {
    assert.equal(mergeSpf(existing, 'i.test'), merged);
    assert.ok(spfIncludes(merged, 'i.test'));
  }
});

test('checks: all well, and each thing missing or wrong', async () => {
  assert.equal(await statuses(goodZone()), 'ok ok ok ok');
  assert.equal(await statuses({}), 'missing missing missing missing');
  const changed = (name: string, entry: Zone[string]) =>
    statuses({ ...goodZone(), [name]: { ...goodZone()[name], ...entry } });
  assert.equal(
    await changed(NAME, {
      mx: [
        [5, 'mx.other.test'],
        [10, 'mx1.host.test'],
      ],
    }),
    'wrong ok ok ok',
  );
  assert.equal(await changed(NAME, { mx: [[0, '']] }), 'wrong ok ok ok');
  assert.equal(await changed(NAME, { txt: ['v=spf1 -all'] }), 'ok wrong ok ok');
  assert.equal(
    await changed(NAME, { txt: ['v=spf1 include:_spf.host.test -all', 'v=spf1 a'] }),
    'ok wrong ok ok',
  );
  assert.equal(await changed(NAME, { txt: ['v=spf10 x'] }), 'ok missing ok ok');
  const [rsa] = keys.map((key) => dkimName(key, NAME)) as [string];
  assert.equal(await changed(rsa, { txt: ['v=DKIM1; p='] }), 'ok ok wrong ok');
  assert.equal(await changed(rsa, { txt: [] }), 'ok ok missing ok');
  assert.equal(
    await changed(rsa, {
      txt: [` v = DKIM1 ;${keys[0]!.publicRecord.slice(8).replace('p=', 'p= ').replace('k=rsa;', '')} ;t=s`],
    }),
    'ok ok ok ok',
  );
  assert.equal(
    await changed(`_dmarc.${NAME}`, { txt: ['v=DMARC1; p=none', 'v=DMARC1; p=none'] }),
    'ok ok ok wrong',
  );
  assert.equal(await changed(`_dmarc.${NAME}`, { txt: ['v=DMARC1; sp=none'] }), 'ok ok ok wrong');
});

test('what DNS does not tell is an error, never an absence', async () => {
  const failing = Object.fromEntries(
    Object.entries(goodZone()).map(([name, entry]) => [name, { ...entry, fail: true }]),
  );
  assert.equal(await statuses(failing), 'error error error error');
  const [rsa, ed] = keys.map((key) => dkimName(key, NAME)) as [string, string];
  assert.equal(await statuses({ ...goodZone(), [rsa]: { fail: true }, [ed]: {} }), 'ok ok error ok');
  const throwing = () => Promise.reject(new Error('bug'));
  const check = await checkDomain(
    {
      mx: throwing,
      a: throwing,
      aaaa: throwing,
      txt: throwing,
      ptr: throwing,
      cname: throwing,
      srv: throwing,
    },
    NAME,
    keys,
    EXPECTED,
    7,
  );
  assert.equal(check.mx.status, 'error');
  assert.equal(check.checkedAt, 7);
});

test('hostile answers stay bounded', async () => {
  const many = Array.from({ length: 1000 }, (_, i) => `v=spf1 ${i} ${'x'.repeat(5000)}\0`);
  const { spf } = await checkDomain(createZoneResolver({ [NAME]: { txt: many } }), NAME, keys, EXPECTED, 7);
  assert.equal(spf.status, 'wrong');
  assert.ok(JSON.stringify(spf.found).length < 30_000);
});

test('ownership: proved, absent, failed', async () => {
  const owned = { name: NAME, challenge: 'abc' };
  assert.deepEqual(challengeRecord(owned), {
    name: '_hikyaku-challenge.example.test',
    type: 'TXT',
    value: 'hikyaku-verification=abc',
  });
  const at = (entry: Zone[string]) =>
    checkOwnership(createZoneResolver({ '_hikyaku-challenge.example.test': entry }), owned);
  assert.deepEqual(await at({ txt: ['x', 'hikyaku-verification=abc'] }), { kind: 'proved' });
  assert.deepEqual(await at({ txt: ['hikyaku-verification=abcd'] }), {
    kind: 'absent',
    found: ['hikyaku-verification=abcd'],
  });
  assert.deepEqual(await at({}), { kind: 'absent', found: [] });
  assert.equal((await at({ fail: true })).kind, 'failed');
  assert.equal((await checkOwnership(createZoneResolver({}), { name: NAME, challenge: '' })).kind, 'failed');
});
