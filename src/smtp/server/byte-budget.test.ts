/** Who gets room for large mail, and who makes it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { prefixesOf } from '../../runtime/prefixes.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { createByteBudget, type Grant, SMALL } from './byte-budget.ts';

const MIB = 1024 * 1024;
const LARGE = 10 * MIB;

function sharesOf(who: string): readonly string[] {
  return who.startsWith('project') ? [who] : prefixesOf(who).map(({ text }) => text);
}
function setUp() {
  const clock = createFakeClock();
  const budget = createByteBudget(clock);
  const dropped: string[] = [];
  /** A message of a project, or of an address, of which so many octets have come. */
  function want(who: string, octets: number, received: () => number | null = () => 0) {
    const held: { grant: Grant | null } = { grant: null };
    held.grant = budget.take(octets, {
      shares: sharesOf(who),
      received,
      drop() {
        dropped.push(who);
        held.grant!.release();
      },
    });
    return held.grant;
  }
  return { clock, budget, dropped, want };
}

for (const [name, holders] of [
  ['address', ['192.0.2.1', '192.0.2.1', '192.0.2.1']],
  ['/26', ['192.0.2.1', '192.0.2.2', '192.0.2.3']],
  ['/21', ['192.0.2.1', '192.0.3.1', '192.0.4.1']],
  ['/64', ['2001:db8::1', '2001:db8::2', '2001:db8::3']],
  ['/48', ['2001:db8::1', '2001:db8:0:1::1', '2001:db8:0:2::1']],
  ['project', ['project a', 'project a', 'project a']],
] as const) {
  test(`one ${name} that has all makes room for others, its slowest first, down to what they have`, () => {
    const { budget, dropped, want } = setUp();
    for (const [i, who] of holders.entries()) assert.ok(want(who, LARGE, () => (i === 1 ? 5 : 500)));
    assert.ok(want('198.51.100.1', LARGE));
    assert.deepEqual(dropped, [holders[1]]);
    assert.ok(want('project b', LARGE));
    assert.equal(dropped.length, 2);
    assert.equal(want('project c', LARGE), null, 'each has as much');
    assert.deepEqual([dropped.length, budget.used], [2, 3 * LARGE]);
  });
}

test('nobody makes room for its own address, nor for its own network that has more', () => {
  const { dropped, want } = setUp();
  for (let i = 0; i < 3; i++) want('192.0.2.1', LARGE);
  assert.equal(want('192.0.2.1', LARGE), null);
  const other = setUp();
  for (const who of ['192.0.2.1', '192.0.2.2', '198.51.100.1']) other.want(who, LARGE);
  assert.equal(other.want('192.0.2.3', LARGE), null);
  assert.deepEqual([...dropped, ...other.dropped], []);
});

test('where all have as much, mail that would take over a minute makes room, after ten seconds', async () => {
  const { clock, dropped, want } = setUp();
  let fast = 0;
  want('192.0.2.1', LARGE, () => fast);
  want('198.51.100.1', LARGE, () => 300 * 1024);
  want('203.0.113.1', LARGE, () => fast);
  assert.equal(want('2001:db8::1', LARGE), null);
  await clock.advance(10_001);
  fast = 3 * MIB;
  assert.ok(want('2001:db8::1', LARGE));
  assert.deepEqual(dropped, ['198.51.100.1']);
  assert.equal(want('2001:db8:1::1', LARGE), null);
});

test('mail that cannot come within the time of DATA makes room for anybody, its own address too', async () => {
  const { clock, dropped, want } = setUp();
  for (const octets of [300 * 1024, 300 * 1024, MIB]) want('192.0.2.1', LARGE, () => octets);
  assert.equal(want('192.0.2.1', LARGE), null);
  await clock.advance(30_000);
  assert.ok(want('192.0.2.1', LARGE));
  assert.ok(want('192.0.2.1', LARGE));
  assert.equal(want('192.0.2.1', LARGE), null, 'slow, but it can come');
  assert.deepEqual(dropped, ['192.0.2.1', '192.0.2.1']);
});

test('who has room already takes none of late mail that has as much', async () => {
  const { clock, dropped, want } = setUp();
  for (const who of ['192.0.2.1', '198.51.100.1', '203.0.113.1']) want(who, LARGE, () => MIB);
  await clock.advance(10_001);
  assert.equal(want('192.0.2.1', LARGE), null);
  assert.deepEqual(dropped, []);
});

test('mail that is whole is never dropped, nobody is dropped in vain, and to ask costs nobody anything', () => {
  const { budget, dropped, want } = setUp();
  for (let i = 0; i < 3; i++) want('192.0.2.1', LARGE, () => (i < 2 ? null : 0));
  assert.equal(budget.fits(20 * MIB, ['other']), false);
  assert.equal(want('198.51.100.1', 20 * MIB), null);
  assert.equal(budget.fits(LARGE, ['other']), true);
  assert.deepEqual([dropped, budget.used], [[], 3 * LARGE]);
});

test('small mail has what large mail may not take; what is given back twice counts once', () => {
  const { budget, want } = setUp();
  const large = want('192.0.2.1', 32 * MIB)!;
  for (let i = 0; i < 128; i++) assert.ok(want('192.0.2.1', SMALL));
  assert.equal(want('192.0.2.1', SMALL), null);
  large.release();
  large.release();
  assert.equal(budget.used, 32 * MIB);
});

const WHO = [
  '192.0.2.1',
  '192.0.2.2',
  '198.51.100.1',
  '2001:db8::1',
  '2001:db8:0:1::1',
  'project a',
  'project b',
];
const move = fc.oneof(
  fc.record({
    kind: fc.constant('take' as const),
    who: fc.constantFrom(...WHO),
    octets: fc.oneof(fc.integer({ min: 1, max: 40 * MIB }), fc.constantFrom(SMALL, MIB, LARGE)),
    received: fc.option(fc.integer({ min: 0, max: LARGE }), { freq: 4 }),
  }),
  fc.record({ kind: fc.constant('release' as const), which: fc.nat() }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 30_000 }) }),
);

test('however room is taken, given back and made: what is used is what is held, and in the end nothing is', () =>
  fc.assert(
    fc.asyncProperty(fc.array(move, { maxLength: 100 }), async (moves) => {
      const clock = createFakeClock();
      const counts = { taken: 0, released: 0 };
      const budget = createByteBudget(clock, (octets) => {
        counts.released += octets;
      });
      const held = new Set<{ grant: Grant | null }>();
      const inAll = () => [...held].reduce((sum, { grant }) => sum + grant!.octets, 0);
      for (const one of moves) {
        if (one.kind === 'wait') await clock.advance(one.ms);
        if (one.kind === 'release') {
          const gone = [...held][one.which % Math.max(1, held.size)];
          if (gone === undefined) continue;
          held.delete(gone);
          gone.grant!.release();
          gone.grant!.release();
        }
        if (one.kind === 'take') {
          const { who, octets, received } = one;
          const shares = sharesOf(who);
          const before = held.size;
          const fits = budget.fits(octets, shares);
          const mine: { grant: Grant | null } = { grant: null };
          mine.grant = budget.take(octets, {
            shares,
            received: () => received,
            drop() {
              assert.ok(held.delete(mine), 'dropped once');
              assert.notEqual(received, null, 'not once it is whole');
              mine.grant!.release();
            },
          });
          assert.equal(mine.grant !== null, fits);
          if (mine.grant === null) assert.equal(held.size, before, 'nobody goes in vain');
          else {
            assert.ok(budget.used <= (octets <= SMALL ? 64 : 32) * MIB);
            counts.taken += octets;
            held.add(mine);
          }
        }
        assert.equal(budget.used, inAll());
        assert.equal(counts.taken - counts.released, inAll());
      }
      for (const { grant } of held) grant!.release();
      assert.equal(budget.used, 0);
      // Nothing is left on anybody's account either: each is the one with nothing beside somebody with all.
      for (const who of WHO) {
        const other = { shares: ['other'], received: () => 0, drop: () => grants[0]!.release() };
        const grants = [budget.take(16 * MIB, other)!, budget.take(16 * MIB, other)!];
        const mine = budget.take(LARGE, {
          shares: sharesOf(who),
          received: () => 0,
          drop: assert.fail,
        });
        assert.ok(mine, who);
        for (const grant of [...grants, mine]) grant.release();
      }
      assert.equal(budget.used, 0);
    }),
  ));
