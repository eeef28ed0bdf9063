/** Topics, subscribers and events on every engine. */
import assert from 'node:assert/strict';
import type { EventRow } from '../../edj/topics.ts';
import { DAY_MS } from '../../limits/usage.ts';
import type { EventId } from '../../runtime/ids.ts';
import { createRandom } from '../../runtime/random.ts';
import { type Page, StaleError } from '../../runtime/transactor.ts';
import { sweepAll } from './retention-conformance.ts';
import { ALL, conflict, type WithStore } from './running.ts';
import * as make from './samples.ts';
import { NOW, newId } from './samples.ts';

export function edjConformance(with_: WithStore): void {
  with_('an event fans out to the subscribers of that moment, in commit order', async (store) => {
    const p = await make.withProject(store);
    const t = make.topic(p);
    const [s, late] = [make.subscriber(t), make.subscriber(t)];
    const [second, first] = [make.event(t), make.event(t)];
    await store.transact(p.id, (tx) => {
      tx.insertTopic(t);
      tx.insertSubscriber(s);
      tx.insertEvent(first);
      tx.insertSubscriber(late);
    });
    await store.transact(p.id, (tx) => tx.insertEvent(second));
    assert.equal((await store.read.deliveries(p.id, s.id, ALL)).items.length, 2);
    assert.deepEqual(
      (await store.read.deliveries(p.id, late.id, ALL)).items.map((d) => d.eventId),
      [second.id],
    );
    assert.deepEqual((await store.read.eventsAfter(p.id, t.id, null, 9)).items, [first, second]);
    assert.deepEqual((await store.read.eventsAfter(p.id, t.id, first.id, 9)).items, [second]);
    const page = await store.read.events(p.id, t.id, { limit: 1, cursor: null });
    assert.deepEqual(page.items, [second]);
    assert.deepEqual((await store.read.events(p.id, t.id, { limit: 1, cursor: page.nextCursor })).items, [
      first,
    ]);
    const both = await store.read.events(p.id, t.id, { limit: 2, cursor: null });
    assert.deepEqual([both.cursors[0], both.nextCursor], [page.nextCursor, null]);
    assert.deepEqual((await store.read.events(p.id, t.id, { limit: 2, cursor: both.cursors[1]! })).items, []);
    const { due } = await store.read.dueDeliveries(NOW, make.CLAIM);
    assert.equal(due.length, 3);
    const d = due.find((each) => each.event.id === first.id)!;
    assert.deepEqual([d.event, d.subscriber], [first, s]);
    const move = {
      projectId: p.id,
      eventId: d.event.id,
      subscriberId: s.id,
      id: d.delivery.id,
      from: ['pending', 'retry'],
      to: 'retry',
      attempts: 1,
      nextAttemptAt: NOW + 9,
      lastResult: { status: 500 },
    } as const;
    await store.transact(p.id, (tx) => tx.moveDelivery(move));
    assert.equal((await store.read.dueDeliveries(NOW, make.CLAIM)).due.length, 2);
    assert.equal(await store.read.nextDeliveryAfter(NOW), NOW + 9);
    assert.deepEqual(
      (await store.read.deliveriesAfter(NOW + 8, 9)).map(({ id, state, attempts }) => [id, state, attempts]),
      [[d.delivery.id, 'retry', 1]],
    );
    assert.deepEqual(await store.read.deliveriesAfter(NOW + 9, 9), []);
    assert.equal((await store.read.deliveriesAfter(0, 2)).length, 2);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.moveDelivery({ ...move, from: ['pending'] })),
      StaleError,
    );
    await store.transact(p.id, (tx) => tx.deleteTopic(p.id, t.id));
    assert.equal((await store.read.dueDeliveries(NOW + 9, make.CLAIM)).due.length, 0);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.insertEvent(make.event(t))),
      StaleError,
    );
  });

  with_('edj: topics and subscribers in lists, changed and deleted', async (store) => {
    const p = await make.withProject(store);
    const [t, other] = [make.topic(p), make.topic(p, 'other')];
    const [s, gone] = [make.subscriber(t), make.subscriber(t)];
    await store.transact(p.id, (tx) => {
      for (const each of [t, other]) tx.insertTopic(each);
      for (const each of [s, gone]) tx.insertSubscriber(each);
      tx.insertEvent(make.event(t));
    });
    assert.deepEqual(await store.read.topicByName(p.id, 'other'), other);
    assert.equal(await store.read.topicByName(newId(), 'other'), null);
    const ids = (await store.read.topics(p.id, { limit: 10, cursor: null })).items.map(({ id }) => id);
    assert.equal((await store.read.firstTopic(p.id))?.id, ids.at(-1));
    assert.equal(await store.read.firstTopic(newId()), null);
    assert.equal((await store.read.topics(p.id, ALL)).items.length, 2);
    assert.equal(await store.read.isHeard(p.id, t.id), true);
    assert.equal(await store.read.isHeard(p.id, other.id), false);
    const changed = {
      ...s,
      settings: { url: 'https://other.example.com/', inline: true },
      sealedSettings: Buffer.from('new'),
    };
    await store.transact(p.id, (tx) => {
      tx.updateSubscriber(changed);
      tx.updateTopic({ ...other, name: 'renamed' });
      tx.deleteSubscriber(p.id, gone.id);
    });
    assert.deepEqual((await store.read.subscribers(p.id, t.id, ALL)).items, [changed]);
    assert.deepEqual(await store.read.subscriber(p.id, s.id), changed);
    assert.equal(await store.read.subscriber(p.id, gone.id), null);
    assert.equal((await store.read.topic(p.id, other.id))?.name, 'renamed');
    assert.deepEqual((await store.read.deliveries(p.id, gone.id, ALL)).items, []);
    assert.equal((await store.read.deliveries(p.id, s.id, ALL)).items.length, 1);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.updateTopic({ ...other, name: 'inbox' })),
      conflict('topic.name'),
    );
    await store.transact(p.id, (tx) => tx.deleteSubscriber(p.id, s.id));
    assert.equal(await store.read.isHeard(p.id, t.id), false);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.updateSubscriber(changed)),
      StaleError,
    );
  });
  with_('edj: the events of a topic that is gone are gone', async (store) => {
    const p = await make.withProject(store);
    const t = make.topic(p);
    const event = make.event(t);
    await store.transact(p.id, (tx) => {
      tx.insertTopic(t);
      tx.insertEvent(event);
    });
    assert.deepEqual(await store.read.event(p.id, event.id), event);
    assert.equal(await store.read.event(newId(), event.id), null);
    await store.transact(p.id, (tx) => tx.deleteTopic(p.id, t.id));
    assert.equal(await store.read.event(p.id, event.id), null);
    assert.deepEqual((await store.read.eventsAfter(p.id, t.id, null, 9)).items, []);
    assert.deepEqual((await store.read.events(p.id, t.id, ALL)).items, []);
  });
  with_('edj: a page of events ends where it has octets enough, and leads on', async (store) => {
    const p = await make.withProject(store);
    const t = make.topic(p);
    const text = (octets: number) => make.event(t, { content: { text: 'é'.repeat(octets / 2) } });
    const events = [text(10), text(10_000), text(3_000_000), text(10), text(10)];
    await store.transact(p.id, (tx) => tx.insertTopic(t));
    for (const event of events) await store.transact(p.id, (tx) => tx.insertEvent(event));
    const walks = {
      upwards: (cursor: string | null, limit: number) =>
        store.read.eventsAfter(p.id, t.id, cursor as EventId | null, limit, 10_000),
      downwards: (cursor: string | null, limit: number) =>
        store.read.events(p.id, t.id, { limit, cursor }, 10_000),
    };
    async function pagesOf(walk: keyof typeof walks, limit: number): Promise<readonly string[][]> {
      const pages: string[][] = [];
      let cursor: string | null = null;
      do {
        const page: Page<EventRow> = await walks[walk](cursor, limit);
        assert.ok(page.items.length > 0 && page.items.length <= limit);
        assert.deepEqual(page.nextCursor ?? page.cursors.at(-1), page.cursors.at(-1));
        pages.push(page.items.map(({ id }) => id));
        cursor = page.nextCursor;
      } while (cursor !== null);
      return pages;
    }
    const [a, b, c, d, e] = events.map(({ id }) => id as string) as [string, string, string, string, string];
    assert.deepEqual(await pagesOf('upwards', 9), [[a, b], [c], [d, e]]);
    assert.deepEqual(await pagesOf('downwards', 9), [[e, d, c], [b], [a]]);
    assert.deepEqual(await pagesOf('upwards', 1), [[a], [b], [c], [d], [e]]);
    assert.deepEqual(await pagesOf('downwards', 2), [[e, d], [c], [b], [a]]);
    assert.deepEqual((await store.read.eventsAfter(p.id, t.id, null, 5)).items, events);
    const { cursors } = await store.read.events(p.id, t.id, ALL);
    assert.deepEqual((await walks.downwards(cursors[1]!, 1)).items, [events[2]]);
  });
  with_(
    'edj: behind an event that is gone nothing is left out, in the order of the commits; the minute before may come again',
    async (store) => {
      const p = await make.withProject(store);
      const [t, other] = [make.topic(p), make.topic(p, 'other')];
      const at = (seconds: number) => createRandom(() => NOW + seconds * 1000).id<'event'>();
      const events = {
        longAgo: make.event(t, { id: at(-7200) }),
        before: make.event(t, { id: at(-10) }),
        gone: make.event(t, { id: at(0), keepUntil: NOW + DAY_MS }),
        // its id was made before the id of the removed event, and it was committed after that event
        overtaken: make.event(t, { id: at(-20) }),
        elsewhere: make.event(other, { id: at(1) }),
        next: make.event(t, { id: at(2) }),
      };
      await store.transact(p.id, (tx) => {
        for (const topic of [t, other]) tx.insertTopic(topic);
      });
      for (const event of Object.values(events)) await store.transact(p.id, (tx) => tx.insertEvent(event));
      const names = new Map(Object.entries(events).map(([name, { id }]) => [id, name]));
      const after = async (id: EventId, topic = t) =>
        (await store.read.eventsAfter(p.id, topic.id, id, 9)).items.map((event) => names.get(event.id));
      assert.deepEqual(await after(events.gone.id), ['overtaken', 'next']);
      await sweepAll(store, NOW + 5 * DAY_MS);
      assert.equal(await store.read.event(p.id, events.gone.id), null);
      assert.deepEqual(await after(events.gone.id), ['before', 'overtaken', 'next']);
      assert.deepEqual(await after(events.gone.id, other), ['elsewhere']);
      // older than all events, and younger than all events
      assert.deepEqual(await after(at(-10_000)), ['longAgo', 'before', 'overtaken', 'next']);
      assert.deepEqual(await after(at(10_000)), []);
      assert.deepEqual((await store.read.eventsAfter(p.id, t.id, events.gone.id, 1)).items.length, 1);
    },
  );
}
