/** Alerts over a store in memory: each is told once, after its commit, whatever fails or restarts in between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProjectEvents } from '../intake/project-events.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { StoreError } from '../runtime/transactor.ts';
import * as make from '../store/conformance/samples.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { StoreTx } from '../store/store.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createAlertPublisher } from './alert-publisher.ts';
import { createTellExceeded, type LimitAlert, type OverFacts } from './alerts.ts';

async function setUp() {
  const clock = createFakeClock(make.NOW);
  const random = createRandom();
  const store = await openSqliteStore({ directory: ':memory:', clock, random, logger: silentLogger });
  const project = await make.withProject(store);
  const owned = make.owned(project, 'example.com');
  const [asked, other] = [make.topic(project, 'asked'), make.topic(project, 'other')];
  const domain = make.domain(owned, other);
  await store.transact(project.id, (tx) => {
    tx.insertTopic(asked);
    tx.insertTopic(other);
    tx.insertOwnedDomain(owned);
    tx.insertDomain(domain);
    for (const [topic, names] of [
      [asked, ['limit.approaching', 'limit.exceeded']],
      [other, ['limit.raised']],
    ] as const)
      tx.insertRule({
        id: random.id(),
        projectId: project.id,
        topicId: topic.id,
        createdAt: make.NOW,
        family: 'event',
        domainId: null,
        names,
      });
  });
  const failing = { next: 0 };
  const transactor = {
    async transact(id: typeof project.id, record: (tx: StoreTx) => void, urgent?: boolean) {
      if (failing.next > 0) {
        failing.next -= 1;
        throw new StoreError('full', true);
      }
      await store.transact(id, record, urgent);
    },
  };
  const woken: string[] = [];
  const publisher = () =>
    createAlertPublisher<StoreTx>({
      read: store.read,
      transactor,
      projectEvents: createProjectEvents({
        read: store.read,
        clock,
        random,
        published: (_project, topics) => woken.push(...topics),
      }),
      domainName: async (p, id) => (await store.read.domain(p, id))?.name ?? null,
      clock,
      logger: silentLogger,
    });
  const alert = (over: Partial<LimitAlert> = {}): LimitAlert => ({
    projectId: project.id,
    domainId: null,
    window: 'minute',
    kind: 'approaching',
    at: make.NOW,
    used: 8,
    limit: 10,
    returnsAt: make.NOW + 61_000,
    ...over,
  });
  return {
    clock,
    store,
    transactor,
    failing,
    project,
    domain,
    asked,
    woken,
    publisher,
    alert,
    note: (one: LimitAlert) => store.transact(project.id, (tx) => tx.noteLimitAlert(one)),
    events: async () => (await store.read.eventsAfter(project.id, asked.id, null, 100)).items,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
const started = new AbortController().signal;
/** Lets what is under way go on until the probe holds; fails after many turns. */
async function until(what: string, probe: () => Promise<boolean>): Promise<void> {
  for (let turns = 0; turns < 2000; turns++) {
    if (await probe()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`still not: ${what}`);
}

test('what a process left due is told by the next one, to the rules that ask for it', async () => {
  await using s = await setUp();
  await s.note(s.alert());
  await s.note(s.alert({ domainId: s.domain.id, kind: 'exceeded', window: 'day' }));
  await using publisher = s.publisher();
  await publisher.start(started);
  await until('both are told', async () => s.woken.length === 2);
  const events = [...(await s.events())].sort((a, b) => (a.name < b.name ? -1 : 1));
  assert.deepEqual(
    events.map(({ service, name }) => [service, name]),
    [
      ['mta', 'limit.approaching'],
      ['mta', 'limit.exceeded'],
    ],
  );
  assert.deepEqual(events[0]!.content, {
    window: 'minute',
    scope: 'project',
    domain: null,
    limit: 10,
    used: 8,
    at: '2026-01-01T00:00:00.000Z',
    room_returns_at: '2026-01-01T00:01:01.000Z',
  });
  assert.match(events[0]!.summary!, /8 of the project's limit of 10 recipients per minute/);
  const { scope, domain } = events[1]!.content as { scope: string; domain: unknown };
  assert.deepEqual([scope, domain], ['domain', { id: s.domain.id, name: 'example.com' }]);
  assert.deepEqual(s.woken, [s.asked.id, s.asked.id]);
});
test('a nudge is answered soon; a store that fails is asked again, and two publishers tell once', async () => {
  await using s = await setUp();
  await using first = s.publisher();
  await using second = s.publisher();
  for (const publisher of [first, second]) await publisher.start(started);
  await until('both have looked', async () => s.clock.pending === 2);
  s.failing.next = 2;
  await s.note(s.alert());
  for (const publisher of [first, second]) publisher.nudge();
  await s.clock.advance(250);
  await until('both have failed', async () => s.failing.next === 0 && s.clock.pending === 2);
  assert.equal((await s.events()).length, 0);
  for (let polls = 0; polls < 5; polls++) {
    await s.clock.advance(5000);
    await until('both have looked again', async () => s.clock.pending === 2);
  }
  assert.equal((await s.events()).length, 1);
  assert.equal(s.woken.length, 1);
});
test('a domain that is gone is told of to nobody, and its alert is over', async () => {
  await using s = await setUp();
  await s.note(s.alert({ domainId: make.newId() }));
  await using publisher = s.publisher();
  await publisher.start(started);
  await until('it is over', async () => (await s.store.read.limitAlertsDue(1)).length === 0);
  assert.equal((await s.events()).length, 0);
});
test('exceeding is noted once a minute, again after a write that failed, and it never rejects', async () => {
  await using s = await setUp();
  let noticed = 0;
  const tell = createTellExceeded({
    transactor: s.transactor,
    clock: s.clock,
    logger: silentLogger,
    noticed: () => {
      noticed += 1;
    },
  });
  const over: OverFacts = { scope: 'domain', window: 'minute', limit: 10, used: 10, retryAfterSeconds: 7 };
  s.failing.next = 1;
  await tell(s.project.id, s.domain.id, over);
  assert.equal(noticed, 0);
  await tell(s.project.id, s.domain.id, over);
  await tell(s.project.id, s.domain.id, { ...over, used: 11 });
  assert.equal(noticed, 1);
  const [due] = await s.store.read.limitAlertsDue(2);
  assert.deepEqual(due, {
    ...s.alert({ kind: 'exceeded', domainId: s.domain.id, used: 10 }),
    returnsAt: make.NOW + 7000,
  });
});
