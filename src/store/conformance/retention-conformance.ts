/**
 * Retention on every engine: expired rows are removed with all dependent rows; waiting and unexpired rows
 * stay.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { RemovedDomain } from '../../domains/mta-domains.ts';
import type { Task } from '../../ledger/tasks.ts';
import { DAY_MS, DEFAULT_SENDING } from '../../limits/usage.ts';
import { INSTANCE } from '../../runtime/ids.ts';
import { createRandom } from '../../runtime/random.ts';
import type { QueueOperation } from '../../spool/messages.ts';
import { FORMER_DOMAIN_DAYS, NOTHING_REMOVED, type Removed, type Swept } from '../retention.ts';
import type { Store } from '../store.ts';
import * as make from './samples.ts';
import { NOW, newId } from './samples.ts';

const ALL = { limit: 500, cursor: null };
/** The most steps in which everything that these tests write must be removed. */
const MOST_STEPS = 2000;

/** A whole round of retention. */
export async function sweepAll(store: Store, now: number): Promise<Omit<Swept, 'more'>> {
  const removed: Record<keyof Removed, number> = { ...NOTHING_REMOVED };
  const waiting: Swept['waiting'][number][] = [];
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const swept = await store.sweep(now);
    for (const kind of Object.keys(removed) as (keyof Removed)[]) removed[kind] += swept.removed[kind];
    waiting.push(...swept.waiting);
    if (!swept.more) return { removed, waiting };
    // An engine may have other work to do first.
    if (Object.values(swept.removed).every((count) => count === 0)) await delay(2);
  }
  throw new Error(`the round was not over after ${MOST_STEPS} steps`);
}

/** What is overdue, and since which day after NOW. */
async function assertOverdue(
  store: Store,
  now: number,
  expected: { readonly day: number | null; readonly messages: number },
): Promise<void> {
  const { since, messages } = await store.overdue(now);
  const day = since === null ? null : Math.floor((since - NOW) / DAY_MS);
  assert.deepEqual({ day, messages }, expected);
}

export function retentionConformance(
  with_: (title: string, body: (store: Store) => Promise<void>) => void,
): void {
  with_(
    'retention: messages and events go when their time is over, with all that hangs on them',
    async (store) => {
      const p = await make.withProject(store);
      const topic = make.topic(p);
      const subscriber = make.subscriber(topic);
      const [soon, late] = [{ keepUntil: NOW + 2 * DAY_MS }, { keepUntil: NOW + 40 * DAY_MS }];
      const [over, stays] = [make.message(p, soon), make.message(p, late)];
      const settled = { state: 'delivered', nextAttemptAt: null, settledAt: NOW } as const;
      const [told, kept] = [
        // an id of an earlier time than the other's: ids of the same millisecond are in no particular order
        make.event(topic, { ...soon, id: createRandom(() => NOW).id(), messageId: over.id }),
        make.event(topic, { ...late, messageId: stays.id }),
      ];
      const rows = [over, stays].map((m) => make.recipient(m, settled));
      await store.transact(p.id, (tx) => {
        tx.insertTopic(topic);
        tx.insertSubscriber(subscriber);
        for (const m of [over, stays]) tx.insertMessage(m);
        for (const row of rows) {
          tx.insertRecipient(row);
          tx.insertAttempt({
            projectId: p.id,
            messageId: row.messageId,
            recipientId: row.id,
            number: 1,
            at: NOW,
            outcome: 'deferred',
            detail: null,
          });
        }
        for (const event of [told, kept]) tx.insertEvent(event);
      });

      const early = await sweepAll(store, NOW + DAY_MS);
      assert.deepEqual(early, { removed: NOTHING_REMOVED, waiting: [] });
      await assertOverdue(store, NOW + DAY_MS, { day: null, messages: 0 });
      await assertOverdue(store, NOW + 10 * DAY_MS, { day: 2, messages: 1 });
      assert.deepEqual(await store.read.message(p.id, over.id), over);

      const { removed, waiting } = await sweepAll(store, NOW + 10 * DAY_MS);
      assert.ok(removed.messages >= 1 && removed.events >= 1, JSON.stringify(removed));
      assert.deepEqual(waiting, []);
      await assertOverdue(store, NOW + 10 * DAY_MS, { day: null, messages: 0 });
      assert.equal(await store.read.message(p.id, over.id), null);
      assert.deepEqual(await store.read.recipients(p.id, over.id), []);
      assert.deepEqual(await store.read.attempts(p.id, over.id, [rows[0]!.id]), []);
      assert.equal(await store.read.event(p.id, told.id), null);
      assert.deepEqual(await store.read.message(p.id, stays.id), stays);
      assert.deepEqual(await store.read.recipients(p.id, stays.id), [rows[1]]);
      assert.equal((await store.read.attempts(p.id, stays.id, [rows[1]!.id])).length, 1);
      assert.deepEqual(
        (await store.read.messages(p.id, ALL)).items.map(({ id }) => id),
        [stays.id],
      );
      assert.deepEqual((await store.read.eventsAfter(p.id, topic.id, null, 9)).items, [kept]);
      // a reader that had read up to the removed event continues after it
      assert.deepEqual((await store.read.eventsAfter(p.id, topic.id, told.id, 9)).items, [kept]);
      const deliveries = (await store.read.deliveries(p.id, subscriber.id, ALL)).items;
      assert.deepEqual(
        deliveries.map(({ eventId }) => eventId),
        [kept.id],
      );
      const owed = (await store.read.dueDeliveries(NOW + 10 * DAY_MS, make.CLAIM)).due;
      assert.deepEqual(
        owed.map(({ event }) => event.id),
        [kept.id],
      );
    },
  );
  with_('retention: what a subscriber has left is hidden at once, and goes in steps', async (store) => {
    const p = await make.withProject(store);
    const topic = make.topic(p);
    const [gone, stays] = [make.subscriber(topic), make.subscriber(topic)];
    const events = Array.from({ length: 600 }, () => make.event(topic, { keepUntil: NOW + 400 * DAY_MS }));
    await store.transact(p.id, (tx) => {
      tx.insertTopic(topic);
      for (const one of [gone, stays]) tx.insertSubscriber(one);
      for (const event of events) tx.insertEvent(event);
    });
    assert.equal(await store.hasLeftovers(), false);
    await store.transact(p.id, (tx) => tx.deleteSubscriber(p.id, gone.id));
    assert.equal(await store.hasLeftovers(), true);
    assert.deepEqual((await store.read.deliveries(p.id, gone.id, ALL)).items, []);
    // leftover deliveries take no place of due deliveries
    const { due } = await store.read.dueDeliveries(NOW, { ...make.CLAIM, limit: 5, perProject: () => 5 });
    assert.ok(due.length > 0 && due.every(({ subscriber }) => subscriber.id === stays.id));
    const first = await store.sweep(NOW);
    assert.ok(first.removed.deliveries < events.length && first.more, JSON.stringify(first.removed));
    const { removed } = await sweepAll(store, NOW);
    assert.equal(first.removed.deliveries + removed.deliveries, events.length);
    assert.equal(await store.hasLeftovers(), false);
    assert.equal((await store.read.deliveries(p.id, stays.id, ALL)).items.length, 500);
  });
  with_('retention: a message stays while a recipient waits, and is told of; then it goes', async (store) => {
    const p = await make.withProject(store);
    const m = make.message(p, { keepUntil: NOW + DAY_MS });
    const row = make.recipient(m, { lane: 'held:suspended', state: 'held', heldSince: NOW });
    await store.transact(p.id, (tx) => {
      tx.insertMessage(m);
      tx.insertRecipient(row);
    });
    const first = await sweepAll(store, NOW + 3 * DAY_MS);
    assert.deepEqual(first, { removed: NOTHING_REMOVED, waiting: [m.id] });
    assert.deepEqual((await store.read.message(p.id, m.id))?.raw, m.raw);
    const { id: recipientId, messageId, projectId, lane, attempts, heldMs, moves, lastResult } = row;
    await store.transact(p.id, (tx) =>
      tx.moveRecipient({
        ...{ recipientId, messageId, projectId, lane, attempts, heldMs, moves, lastResult },
        from: ['held'],
        to: 'cancelled',
        heldSince: null,
        nextAttemptAt: null,
        settledAt: NOW + 3 * DAY_MS,
      }),
    );
    const second = await sweepAll(store, NOW + 5 * DAY_MS);
    assert.deepEqual(second.waiting, []);
    assert.equal(await store.read.message(p.id, m.id), null);
    assert.deepEqual(await store.read.recipients(p.id, m.id), []);
  });
  with_('retention: octets that two messages show stay as long as one of them', async (store) => {
    const p = await make.withProject(store);
    const holder = make.message(p, { keepUntil: NOW + DAY_MS });
    const shown = make.message(p, { raw: holder.raw, keepUntil: NOW + 20 * DAY_MS });
    await store.transact(p.id, (tx) => {
      tx.insertMessage(holder);
      tx.insertMessage(shown, holder.id);
    });
    await sweepAll(store, NOW + 10 * DAY_MS);
    assert.deepEqual(await store.read.message(p.id, shown.id), shown);
    await sweepAll(store, NOW + 30 * DAY_MS);
    assert.equal(await store.read.message(p.id, shown.id), null);
    assert.equal(await store.read.message(p.id, holder.id), null);
  });
  with_('retention: tasks, audit records and usage go by the setting of their project', async (store) => {
    const short = await make.withProject(store);
    const long = await make.withProject(store, { name: 'two' });
    const made = createRandom(() => NOW);
    const seconds = NOW / 1000;
    const written = [short, long].map(({ id: projectId }) => {
      const task: Task = {
        id: made.id(),
        projectId,
        service: 'mta',
        procedure: 'send_message',
        status: 'succeeded',
        result: {},
        error: null,
        createdAt: NOW,
        completedAt: NOW,
      };
      const operation: QueueOperation = {
        id: newId(),
        action: 'retry',
        filter: { project: projectId },
        actor: 'a test',
        at: NOW,
        changed: 0,
      };
      return { projectId, task, operation };
    });
    for (const { projectId, task, operation } of written) {
      await store.transact(projectId, (tx) => {
        const retentionDays = projectId === short.id ? 1 : 400;
        tx.setSendingSettings(projectId, { ...DEFAULT_SENDING, retentionDays });
        tx.insertTask(task);
        tx.insertOperation(operation);
        tx.addUsage(projectId, null, seconds, 1);
      });
    }
    const bucketsOf = async (width: 1 | 60) => (await store.read.usage(short.id, null, width, 0)).length;
    await sweepAll(store, NOW + DAY_MS / 2);
    assert.notEqual(await store.read.task(short.id, written[0]!.task.id), null);
    assert.deepEqual([await bucketsOf(1), await bucketsOf(60)], [0, 1]);
    const { removed } = await sweepAll(store, NOW + 3 * DAY_MS);
    assert.deepEqual([removed.tasks >= 1, removed.operations >= 1], [true, true]);
    assert.equal(await store.read.task(short.id, written[0]!.task.id), null);
    assert.deepEqual(await store.read.task(long.id, written[1]!.task.id), written[1]!.task);
    assert.deepEqual((await store.read.operations(ALL, null)).items, [written[1]!.operation]);
    assert.deepEqual([await bucketsOf(1), await bucketsOf(60)], [0, 0]);
  });
  with_(
    'retention: usage that was counted while the clock was ahead goes, what windows reach stays',
    async (store) => {
      const p = await make.withProject(store);
      const seconds = NOW / 1000;
      const ahead = seconds + 6 * 24 * 3600;
      await store.transact(p.id, (tx) => {
        for (const at of [seconds, seconds + 3600, ahead, ahead + 60]) tx.addUsage(p.id, null, at, 1);
      });
      await sweepAll(store, NOW);
      for (const width of [1, 60] as const) {
        const buckets = await store.read.usage(p.id, null, width, 0);
        assert.deepEqual(
          buckets.map(({ start }) => start),
          [seconds, seconds + 3600],
        );
      }
    },
  );
  with_('retention: what is more than a step goes in several, each bounded', async (store) => {
    const p = await make.withProject(store);
    const many = 700;
    for (let i = 0; i < many; i += 100)
      await store.transact(p.id, (tx) => {
        for (let j = 0; j < 100; j += 1) tx.insertMessage(make.message(p, { keepUntil: NOW + i + j }));
      });
    const step = await store.sweep(NOW + DAY_MS);
    assert.ok(step.more);
    await sweepAll(store, NOW + DAY_MS);
    assert.deepEqual((await store.read.messages(p.id, ALL)).items, []);
  });
  with_('retention: a removed domain is shown for as long as any of its messages may be', async (store) => {
    const p = await make.withProject(store);
    const removed = {
      id: newId<'mta-domain'>(),
      projectId: p.id,
      name: 'example.com' as RemovedDomain['name'],
      reason: 'deleted' as const,
      createdAt: NOW,
      removedAt: NOW,
    };
    await store.transact(p.id, (tx) => tx.insertRemovedDomain(removed));
    await sweepAll(store, NOW + (FORMER_DOMAIN_DAYS - 1) * DAY_MS);
    assert.deepEqual(await store.read.removedDomain(p.id, removed.id), removed);
    await sweepAll(store, NOW + (FORMER_DOMAIN_DAYS + 1) * DAY_MS);
    assert.equal(await store.read.removedDomain(p.id, removed.id), null);
  });
  with_('retention: the audit is kept a year, or longer where its project keeps longer', async (store) => {
    const p = await make.withProject(store);
    const long = await make.withProject(store, { name: 'two' });
    const of = async (project: typeof p.id) => (await store.read.auditEvents(project, {}, ALL)).items.length;
    await store.transact(p.id, (tx) => {
      tx.setSendingSettings(p.id, { ...DEFAULT_SENDING, retentionDays: 1 });
      tx.setSendingSettings(long.id, { ...DEFAULT_SENDING, retentionDays: 400 });
      for (const projectId of [p.id, long.id, INSTANCE]) tx.insertAuditEvent(make.auditEvent({ projectId }));
    });
    await sweepAll(store, NOW + 365 * DAY_MS);
    assert.deepEqual([await of(p.id), await of(long.id), await of(INSTANCE)], [1, 1, 1]);
    const { removed } = await sweepAll(store, NOW + 366 * DAY_MS);
    assert.equal(removed.audit, 2);
    assert.deepEqual([await of(p.id), await of(long.id), await of(INSTANCE)], [0, 1, 0]);
  });
  with_('retention: a project closed for 30 days goes with all it had; others stay', async (store) => {
    const closed = await make.withProject(store, { closedAt: NOW });
    const open = await make.withProject(store, { name: 'two' });
    const member = make.member();
    const keepUntil = NOW + 300 * DAY_MS;
    const built = [closed, open].map((p, i) => {
      const [owned, topic, client] = [make.owned(p, `d${i}.example`), make.topic(p), make.client(p)];
      const message = make.message(p, { keepUntil });
      return { p, owned, topic, client, message, domain: make.domain(owned, topic) };
    });
    await store.transact(closed.id, (tx) => {
      tx.insertMember(member);
      for (const { p, owned, topic, client, message, domain } of built) {
        tx.insertOwnedDomain(owned);
        tx.insertTopic(topic);
        tx.insertDomain(domain);
        tx.insertRule({
          id: newId(),
          projectId: p.id,
          topicId: topic.id,
          createdAt: NOW,
          family: 'outgoing',
          domainId: domain.id,
        });
        tx.insertApiClient(client);
        tx.insertStaticKey(make.key(client));
        tx.insertSubscriber(make.subscriber(topic));
        tx.insertMessage(message);
        tx.insertRecipient(make.recipient(message));
        tx.insertEvent(make.event(topic, { messageId: message.id, keepUntil }));
        tx.insertMembership({ projectId: p.id, memberId: member.id, roles: ['owner'], createdAt: NOW });
        tx.insertInvitation(make.invitation(p, { hash: p.id }));
        tx.insertRole({ id: newId(), projectId: p.id, name: 'r', operations: [], createdAt: NOW });
        tx.setProjectLimits(p.id, { perMinute: 1, perDay: 1 });
        tx.insertAuditEvent(make.auditEvent({ projectId: p.id }));
      }
    });
    await sweepAll(store, NOW + 29 * DAY_MS);
    assert.deepEqual(await store.read.project(closed.id), closed);
    assert.notEqual(await store.read.message(closed.id, built[0]!.message.id), null);
    const { removed } = await sweepAll(store, NOW + 30 * DAY_MS);
    assert.equal(removed.projects, 1);
    assert.equal((await store.read.projects(ALL)).items.length, 1);
    assert.equal(await store.read.message(closed.id, built[0]!.message.id), null);
    assert.equal(await store.read.verifiedOwner(built[0]!.owned.name), null);
    assert.deepEqual(await store.read.memberships(member.id), [
      {
        membership: { projectId: open.id, memberId: member.id, roles: ['owner'], createdAt: NOW },
        project: open,
      },
    ]);
    assert.deepEqual(await store.read.message(open.id, built[1]!.message.id), built[1]!.message);
    assert.notEqual(await store.read.findDomain(built[1]!.owned.name), null);
    assert.equal((await store.read.auditEvents(open.id, {}, ALL)).items.length, 1);
  });
}
