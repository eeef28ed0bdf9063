/** Lanes of subscribers: their width, their order, and what failing ones leave to the others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeliveryId, ProjectId, SubscriberId } from '../runtime/ids.ts';
import { createLanes, type Lanes, type Next } from './lanes.ts';
import type { DueDelivery } from './topics.ts';

const made = { count: 0 };
function delivery(subscriber: string, project = 'p'): DueDelivery {
  made.count += 1;
  const id = `${subscriber} ${made.count}` as DeliveryId;
  const [subscriberId, projectId] = [subscriber as SubscriberId, project as ProjectId];
  return { delivery: { id, subscriberId, projectId } } as unknown as DueDelivery;
}
const NONE: ReadonlySet<SubscriberId> = new Set();
function fill(lanes: Lanes, subscriber: string, count: number, project = 'p'): void {
  const items = Array.from({ length: count }, () => delivery(subscriber, project));
  lanes.add(items, NONE, true);
}
/** A project may have as many places as it likes. */
const WIDE = () => ({ held: 0, more: 1_000 });
function begin(lanes: Lanes, most = Number.POSITIVE_INFINITY, room = WIDE): Next[] {
  const begun: Next[] = [];
  while (begun.length < most) {
    const next = lanes.next(room);
    if (next === null) break;
    begun.push(next);
  }
  return begun;
}
const of = (begun: readonly Next[]) => begun.map(({ item }) => item.delivery.subscriberId);
const taken = { taken: true, ms: 10 };
const refused = { taken: false, ms: 10 };

test('a lane begins with four deliveries, grows to 64 while answers are quick, and falls to one when they fail', () => {
  const lanes = createLanes();
  fill(lanes, 's', 1_000);
  const widths: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    const begun = begin(lanes);
    widths.push(begun.length);
    for (const next of begun) next.end(taken);
  }
  assert.deepEqual(widths, [4, 8, 16, 32, 64, 64, 64]);
  for (const next of begin(lanes)) next.end(refused);
  assert.equal(begin(lanes).length, 1);
});
test('after a failure a lane grows by one a round; a slow answer lets it stay', () => {
  const lanes = createLanes();
  fill(lanes, 's', 500);
  const [first, ...others] = begin(lanes);
  first!.end(refused);
  for (const next of others) next.end({ taken: true, ms: 2_000 });
  const widths: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    const begun = begin(lanes);
    widths.push(begun.length);
    for (const next of begun) next.end(taken);
  }
  assert.deepEqual(widths, [2, 3, 4, 5]);
});
/** Deliveries of which each comes after the one before. */
function chain(subscriber: string, count: number): DueDelivery[] {
  const items = Array.from({ length: count }, () => delivery(subscriber));
  return items.map((item, i) => (i === 0 ? item : { ...item, behind: items[i - 1]!.delivery.id }));
}
const idsOf = (items: readonly DueDelivery[]) => items.map(({ delivery: { id } }) => id);

test('a delivery begins after the one that it comes after, and before others of its lane; the others do not wait', () => {
  const lanes = createLanes();
  const key = chain('s', 3);
  const alone = Array.from({ length: 6 }, () => delivery('s'));
  assert.deepEqual(lanes.add([...key, ...alone], NONE, true), []);
  const [head, ...others] = begin(lanes);
  assert.deepEqual(idsOf([head!, ...others].map(({ item }) => item)), idsOf([key[0]!, ...alone.slice(0, 3)]));
  assert.deepEqual(head!.end(taken), []);
  const [second] = begin(lanes, 1);
  assert.equal(second!.item, key[1]);
  assert.deepEqual(
    second!.end({ ...refused, holds: false }),
    [],
    'one that fails but holds nothing is passed',
  );
  for (const next of others) next.end(taken);
  assert.equal(begin(lanes, 1)[0]!.item, key[2]);
});
test('one that fails and holds, or is skipped, takes those behind it out of memory', () => {
  const lanes = createLanes();
  for (const leave of [(next: Next) => next.end({ ...refused, holds: true }), (next: Next) => next.skip()]) {
    const key = chain('s', 3);
    lanes.add(key, NONE, true);
    const [head] = begin(lanes);
    assert.deepEqual(idsOf(leave(head!)), idsOf(key.slice(1)));
    assert.equal(begin(lanes).length, 0);
    // The store was asked before it ended.
    const late = { ...delivery('s'), behind: key[0]!.delivery.id };
    assert.deepEqual(lanes.add([late], NONE, true), [late]);
  }
});
test('those behind others take no room of the lane, and are bounded', () => {
  const lanes = createLanes();
  const room = lanes.roomOf('s' as SubscriberId);
  lanes.add(chain('s', 500), NONE, true);
  assert.equal(lanes.roomOf('s' as SubscriberId), room - 1);
  lanes.add(chain('s', 14), new Set(['s' as SubscriberId]), true);
  assert.equal(lanes.roomOf('s' as SubscriberId), 0);
  assert.deepEqual(lanes.full(), ['s']);
  assert.equal(lanes.wants, false);
});
test('projects take turns, and within a project its subscribers', () => {
  const lanes = createLanes();
  for (const subscriber of ['a', 'b', 'c']) fill(lanes, subscriber, 3);
  fill(lanes, 'z', 3, 'q');
  assert.deepEqual(of(begin(lanes, 6)), ['a', 'z', 'b', 'z', 'c', 'z']);
});
test('the deliveries of a lane begin in the order in which they came', () => {
  const lanes = createLanes();
  const items = Array.from({ length: 8 }, () => delivery('s'));
  lanes.add(items, NONE, true);
  const begun = begin(lanes);
  for (const next of begun) next.end(taken);
  const ids = [...begun, ...begin(lanes)].map(({ item }) => item.delivery.id);
  assert.deepEqual(
    ids,
    items.map((item) => item.delivery.id),
  );
});
test('subscribers that fail leave the places of their project to those that answer', () => {
  const lanes = createLanes();
  for (let i = 0; i < 100; i += 1) fill(lanes, `down-${i}`, 20);
  fill(lanes, 'up', 20);
  const held = { count: 0 };
  const room = () => ({ held: held.count, more: 40 - held.count });
  const count = (most?: number) => {
    const begun: Next[] = [];
    while (begun.length < (most ?? Number.POSITIVE_INFINITY)) {
      const next = lanes.next(room);
      if (next === null) break;
      held.count += 1;
      begun.push(next);
    }
    return begun;
  };
  for (let round = 0; round < 60; round += 1)
    for (const next of count()) {
      next.end(next.item.delivery.subscriberId === 'up' ? taken : refused);
      held.count -= 1;
    }
  for (let i = 0; i < 100; i += 1) fill(lanes, `down-${i}`, 20);
  fill(lanes, 'up', 60);
  fill(lanes, 'new', 20);
  const begun = of(count());
  const [up, fresh] = ['up', 'new'].map((name) => begun.filter((each) => each === name).length);
  const down = begun.length - up! - fresh!;
  assert.ok(up! >= 20, `the one that answers has ${up} of 40`);
  assert.ok(down <= 10, `those that fail have ${down} of 40`);
});
test('a new subscriber has a place although one that answers quickly takes all it can get', () => {
  const lanes = createLanes();
  fill(lanes, 'busy', 2_000);
  const [place] = begin(lanes, 1);
  place!.end(taken);
  for (let round = 0; round < 8; round += 1) for (const next of begin(lanes)) next.end(taken);
  fill(lanes, 'new', 1);
  const held = { count: 0 };
  const room = () => ({ held: held.count, more: 16 - held.count });
  const begun: Next[] = [];
  for (let next = lanes.next(room); next !== null; next = lanes.next(room)) {
    held.count += 1;
    begun.push(next);
  }
  assert.ok(of(begun).includes('new' as SubscriberId));
});
test('subscribers that answer slowly leave places to those that answer quickly', () => {
  const lanes = createLanes();
  for (let i = 0; i < 50; i += 1) fill(lanes, `slow-${i}`, 40);
  const places = 32;
  const held = { count: 0 };
  const room = () => ({ held: held.count, more: places - held.count });
  const take = () => {
    const begun: Next[] = [];
    for (let next = lanes.next(room); next !== null; next = lanes.next(room)) {
      held.count += 1;
      begun.push(next);
    }
    return begun;
  };
  for (let round = 0; round < 20; round += 1)
    for (const next of take()) {
      next.end({ taken: true, ms: 14_000 });
      held.count -= 1;
    }
  const slow = take();
  assert.ok(slow.length >= 4 && slow.length <= places / 2, String(slow.length));
  fill(lanes, 'quick', 4);
  assert.equal(of(take()).filter((each) => each === 'quick').length, 4);
});
test('a project without room is passed over, and has its turn when it has room again', () => {
  const lanes = createLanes();
  fill(lanes, 'a', 2, 'full');
  fill(lanes, 'b', 2, 'free');
  const room = (project: ProjectId) => ({ held: 0, more: project === 'full' ? 0 : 9 });
  const begun: Next[] = [];
  for (let next = lanes.next(room); next !== null; next = lanes.next(room)) begun.push(next);
  assert.deepEqual(of(begun), ['b', 'b']);
  assert.deepEqual([...lanes.waiting()], ['full']);
  assert.deepEqual(of(begin(lanes)), ['a', 'a']);
});
test('a lane asks for more while half of what it may hold is gone and the store has more, and no longer', () => {
  const lanes = createLanes();
  const subscriber = 's' as SubscriberId;
  assert.equal(lanes.roomOf(subscriber), 8);
  const items = Array.from({ length: 8 }, () => delivery('s'));
  lanes.add(items, new Set([subscriber]), true);
  assert.deepEqual([lanes.roomOf(subscriber), lanes.full()], [0, [subscriber]]);
  assert.equal(lanes.wants, false);
  const begun = begin(lanes);
  assert.equal(lanes.wants, true);
  lanes.add([], NONE, false);
  assert.equal(lanes.wants, true, 'a look at others says nothing of it');
  lanes.add([], NONE, true);
  assert.equal(lanes.wants, false);
  for (const next of begun) next.end(taken);
  assert.equal(lanes.roomOf(subscriber), 12);
});
test('what is skipped counts as nothing, and its lane asks again', () => {
  const lanes = createLanes();
  fill(lanes, 's', 1);
  const [next] = begin(lanes);
  next!.skip();
  assert.equal(lanes.wants, true);
  assert.equal(begin(lanes).length, 0);
  fill(lanes, 's', 9);
  assert.equal(begin(lanes).length, 4);
});
