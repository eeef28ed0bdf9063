import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProjectId } from '../runtime/ids.ts';
import { type Backlog, type BacklogLane, createBacklog } from './backlog.ts';

const p = 'p' as ProjectId;
const summary = (lane: string, nextDue: number, project = p) => ({
  project,
  lane,
  queued: 1,
  deferred: 2,
  held: 0,
  nextDue,
});

/** The next lane due, as long as its project has room. */
const next = (backlog: Backlog, now: number) => backlog.due(now, 1, () => 1)[0];
const names = (lanes: readonly BacklogLane[]) => lanes.map(({ lane }) => lane);

test('lanes come up when they are due, earliest first, and each once', () => {
  const backlog = createBacklog();
  backlog.load([summary('b', 20), summary('a', 10), summary('c', 30)]);
  assert.deepEqual(backlog.totals, { queued: 3, deferred: 6, held: 0 });
  assert.equal(backlog.nextDue, 10);
  assert.equal(next(backlog, 25)?.lane, 'a');
  assert.equal(next(backlog, 25)?.lane, 'b');
  assert.equal(next(backlog, 25), undefined);
  backlog.schedule(backlog.lane(p, 'a'), 40);
  backlog.schedule(backlog.lane(p, 'a'), 26);
  backlog.schedule(backlog.lane(p, 'a'), 50);
  assert.equal(next(backlog, 26)?.lane, 'a');
  assert.equal(next(backlog, 100)?.lane, 'c');
  assert.equal(next(backlog, 100), undefined);
});
test('a blocked lane is not forgotten: it comes up once it is unblocked', () => {
  const backlog = createBacklog();
  const lane = backlog.lane(p, 'a');
  backlog.count(lane, 'deferred', 1);
  lane.blocked = true;
  backlog.schedule(lane, 5);
  assert.equal(next(backlog, 10), undefined);
  backlog.unblock(lane);
  assert.equal(next(backlog, 10), lane);
});
test('a lane without rows is forgotten, in the store and in memory', () => {
  const backlog = createBacklog();
  const lane = backlog.lane(p, 'a');
  backlog.count(lane, 'queued', 1);
  backlog.enter(lane, true);
  backlog.schedule(lane, 5);
  backlog.count(lane, 'queued', -1);
  assert.equal([...backlog.lanes].length, 1);
  backlog.leave(lane, true);
  assert.deepEqual([...backlog.lanes], []);
  assert.equal(next(backlog, 10), undefined);
  assert.notEqual(backlog.lane(p, 'a'), lane);
});

test('projects take turns, the earliest lane of each first, however many lanes one has due', () => {
  const backlog = createBacklog();
  const many = Array.from({ length: 1000 }, (_, n) => summary(`silent${n}`, n));
  const rivals = ['q', 'r'].map((id) => summary(`lane of ${id}`, 5000, id as ProjectId));
  backlog.load([...many, ...rivals]);
  const room = () => 100;
  assert.deepEqual(names(backlog.due(5000, 4, room)), ['silent0', 'lane of q', 'lane of r', 'silent1']);
  backlog.schedule(backlog.lane('q' as ProjectId, 'lane of q'), 5000);
  assert.deepEqual(names(backlog.due(5000, 1, room)), ['silent2']);
  assert.deepEqual(names(backlog.due(5000, 1, room)), ['lane of q'], 'it was not its turn yet');
});
test('a project without room is passed over with all its lanes, and forgets none of them', () => {
  const backlog = createBacklog();
  const q = 'q' as ProjectId;
  backlog.load([summary('a', 1), summary('b', 2), summary('c', 3), summary('d', 4, q)]);
  const left = new Map([
    [p, 2],
    [q, 5],
  ]);
  const room = (project: ProjectId) => left.get(project)!;
  assert.deepEqual(names(backlog.due(10, 32, room)), ['a', 'd', 'b']);
  left.set(p, 0);
  assert.deepEqual(backlog.due(10, 32, room), []);
  assert.deepEqual([...backlog.starved], [p]);
  assert.equal(backlog.nextDue, null, 'nobody needs to look before it is fed');
  left.set(p, 2);
  assert.deepEqual(backlog.due(10, 32, room), []);
  backlog.feed(p);
  assert.equal(backlog.nextDue, 3);
  assert.deepEqual(names(backlog.due(10, 32, room)), ['c']);
});
