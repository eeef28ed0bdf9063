/** The planner: what it changes, keeps and refuses; and that a second plan is empty for any zone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RECORD_TYPES } from '../../contract/values.ts';
import { reversed } from './apply.ts';
import { existingSpf, keysFor, planChanges, type WantedRecord } from './plan.ts';
import type { DnsPlan, RecordSet, RecordType } from './provider.ts';
import { sameValues, txtOf, txtPieces, txtText, txtValue } from './record-values.ts';

const APEX = 'example.com';
const MX: WantedRecord[] = [1, 2].map((n) => ({
  purpose: 'mx',
  type: 'MX',
  name: APEX,
  value: `10 mx${n}.hikyaku.test`,
}));
const spf = (value: string): WantedRecord => ({ purpose: 'spf', type: 'TXT', name: APEX, value });
const DKIM: WantedRecord = {
  purpose: 'dkim',
  type: 'TXT',
  name: `s._domainkey.${APEX}`,
  value: 'v=DKIM1; k=rsa; p=QUJD',
};
const ALIAS: WantedRecord = { ...DKIM, type: 'CNAME', value: 's.d.dkim.hikyaku.test' };
const DMARC: WantedRecord = {
  purpose: 'dmarc',
  type: 'TXT',
  name: `_dmarc.${APEX}`,
  value: 'v=DMARC1; p=none',
};
const SRV: WantedRecord = {
  purpose: 'client',
  type: 'SRV',
  name: `_submissions._tcp.${APEX}`,
  value: '0 0 465 smtp.hikyaku.test',
};
const set = (
  name: string,
  type: RecordType,
  values: readonly string[],
  more: Partial<RecordSet> = {},
): RecordSet => ({
  name,
  type,
  ttl: 60,
  values: type === 'TXT' ? values.map((value) => txtOf(value)) : values,
  ...more,
});
const plan = (
  records: readonly WantedRecord[],
  sets: readonly RecordSet[],
  elsewhere: string[] = [],
): DnsPlan => planChanges({ records, sets, elsewhere: new Set(elsewhere) });
const shown = ({ changes }: DnsPlan) =>
  changes.map(({ name, type, before, after }) => [
    name,
    type,
    ...[before, after].map((values) => values.map((value) => (type === 'TXT' ? txtText(value) : value))),
  ]);

test('MX: the set is replaced, foreign ones are named, ours alone need no leave', () => {
  const ours = MX.map(({ value }) => value);
  assert.deepEqual(shown(plan(MX, [])), [[APEX, 'MX', [], ours]]);
  const replaced = plan(MX, [set(APEX, 'MX', ['0 mx.example.net', '10 MX1.Hikyaku.Test'])]);
  assert.deepEqual(replaced.foreignMx, ['0 mx.example.net']);
  assert.deepEqual(replaced.changes[0]!.ttl, { before: 60, after: 60 });
  assert.match(replaced.changes[0]!.message, /no longer goes to 0 mx\.example\.net/);
  assert.match(replaced.changes[0]!.message_ja, /置き換え/);
  const incomplete = plan(MX, [set(APEX, 'MX', ['20 mx1.hikyaku.test'])]);
  assert.deepEqual([incomplete.foreignMx, incomplete.changes.length], [[], 1]);
  assert.deepEqual(plan(MX, [set(APEX, 'MX', [...ours].reverse())]).changes, []);
  assert.deepEqual(plan(MX, [set(APEX, 'MX', ['0 .'])]).foreignMx, ['0 .']);
});

test('SPF: merged in its place, added where there is none, several are a conflict', () => {
  const there = ['a', 'v=spf1 mx -all', 'b'];
  assert.deepEqual(shown(plan([spf('v=spf1 include:x mx -all')], [set(APEX, 'TXT', there)])), [
    [APEX, 'TXT', there, ['a', 'v=spf1 include:x mx -all', 'b']],
  ]);
  assert.deepEqual(shown(plan([spf('v=spf1 include:x -all')], [set(APEX, 'TXT', ['a', 'v=spf10 y'])])), [
    [APEX, 'TXT', ['a', 'v=spf10 y'], ['a', 'v=spf10 y', 'v=spf1 include:x -all']],
  ]);
  const several = plan([spf('v=spf1 include:x -all')], [set(APEX, 'TXT', ['v=spf1 a', 'V=SPF1 b'])]);
  assert.deepEqual([several.changes, several.conflicts.length], [[], 1]);
  assert.match(several.conflicts[0]!.message, /several SPF records/);
  assert.deepEqual(plan([spf('v=spf1 include:x')], [set(APEX, 'TXT', ['v=spf1 include:x'])]).changes, []);
  assert.equal(existingSpf(set(APEX, 'TXT', there)), 'v=spf1 mx -all');
  assert.equal(existingSpf(set(APEX, 'TXT', ['v=spf1 a', 'v=spf1 b'])), null);
});

test('DKIM: added, renewed at our selector, others beside it stay; DMARC and SRV of others stay and are named', () => {
  assert.deepEqual(shown(plan([DKIM], [set(DKIM.name, 'TXT', ['x', 'v=DKIM1; p=OLD'])])), [
    [DKIM.name, 'TXT', ['x', 'v=DKIM1; p=OLD'], ['x', DKIM.value]],
  ]);
  const dmarc = plan([DMARC], [set(DMARC.name, 'TXT', ['v=DMARC1; p=reject'])]);
  assert.deepEqual(
    [dmarc.changes, dmarc.kept.length, dmarc.kept[0]!.found],
    [[], 1, ['"v=DMARC1; p=reject"']],
  );
  assert.equal(plan([DMARC], [set(DMARC.name, 'TXT', ['unrelated'])]).changes.length, 1);
  const srv = plan([SRV], [set(SRV.name, 'SRV', ['0 0 465 smtp.example.net'])]);
  assert.deepEqual([srv.changes, srv.kept.length], [[], 1]);
  assert.match(srv.kept[0]!.message, /0 0 465 smtp\.hikyaku\.test/);
  assert.deepEqual(shown(plan([SRV], [set(SRV.name, 'SRV', ['5 5 465 smtp.hikyaku.test'])])), [
    [SRV.name, 'SRV', ['5 5 465 smtp.hikyaku.test'], [SRV.value]],
  ]);
});

test('CNAME: nothing is put beside one, none is put beside others, our key gives way to our delegation', () => {
  const beside = plan([DMARC], [set(DMARC.name, 'CNAME', ['policy.example.net'])]);
  assert.deepEqual([beside.changes, beside.conflicts[0]!.found], [[], ['policy.example.net']]);
  assert.match(beside.conflicts[0]!.message, /Remove the CNAME/);
  const taken = plan([ALIAS], [set(ALIAS.name, 'A', ['192.0.2.1'])]);
  assert.deepEqual([taken.changes, taken.conflicts.length], [[], 1]);
  assert.deepEqual(shown(plan([ALIAS], [set(ALIAS.name, 'TXT', [DKIM.value])])), [
    [ALIAS.name, 'TXT', [DKIM.value], []],
    [ALIAS.name, 'CNAME', [], [ALIAS.value]],
  ]);
  assert.equal(plan([ALIAS], [set(ALIAS.name, 'TXT', [DKIM.value, 'theirs'])]).conflicts.length, 1);
  assert.deepEqual(plan([ALIAS], [set(ALIAS.name, 'CNAME', [ALIAS.value.toUpperCase()])]).changes, []);
  const other = { ...ALIAS, purpose: 'client', name: `clients.${APEX}` };
  assert.equal(plan([other], [set(other.name, 'CNAME', ['theirs.example.net'])]).kept.length, 1);
});

test('what lies in another zone, or cannot be changed there, is told and left out', () => {
  const elsewhere = plan([DKIM, ...MX], [], [DKIM.name]);
  assert.deepEqual([elsewhere.changes.length, elsewhere.conflicts[0]!.name], [1, DKIM.name]);
  const fixed = plan(MX, [set(APEX, 'MX', ['1 a.test'], { fixed: 'it is an alias' })]);
  assert.deepEqual([fixed.changes, fixed.foreignMx], [[], []]);
  assert.match(fixed.conflicts[0]!.message, /it is an alias/);
});

test('what is read is what is planned with: the sets, CNAMEs beside them, everything beside a CNAME', () => {
  const keys = keysFor([DMARC, ALIAS, ...MX]).map(({ name, type }) => `${name} ${type}`);
  assert.deepEqual(keys, [
    `${DMARC.name} TXT`,
    `${DMARC.name} CNAME`,
    ...RECORD_TYPES.map((type) => `${ALIAS.name} ${type}`),
    `${APEX} MX`,
    `${APEX} CNAME`,
  ]);
});

test('TXT data: every octet goes there and back, whatever the cuts', () => {
  const octets = fc.uint8Array({ maxLength: 255 });
  fc.assert(
    fc.property(fc.array(octets, { minLength: 1, maxLength: 4 }), fc.constantFrom(8, 10), (pieces, base) => {
      const value = txtValue(pieces, base as 8 | 10);
      assert.match(value, /^[\x20-\x7e]*$/);
      assert.deepEqual(
        txtPieces(value, base as 8 | 10),
        pieces.map((piece) => Buffer.from(piece)),
      );
    }),
  );
  assert.deepEqual(
    txtPieces(txtOf('x'.repeat(600))).map(({ length }) => length),
    [255, 255, 90],
  );
  assert.ok(sameValues('TXT', ['"ab"'], ['"a" "b"']));
  for (const bad of ['', 'a', '"a', '"a" b', '"\\300"', '"\\1"', '"a""b'])
    assert.throws(() => txtPieces(bad), SyntaxError);
});

/** Zones that others have filled: any strings and hosts at the names that we need. */
const foreign = fc.record({
  txt: fc.uniqueArray(
    fc.oneof(
      fc.string({ minLength: 1 }),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }),
      fc.constantFrom('v=spf1 mx -all', 'v=spf1 a ~all', 'v=DMARC1; p=reject', 'v=DKIM1; p=OLD'),
    ),
    { maxLength: 5 },
  ),
  mx: fc.uniqueArray(fc.constantFrom('10 mx1.hikyaku.test', '5 a.test', '0 .', '7 B.Test'), { maxLength: 3 }),
  at: fc.constantFrom(APEX, DKIM.name, DMARC.name),
  alias: fc.boolean(),
});
test('property: after a plan the next one is empty, foreign strings stay in order, and back again is as before', () => {
  fc.assert(
    fc.property(foreign, ({ txt, mx, at, alias }) => {
      const zone = new Map<string, RecordSet>();
      const put = (one: RecordSet) => void zone.set(`${one.name} ${one.type}`, one);
      if (txt.length > 0) put(set(at, 'TXT', txt));
      if (mx.length > 0) put(set(APEX, 'MX', mx));
      if (alias) put(set(SRV.name, 'CNAME', ['elsewhere.test']));
      const before = new Map(zone);
      const wanted = () => {
        const there = existingSpf(zone.get(`${APEX} TXT`));
        const merged =
          there === null
            ? 'v=spf1 include:x -all'
            : there.includes(' include:x')
              ? there
              : there.replace('spf1', 'spf1 include:x');
        return [...MX, spf(merged), DKIM, DMARC, SRV];
      };
      const first = plan(wanted(), [...zone.values()]);
      const write = (
        changes: readonly Omit<DnsPlan['changes'][number], 'purpose' | 'message' | 'message_ja'>[],
      ) => {
        for (const { name, type, after, ttl } of changes) {
          if (after.length === 0) zone.delete(`${name} ${type}`);
          else put({ name, type, ttl: ttl.after!, values: after });
        }
      };
      write(first.changes);
      assert.deepEqual(plan(wanted(), [...zone.values()]).changes, []);
      const kept = (values: readonly string[] | undefined) =>
        (values ?? []).map(txtText).filter((text) => !/^v=(spf1|DKIM1|DMARC1)/i.test(text) && !isKey(text));
      // A key may leave out its version (RFC 6376 §3.6.1).
      function isKey(text: string): boolean {
        return at === DKIM.name && /^(k=\w+\s*;\s*)?p\s*=/i.test(text);
      }
      assert.deepEqual(kept(zone.get(`${at} TXT`)?.values), kept(before.get(`${at} TXT`)?.values));
      write(first.changes.map(reversed));
      assert.deepEqual([...zone].sort(), [...before].sort());
    }),
  );
});
