/** What every DNS provider must do: one suite for all of them. Each provider's test supplies a server for it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { applyChanges, type ChangeOutcome, undoChanges } from './apply.ts';
import { existingSpf, keysFor, planChanges, type WantedRecord } from './plan.ts';
import type { DnsPlan, DnsProvider, RecordSet, SetChange, SetKey, Zone } from './provider.ts';
import { txtOf, txtText } from './record-values.ts';

/** A server with the zones example.com and sub.example.com, both empty. */
export interface ProviderRig extends AsyncDisposable {
  open(credentials: 'good' | 'wrong'): Promise<DnsProvider>;
  /** Changes the server directly, as somebody else would, without the provider under test. */
  put(set: RecordSet): Promise<void>;
  remove(key: SetKey): Promise<void>;
  /** Every set of example.com except SOA and NS, read from the server itself: one line for each record, sorted. */
  dump(): Promise<string[]>;
}
export interface ProviderSuite {
  readonly name: string;
  /** The reason why the suite cannot run here. */
  readonly skip?: string | false;
  start(): Promise<ProviderRig>;
}
const APEX = 'example.com';
const INCLUDE = 'include:spf.hikyaku.test';
/** Foreign TXT data: quotes, backslashes, semicolons, spaces at the ends, more than ASCII, more than 255 octets. */
export const FOREIGN_TXT = [
  'site-verification=abcDEF',
  'say "hi"; and \\ go; v=none',
  ' 飛脚はメールを運ぶ ',
  `long ${'0123456789;'.repeat(40)} end`,
];
const SPF = 'v=spf1 include:spf.example.net ip4:192.0.2.0/24 ~all';
const DKIM = `v=DKIM1; k=rsa; p=${'QUJD'.repeat(98)}`;
const wantedFor = (spf: string): WantedRecord[] => [
  { purpose: 'challenge', type: 'TXT', name: `_hikyaku-challenge.${APEX}`, value: 'hikyaku-verification=x' },
  ...[1, 2, 3].map(
    (n) => ({ purpose: 'mx', type: 'MX', name: APEX, value: `10 mx${n}.hikyaku.test` }) as const,
  ),
  { purpose: 'spf', type: 'TXT', name: APEX, value: spf },
  { purpose: 'dkim', type: 'TXT', name: `s1._domainkey.${APEX}`, value: DKIM },
  { purpose: 'dmarc', type: 'TXT', name: `_dmarc.${APEX}`, value: 'v=DMARC1; p=none' },
  { purpose: 'client', type: 'SRV', name: `_submissions._tcp.${APEX}`, value: '0 0 465 smtp.hikyaku.test' },
];
const MX: RecordSet = {
  name: APEX,
  type: 'MX',
  ttl: 600,
  values: ['5 old.example.net', '20 older.example.net'],
};
const TXT: RecordSet = {
  name: APEX,
  type: 'TXT',
  ttl: 900,
  values: [FOREIGN_TXT[0]!, FOREIGN_TXT[1]!, SPF, FOREIGN_TXT[2]!, FOREIGN_TXT[3]!].map((text) =>
    txtOf(text),
  ),
};
const OTHERS: RecordSet[] = [
  { name: APEX, type: 'A', ttl: 300, values: ['192.0.2.1'] },
  { name: `www.${APEX}`, type: 'CNAME', ttl: 300, values: [APEX] },
  { name: `_dmarc.${APEX}`, type: 'TXT', ttl: 300, values: [txtOf('v=DMARC1; p=reject')] },
];

async function planIn(provider: DnsProvider): Promise<{ zone: Zone; plan: DnsPlan }> {
  const zone = (await provider.findZone(APEX))!;
  const [apex] = await provider.read(zone, [{ name: APEX, type: 'TXT' }]);
  const spf = existingSpf(apex);
  const merged =
    spf === null
      ? `v=spf1 ${INCLUDE} -all`
      : spf.includes(INCLUDE)
        ? spf
        : spf.replace('v=spf1', `v=spf1 ${INCLUDE}`);
  const records = wantedFor(merged);
  const sets = await provider.read(zone, keysFor(records));
  return { zone, plan: planChanges({ records, sets, elsewhere: new Set() }) };
}
const added = (set: Omit<RecordSet, 'ttl'>): SetChange => ({
  name: set.name,
  type: set.type,
  before: [],
  after: set.values,
  ttl: { before: null, after: 300 },
});
function revertOf(outcome: ChangeOutcome): string | null {
  assert.equal(outcome.kind, 'applied', JSON.stringify(outcome));
  return outcome.kind === 'applied' ? outcome.revert : null;
}

export function dnsProviderSuite({ name, skip = false, start }: ProviderSuite): void {
  const with_ = (title: string, body: (rig: ProviderRig, provider: DnsProvider) => Promise<void>) =>
    test(title, async () => {
      await using rig = await start();
      const provider = await rig.open('good');
      try {
        await body(rig, provider);
      } finally {
        provider.close?.();
      }
    });
  async function seeded(rig: ProviderRig): Promise<string[]> {
    for (const set of [MX, TXT, ...OTHERS]) await rig.put(set);
    return rig.dump();
  }

  describe(`DNS provider: ${name}`, { skip }, () => {
    with_('finds the zone of the longest name, and none where there is none', async (_rig, provider) => {
      await provider.check();
      const zoneOf = async (of: string) => (await provider.findZone(of))?.name ?? null;
      assert.equal(await zoneOf(APEX), APEX);
      assert.equal(await zoneOf(`_dmarc.${APEX}`), APEX);
      assert.equal(await zoneOf('sub.example.com'), 'sub.example.com');
      assert.equal(await zoneOf('A.Sub.Example.com'), 'sub.example.com');
      assert.equal(await zoneOf('notsub.example.com'), APEX);
      assert.equal(await zoneOf('example.org'), null);
      assert.equal(await zoneOf('com'), null);
    });

    with_('an empty zone is set up, is then in order, and is emptied again', async (rig, provider) => {
      const { zone, plan } = await planIn(provider);
      assert.deepEqual(plan.foreignMx, []);
      assert.equal(plan.changes.length, 6);
      const outcome = await applyChanges(provider, zone, plan.changes);
      const revert = revertOf(outcome);
      assert.equal((await rig.dump()).length, 8);
      assert.deepEqual((await planIn(provider)).plan.changes, []);
      assert.equal((await undoChanges(provider, zone, plan.changes, revert)).kind, 'applied');
      assert.deepEqual(await rig.dump(), []);
      // A second undo finds nothing left to do.
      const again = await undoChanges(provider, zone, plan.changes, revert);
      assert.deepEqual([again.kind, again.changes], ['applied', []]);
    });

    with_(
      'what is there is merged, foreign records stay octet for octet, undo restores all',
      async (rig, provider) => {
        const before = await seeded(rig);
        const { zone, plan } = await planIn(provider);
        assert.deepEqual([...plan.foreignMx].sort(), [...MX.values].sort());
        assert.deepEqual(
          plan.kept.map(({ purpose }) => purpose),
          ['dmarc'],
        );
        assert.deepEqual(plan.conflicts, []);
        const revert = revertOf(await applyChanges(provider, zone, plan.changes));
        const after = await rig.dump();
        const foreign = before.filter((line) => !/ MX |v=spf1/.test(line));
        assert.equal(foreign.length, before.length - 3);
        for (const line of foreign) assert.ok(after.includes(line), line);
        const sets = await provider.read(zone, keysFor(wantedFor('')));
        const txt = sets.find((set) => set.name === APEX && set.type === 'TXT')!;
        assert.deepEqual(
          txt.values.map(txtText).sort(),
          [...FOREIGN_TXT, SPF.replace('v=spf1', `v=spf1 ${INCLUDE}`)].sort(),
        );
        assert.equal(txt.ttl, TXT.ttl);
        const mx = sets.find((set) => set.type === 'MX')!;
        assert.deepEqual(
          [...mx.values].sort(),
          [1, 2, 3].map((n) => `10 mx${n}.hikyaku.test`),
        );
        const dkim = sets.find((set) => set.name.startsWith('s1.'))!;
        assert.deepEqual(dkim.values.map(txtText), [DKIM]);
        assert.deepEqual((await planIn(provider)).plan.changes, []);
        assert.equal((await undoChanges(provider, zone, plan.changes, revert)).kind, 'applied');
        assert.deepEqual(await rig.dump(), before);
      },
    );

    with_('a set that was changed between plan and apply: nothing is done', async (rig, provider) => {
      await seeded(rig);
      const { zone, plan } = await planIn(provider);
      await rig.put({ ...MX, values: ['1 new.example.net'] });
      const before = await rig.dump();
      const outcome = await applyChanges(provider, zone, plan.changes);
      assert.deepEqual(outcome, { kind: 'changed', sets: [{ name: APEX, type: 'MX' }] });
      // The provider must notice the change by itself as well: somebody may change DNS between our read and its write.
      assert.equal((await provider.apply(zone, plan.changes)).kind, 'changed');
      assert.deepEqual(await rig.dump(), before);
    });

    with_('a set that appeared, or went, between plan and apply: nothing is done', async (rig, provider) => {
      const zone = (await provider.findZone(APEX))!;
      const taken: RecordSet = { name: `b.${APEX}`, type: 'TXT', ttl: 300, values: [txtOf('theirs')] };
      await rig.put(taken);
      const before = await rig.dump();
      const free = added({ name: `a.${APEX}`, type: 'TXT', values: [txtOf('ours')] });
      const appeared = [free, added({ ...taken, values: [txtOf('theirs'), txtOf('ours')] })];
      assert.equal((await applyChanges(provider, zone, appeared)).kind, 'changed');
      const gone: SetChange = {
        name: `c.${APEX}`,
        type: 'TXT',
        before: [txtOf('was')],
        after: [],
        ttl: { before: 300, after: null },
      };
      assert.equal((await provider.apply(zone, [free, gone])).kind, 'changed');
      assert.deepEqual(await rig.dump(), before);
    });

    with_('undo leaves alone what somebody changed since', async (rig, provider) => {
      await seeded(rig);
      const { zone, plan } = await planIn(provider);
      const revert = revertOf(await applyChanges(provider, zone, plan.changes));
      await rig.put({ ...MX, values: ['10 mx1.hikyaku.test', '20 theirs.example.net'] });
      const before = await rig.dump();
      const outcome = await undoChanges(provider, zone, plan.changes, revert);
      assert.equal(outcome.kind, 'changed');
      assert.deepEqual(outcome.kind === 'changed' && outcome.sets, [{ name: APEX, type: 'MX' }]);
      assert.deepEqual(await rig.dump(), before);
    });

    with_('undo keeps what others set meanwhile', async (rig, provider) => {
      const before = await seeded(rig);
      const { zone, plan } = await planIn(provider);
      const revert = revertOf(await applyChanges(provider, zone, plan.changes));
      await rig.put({ name: `new.${APEX}`, type: 'A', ttl: 300, values: ['192.0.2.7'] });
      const [line] = (await rig.dump()).filter((each) => each.startsWith('new.'));
      assert.equal((await undoChanges(provider, zone, plan.changes, revert)).kind, 'applied');
      assert.deepEqual(await rig.dump(), [...before, line!].sort());
    });

    test('wrong credentials are told as such', async () => {
      await using rig = await start();
      const provider = await rig.open('wrong');
      const zone = (await (await rig.open('good')).findZone(APEX))!;
      const credentials = { name: 'DnsProviderError', code: 'credentials' };
      await assert.rejects(provider.check(), credentials);
      await assert.rejects(async () => provider.findZone(APEX), credentials);
      await assert.rejects(provider.read(zone, [MX]), credentials);
      const outcome = await applyChanges(provider, zone, [added(MX)]);
      assert.equal(outcome.kind, 'failed');
      assert.deepEqual(await rig.dump(), []);
      provider.close?.();
    });
  });
}
