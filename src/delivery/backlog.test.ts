import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProjectId } from '../runtime/ids.ts';
import { createBacklog } from './backlog.ts';

const p = 'p' as ProjectId;
const summary = (lane: string, nextDue: number) => ({
  project: p,
  lane,
  queued: 1,
  deferred: 2,
  held: 0,
  nextDue,
});

test('lanes come up when they are due, earliest first, and each once', () => {
  const backlog = createBacklog();
  backlog.load([summary('b', 20), summary('a', 10), summary('c', 30)]);
  assert.deepEqual(backlog.totals, { queued: 3, deferred: 6, held: 0 });
  assert.equal(backlog.nextDue, 10);
  assert.equal(backlog.due(25)?.lane, 'a');
  assert.equal(backlog.due(25)?.lane, 'b');
  assert.equal(backlog.due(25), null);
  backlog.schedule(backlog.lane(p, 'a'), 40);
  backlog.schedule(backlog.lane(p, 'a'), 26);
  backlog.schedule(backlog.lane(p, 'a'), 50);
  assert.equal(backlog.due(26)?.lane, 'a');
  assert.equal(backlog.due(100)?.lane, 'c');
  assert.equal(backlog.due(100), null);
});
test('a blocked lane is not forgotten: it comes up once it is unblocked', () => {
  const backlog = createBacklog();
  const lane = backlog.lane(p, 'a');
  backlog.count(lane, 'deferred', 1);
  lane.blocked = true;
  backlog.schedule(lane, 5);
  assert.equal(backlog.due(10), null);
  backlog.unblock(lane);
  assert.equal(backlog.due(10), lane);
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
  assert.equal(backlog.due(10), null);
  assert.notEqual(backlog.lane(p, 'a'), lane);
});
