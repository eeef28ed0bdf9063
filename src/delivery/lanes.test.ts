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
test('a project holds no more places than are free, and the next one finds its own at once', () => {
  const l = lanes({ total: 40 });
  for (let i = 0; i < 100; i++) fill(l, `silent${i}`, 'p', 20);
  assert.equal(takeAll(l).length, 20);
  fill(l, 'good', 'q', 3);
  const rival = takeAll(l);
  assert.deepEqual(
    rival.map(({ job }) => job.split('/')[1]),
    ['q', 'q', 'q'],
  );
  for (let i = 0; i < 100; i++) fill(l, `silent of r${i}`, 'r', 20);
  assert.equal(takeAll(l).length, 9, 'of 17 that are free');
  finish(rival, 'good');
  fill(l, 'good', 'q', 20);
  assert.equal(takeAll(l).length, 6, 'of 11');
});
test('what a connection counts for is the project whose mail it carries', () => {
  const l = lanes({ total: 20, perSite: 20 });
  fill(l, 'shared', 'p', 5);
  finish(takeAll(l), 'good');
  fill(l, 'shared', 'p', 50);
  fill(l, 'shared', 'q', 50);
  const first = takeAll(l);
  const of = (project: string) => first.filter(({ job }) => job.split('/')[1] === project);
  assert.deepEqual([of('p').length, of('q').length], [5, 5]);
  finish(of('p'), 'good');
  const second = takeAll(l).map(({ job }) => job.split('/')[1]);
  assert.ok(second.filter((project) => project === 'p').length >= 5);
});
test('projects take turns, however many sites one of them sends to', () => {
  const l = lanes({ total: 1000 });
  for (let i = 0; i < 50; i++) fill(l, `site${i}`, 'p', 1);
  for (let i = 0; i < 3; i++) fill(l, `other${i}`, 'q', 1);
  const order = takeAll(l).map(({ job }) => job.split('/')[1]);
  assert.deepEqual(order.slice(0, 6), ['p', 'q', 'p', 'q', 'p', 'q']);
  assert.equal(order.length, 53);
});
test('while most of its places are taken, only a proven site gets more than one', () => {
  const l = lanes({ total: 40 });
  fill(l, 'good', 'p', 5);
  finish(takeAll(l), 'good');
  for (let i = 0; i < 30; i++) fill(l, `silent${i}`, 'p', 20);
  const silent = takeAll(l);
  assert.equal(silent.length, 20);
  for (const { done } of silent.slice(0, 4)) done('neutral');
  fill(l, 'good', 'p', 50);
  const after = takeAll(l);
  assert.equal(after.length, 4);
  const sites = new Set([...silent.slice(4), ...after].map(({ job }) => job.split('/')[0]));
  assert.ok(sites.size > 10, 'silent sites do not share the places among few');
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
