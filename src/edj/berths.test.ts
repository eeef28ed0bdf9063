/** Berths under attack: a few projects leave room at once, any number after the patience. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DeliveryId, ProjectId } from '../runtime/ids.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createBerths } from './berths.ts';

function harbour(count: number) {
  const clock = createFakeClock();
  const berths = createBerths({ berths: count, patienceMs: 3_000, clock });
  const given: string[] = [];
  const ships = { made: 0 };
  /** As many of the project as are let in. */
  function enter(project: string, wanted = Number.POSITIVE_INFINITY): Disposable[] {
    const entered: Disposable[] = [];
    while (entered.length < wanted && berths.free > 0 && berths.room(project as ProjectId) > 0) {
      ships.made += 1;
      const id = `${project}${ships.made}` as DeliveryId;
      const guest = { id, projectId: project as ProjectId };
      const berth = berths.enter(guest, () => {
        given.push(project);
        berth[Symbol.dispose]();
      });
      entered.push(berth);
    }
    return entered;
  }
  return { clock, berths, given, enter };
}

test('one project has half, the next a quarter; what a claim is promised can be had', () => {
  const { berths, enter } = harbour(128);
  assert.equal(berths.room('a' as ProjectId), 64);
  assert.equal(enter('a').length, 64);
  assert.equal(berths.room('a' as ProjectId), 0);
  assert.equal(berths.room('b' as ProjectId), 32);
  assert.equal(enter('b').length, 32);
});

test('forty that hang have all berths: one with none gets a berth after the patience, of who has most', async () => {
  const { clock, berths, given, enter } = harbour(128);
  for (let i = 0; i < 40; i++) enter(`hanging-${i}`);
  assert.equal(berths.free, 0);
  assert.equal(berths.room('hanging-0' as ProjectId), 0);
  assert.equal(berths.room('new' as ProjectId), 1);
  assert.equal(berths.makeRoom(), 3_000);
  await clock.advance(2_999);
  assert.equal(berths.makeRoom(), 1);
  assert.deepEqual(given, []);
  await clock.advance(1);
  for (let i = 0; i < 33; i++) {
    berths.makeRoom();
    assert.equal(enter(`new-${i}`).length, 1);
  }
  assert.deepEqual(new Set(given), new Set(['hanging-0']));
  berths.makeRoom();
  enter('another');
  assert.equal(given.at(-1), 'hanging-1');
});

test('nobody gives up their only berth', async () => {
  const { clock, berths, given, enter } = harbour(4);
  for (const project of ['a', 'b', 'c', 'd']) enter(project, 1);
  await clock.advance(60_000);
  assert.equal(berths.makeRoom(), null);
  assert.deepEqual(given, []);
});

test('while one that was asked to give up is still there, no other is asked', async () => {
  const clock = createFakeClock();
  const berths = createBerths({ berths: 2, patienceMs: 3_000, clock });
  const asked: string[] = [];
  const projectId = 'a' as ProjectId;
  const [first] = ['1', '2'].map((id) =>
    berths.enter({ id: id as DeliveryId, projectId }, () => void asked.push(id)),
  );
  assert.equal(berths.of(projectId), 2);
  await clock.advance(3_000);
  for (let i = 0; i < 2; i++) assert.equal(berths.makeRoom(), null);
  assert.deepEqual(asked, ['1']);
  first![Symbol.dispose]();
  assert.equal(berths.free, 1);
});

test('whatever comes and goes: never more than there are, and a project with none waits for the patience at most', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          project: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
          wanted: fc.integer({ min: 1, max: 20 }),
          pause: fc.integer({ min: 0, max: 2_000 }),
          leaves: fc.boolean(),
        }),
        { maxLength: 30 },
      ),
      async (steps) => {
        const { clock, berths, enter } = harbour(16);
        for (const { project, wanted, pause, leaves } of steps) {
          for (const berth of enter(project, wanted)) if (leaves) berth[Symbol.dispose]();
          assert.ok(berths.free >= 0);
          const held = ['a', 'b', 'c', 'd', 'e'].map((id) => berths.of(id as ProjectId));
          assert.equal(
            held.reduce((a, b) => a + b),
            16 - berths.free,
          );
          await clock.advance(pause);
        }
        if (berths.free === 0) {
          const wait = berths.makeRoom();
          await clock.advance(wait ?? 0);
          if (wait !== null) berths.makeRoom();
        }
        assert.equal(enter('new', 1).length, 1);
      },
    ),
  );
});
