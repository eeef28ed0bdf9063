import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createLargePlaces, type LargePlace, NoLargePlace } from './large.ts';

const MIB = 1024 * 1024;
function setUp() {
  const clock = createFakeClock();
  const again: string[] = [];
  const places = createLargePlaces<string>(clock, (jobs) => again.push(...jobs));
  /** What has become of one that waits for a place. */
  const waits = (project: string) => {
    const state = { is: 'waiting' };
    places.take(project, MIB).then(
      () => {
        state.is = 'there';
      },
      (error: unknown) => {
        state.is = error instanceof NoLargePlace ? 'none' : 'broken';
      },
    );
    return state;
  };
  return { clock, again, places, waits };
}
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('a project alone has half of the places, the next one half of the rest', async () => {
  const { places, waits } = setUp();
  for (let i = 0; i < 3; i += 1) await places.take('p', MIB);
  const more = waits('p');
  for (let i = 0; i < 2; i += 1) await places.take('q', MIB);
  await places.take('r', MIB);
  await turn();
  assert.equal(more.is, 'waiting');
});
test('who waits for a place has it when one is given back, in turns over the projects; else none after a while', async () => {
  const { clock, places, waits } = setUp();
  const held: LargePlace[] = [];
  for (const project of ['p', 'p', 'p', 'q', 'q', 'r']) held.push(await places.take(project, MIB));
  const [own, newcomer] = [waits('p'), waits('s')];
  held[0]!.leave();
  held[0]!.leave();
  await turn();
  assert.deepEqual([own.is, newcomer.is], ['waiting', 'there']);
  await clock.advance(10_000);
  await turn();
  assert.equal(own.is, 'none');
  for (const place of held.slice(1, 3)) place.leave();
  await places.take('p', MIB);
});
test('a job whose project has no place waits before it begins, and begins when some other has ended', async () => {
  const { places, again } = setUp();
  const held: LargePlace[] = [];
  for (let i = 0; i < 3; i += 1) {
    assert.ok(places.begin('p', `${i}`));
    held.push(await places.take('p', MIB));
  }
  for (let i = 3; i < 1000; i += 1) assert.equal(places.begin('p', `${i}`), false);
  assert.ok(places.begin('q', 'q'), 'another project has room');
  places.ended();
  assert.deepEqual(again, [], 'q has ended, p has no room yet');
  held[0]!.leave();
  places.ended();
  assert.deepEqual(again, ['3', '4', '5', '6'], 'no more at once than there are places');
});
test('what ends without ever taking a place begins others, until none waits', async () => {
  const { places, again } = setUp();
  const held: LargePlace[] = [];
  for (let i = 0; i < 3; i += 1) held.push(await places.take('p', MIB));
  for (let i = 0; i < 100; i += 1) places.begin('p', `${i}`);
  for (const place of held) place.leave();
  places.ended();
  for (let seen = 0; seen < again.length; seen += 1) if (places.begin('p', again[seen]!)) places.ended();
  assert.deepEqual(
    again,
    Array.from({ length: 100 }, (_, i) => `${i}`),
  );
});
test('a job that got no place comes again', async () => {
  const { places, again } = setUp();
  assert.ok(places.begin('p', 'x'));
  places.ended({ project: 'p', job: 'x' });
  assert.deepEqual(again, ['x']);
});
test('who is slower than the least pace loses his place, once anybody waits', async () => {
  const { clock, places, waits } = setUp();
  const held: LargePlace[] = [];
  for (const project of ['p', 'p', 'p', 'q', 'q', 'r']) held.push(await places.take(project, MIB));
  await clock.advance(600_000);
  await turn();
  const lost = () => held.map(({ signal }) => signal.aborted);
  assert.ok(!lost().includes(true), 'nobody waits');
  held.shift()!.leave();
  held.push(await places.take('s', MIB));
  const newcomer = waits('t');
  await clock.advance(1000);
  assert.deepEqual(lost(), [true, true, true, true, true, false]);
  held[0]!.leave();
  await turn();
  assert.equal(newcomer.is, 'there');
});
