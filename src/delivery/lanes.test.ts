import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLanes, type Feedback, type JobClass } from './lanes.ts';

const lanes = (over: { perSite?: number; total?: number } = {}) =>
  createLanes<string>({ perSite: () => over.perSite ?? 20, total: over.total ?? 1000 });
type L = ReturnType<typeof lanes>;
function fill(l: L, site: string, project: string, count: number, kind: JobClass = 'new'): void {
  for (let i = 0; i < count; i++) l.push(site, project, `${site}/${project}/${kind}/${i}`, kind);
}
/** Takes all that may run now. */
function takeAll(l: L) {
  const taken: NonNullable<ReturnType<L['take']>>[] = [];
  for (let next = l.take(); next !== null; next = l.take()) taken.push(next);
  return taken;
}
const finish = (taken: readonly { done: (f: Feedback) => void }[], feedback: Feedback) => {
  for (const { done } of taken) done(feedback);
};

test('concurrency begins small, grows with success up to the cap, and halves once for all that ran together', () => {
  const l = lanes({ perSite: 12 });
  fill(l, 'a', 'p', 200);
  const first = takeAll(l);
  assert.equal(first.length, 5);
  finish(first, 'good');
  const second = takeAll(l);
  assert.equal(second.length, 10);
  finish(second, 'good');
  const third = takeAll(l);
  assert.equal(third.length, 12);
  finish(third, 'overloaded');
  const fourth = takeAll(l);
  assert.equal(fourth.length, 6);
  finish(fourth, 'neutral');
  assert.equal(takeAll(l).length, 6);
});
test('what was learnt of a site outlives its work', () => {
  const l = lanes();
  fill(l, 'a', 'p', 5);
  finish(takeAll(l), 'overloaded');
  fill(l, 'a', 'p', 5);
  assert.equal(takeAll(l).length, 2);
});
test('a site that is full stops nobody else; lanes of one site take turns over projects', () => {
  const l = lanes({ perSite: 4 });
  fill(l, 'a', 'p', 50);
  fill(l, 'a', 'q', 50);
  fill(l, 'b', 'p', 2);
  const taken = takeAll(l).map(({ job }) => job.split('/').slice(0, 2).join('/'));
  assert.deepEqual([...taken].sort(), ['a/p', 'a/p', 'a/q', 'a/q', 'b/p', 'b/p']);
});
test('while most places are taken, only a proven site gets more than one', () => {
  const l = lanes({ total: 20 });
  fill(l, 'good', 'p', 5);
  finish(takeAll(l), 'good');
  for (let i = 0; i < 30; i++) fill(l, `silent${i}`, 'p', 20);
  const silent = takeAll(l);
  assert.equal(silent.length, 20);
  for (const { done } of silent.slice(0, 4)) done('neutral');
  fill(l, 'good', 'p', 50);
  const after = takeAll(l).map(({ job }) => job.split('/')[0]);
  assert.equal(after.length, 4);
});
test('one new alternates with one deferred; priority goes first but does not shut them out', () => {
  const l = lanes({ perSite: 1 });
  fill(l, 'a', 'p', 3, 'deferred');
  fill(l, 'a', 'p', 3, 'new');
  fill(l, 'a', 'p', 10, 'priority');
  const order: string[] = [];
  for (let next = l.take(); next !== null; next = l.take()) {
    order.push(next.job.split('/')[2]!);
    next.done('neutral');
  }
  const [P, N, D] = ['priority', 'new', 'deferred'];
  assert.deepEqual(order, [P, P, P, P, P, P, P, P, N, P, P, D, N, D, N, D]);
  assert.deepEqual([l.waiting, l.active], [0, 0]);
});
