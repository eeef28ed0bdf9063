/** Deliveries to subscribers on every engine: what is due, in which order, what waits, and whom a claim looks at. */
import assert from 'node:assert/strict';
import type { Round } from '../../edj/topics.ts';
import { done, retryLater } from '../../edj/transitions.ts';
import type { DeliveryId, ProjectId, SubscriberId } from '../../runtime/ids.ts';
import { StaleError } from '../../runtime/transactor.ts';
import type { WithStore } from './running.ts';
import * as make from './samples.ts';
import { NOW, newId } from './samples.ts';

export function deliveriesConformance(with_: WithStore): void {
  with_('since when a subscriber takes nothing, and what waits for it', async (store) => {
    const p = await make.withProject(store);
    const t = make.topic(p);
    const [one, two] = [make.subscriber(t), make.subscriber(t)].sort((a, b) => (a.id < b.id ? -1 : 1));
    const events = [make.event(t), make.event(t), make.event(t)];
    await store.transact(p.id, (tx) => {
      tx.insertTopic(t);
      for (const subscriber of [one!, two!]) tx.insertSubscriber(subscriber);
      for (const event of events) tx.insertEvent(event);
    });
    await store.transact(p.id, (tx) => {
      tx.subscriberFails(p.id, one!.id, NOW);
      tx.subscriberFails(p.id, one!.id, NOW + 5);
      tx.subscriberFails(p.id, two!.id, NOW + 1);
      tx.subscriberFails(p.id, newId(), NOW);
    });
    const failing = (id: SubscriberId, since: number) => ({ id, projectId: p.id, since });
    assert.deepEqual(await store.read.failingSubscribers(null, 9), [
      failing(one!.id, NOW),
      failing(two!.id, NOW + 1),
    ]);
    assert.deepEqual(await store.read.failingSubscribers(null, 1), [failing(one!.id, NOW)]);
    assert.deepEqual(await store.read.failingSubscribers(one!.id, 9), [failing(two!.id, NOW + 1)]);
    assert.equal((await store.read.subscriber(p.id, one!.id))!.failingSince, NOW);
    const { due } = await store.read.dueDeliveries(NOW, make.CLAIM);
    assert.ok(due.every(({ subscriber }) => subscriber.failingSince !== undefined));
    await store.transact(p.id, (tx) => tx.subscriberTakes(p.id, two!.id));
    assert.equal((await store.read.subscriber(p.id, two!.id))!.failingSince, undefined);
    assert.deepEqual(await store.read.failingSubscribers(null, 9), [failing(one!.id, NOW)]);

    const ofOne = due.filter(({ subscriber }) => subscriber.id === one!.id).map(({ delivery }) => delivery);
    await store.transact(p.id, (tx) => {
      for (const [i, { projectId, eventId, subscriberId, id }] of ofOne.entries())
        tx.moveDelivery({
          ...{ projectId, eventId, subscriberId, id, from: ['pending'], to: 'retry', attempts: 1 },
          ...{ nextAttemptAt: NOW + 30 - 10 * i, lastResult: { status: 500 } },
        });
    });
    const waiting = async (after: number, limit = 9) =>
      (await store.read.waitingAfter(p.id, one!.id, after, limit)).map(({ id }) => id);
    const [last, middle, first] = ofOne.map(({ id }) => id);
    assert.deepEqual(await waiting(NOW), [first, middle, last]);
    assert.deepEqual(await waiting(NOW + 10), [middle, last]);
    assert.deepEqual(await waiting(NOW, 2), [first, middle]);
    assert.deepEqual(await waiting(NOW + 30), []);
  });

  with_('a paused subscriber has nothing due; resumed, it has all that waited', async (store) => {
    const p = await make.withProject(store);
    const t = make.topic(p);
    const [one, two] = [make.subscriber(t), make.subscriber(t)];
    const [before, meanwhile] = [make.event(t), make.event(t)];
    await store.transact(p.id, (tx) => {
      tx.insertTopic(t);
      for (const subscriber of [one, two]) tx.insertSubscriber(subscriber);
      tx.insertEvent(before);
    });
    const due = async () => {
      const found = await store.read.dueDeliveries(NOW, make.CLAIM);
      return found.due.filter(({ subscriber }) => subscriber.id === one.id).map(({ event }) => event.id);
    };
    await store.transact(p.id, (tx) => tx.pauseSubscriber(p.id, one.id, NOW));
    assert.equal((await store.read.subscriber(p.id, one.id))!.pausedAt, NOW);
    await store.transact(p.id, (tx) => tx.insertEvent(meanwhile));
    assert.deepEqual(await due(), []);
    assert.equal((await store.read.dueDeliveries(NOW, make.CLAIM)).due.length, 2);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.expectSubscriber(one)),
      StaleError,
    );
    await store.transact(p.id, (tx) => tx.resumeSubscriber(p.id, one.id, NOW + 5));
    assert.deepEqual(await store.read.subscriber(p.id, one.id), { ...one, resumedAt: NOW + 5 });
    assert.deepEqual((await due()).sort(), [before.id, meanwhile.id].sort());
    await assert.rejects(
      store.transact(p.id, (tx) => tx.pauseSubscriber(p.id, newId(), NOW)),
      StaleError,
    );
    await assert.rejects(
      store.transact(p.id, (tx) => tx.resumeSubscriber(p.id, newId(), NOW)),
      StaleError,
    );
    await assert.rejects(
      store.transact(p.id, (tx) => tx.expectSubscriber({ ...one, sealedSettings: Buffer.from('other') })),
      StaleError,
    );
    await store.transact(p.id, (tx) => tx.expectSubscriber(one));
  });

  with_(
    'edj: deliveries of a key wait for the earlier one, and are put off and brought together',
    async (store) => {
      const p = await make.withProject(store);
      const t = make.topic(p);
      const s = make.subscriber(t);
      const [key, other] = [newId(), newId()];
      await store.transact(p.id, (tx) => {
        tx.insertTopic(t);
        tx.insertSubscriber(s);
        for (const sequence of [1, 2, 4]) tx.insertEvent(make.event(t), { key, sequence });
        tx.insertEvent(make.event(t), { key: other, sequence: 1 });
        tx.insertEvent(make.event(t));
      });
      const look = async (now: number, exclude: ReadonlySet<DeliveryId> = new Set()) => {
        const { due, blocked } = await store.read.dueDeliveries(now, { ...make.CLAIM, exclude });
        const shown = due.map(({ delivery: { order }, behind }) => [
          order === null ? 'none' : `${order.key === key ? 'key' : 'other'} ${order.sequence}`,
          due.find(({ delivery }) => delivery.id === behind)?.delivery.order?.sequence ?? behind,
        ]);
        return { due, blocked, shown: shown.sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1)) };
      };
      const all = await look(NOW);
      const [free, alone] = [
        ['none', undefined],
        ['other 1', undefined],
      ];
      const [first] = ['key 1', 'key 2', 'key 4'];
      assert.deepEqual(all.shown, [[first, undefined], ['key 2', 1], ['key 4', 2], free, alone]);
      assert.deepEqual(all.blocked, []);
      const head = all.due.find(({ delivery }) => delivery.order?.key === key)!.delivery;
      assert.deepEqual([head.order, head.holdsUntil], [{ key, sequence: 1 }, null]);

      // What is in memory holds the next one, which comes behind it.
      const inMemory = await look(NOW, new Set([head.id]));
      assert.deepEqual(inMemory.shown, [['key 2', head.id], ['key 4', 2], free, alone]);

      // It has failed and waits: the others are held back, and put off together.
      const move = { ...retryLater(head, NOW + 5, { status: 500 }, NOW + 100) };
      await store.transact(p.id, (tx) => tx.moveDelivery(move));
      const failed = await look(NOW);
      assert.deepEqual(failed.shown, [free, alone]);
      const followers = { projectId: p.id, subscriberId: s.id, key, after: 1 };
      assert.deepEqual(failed.blocked, [{ ...followers, at: NOW + 1_000 }]);
      await store.transact(p.id, (tx) => tx.moveFollowers({ ...followers, at: NOW + 100 }));
      const parked = await look(NOW);
      assert.deepEqual([parked.shown, parked.blocked], [[free, alone], []]);
      assert.equal(await store.read.nextDeliveryAfter(NOW + 5), NOW + 100);

      // The hold is over: they pass, in order.
      const over = await look(NOW + 100);
      assert.deepEqual(over.shown, [[first, undefined], ['key 2', undefined], ['key 4', 2], free, alone]);
      assert.equal(over.due.find(({ delivery }) => delivery.id === head.id)!.delivery.holdsUntil, NOW + 100);

      // The first is done: they are due at once, and what was tried keeps its time.
      await store.transact(p.id, (tx) => {
        tx.moveDelivery(done({ ...head, attempts: 1 }, { status: 200 }));
        tx.moveFollowers({ ...followers, at: NOW });
      });
      assert.deepEqual((await look(NOW)).shown, [['key 2', undefined], ['key 4', 2], free, alone]);
      const second = over.due.find(({ delivery }) => delivery.order?.sequence === 2)!.delivery;
      await store.transact(p.id, (tx) => {
        tx.moveDelivery(retryLater(second, NOW + 50, { status: 404 }, 0));
        tx.moveFollowers({ ...followers, at: NOW + 70 });
        tx.moveFollowers({ ...followers, projectId: newId(), at: NOW + 90 });
      });
      assert.deepEqual((await look(NOW + 50)).shown, [['key 2', undefined], free, alone]);
      assert.deepEqual((await look(NOW + 70)).shown, [
        ['key 2', undefined],
        ['key 4', undefined],
        free,
        alone,
      ]);
    },
  );

  with_(
    'edj: many that one delivery holds back are put off after a few looks, and cost none after that',
    async (store) => {
      const p = await make.withProject(store);
      const t = make.topic(p);
      const s = make.subscriber(t);
      const [key, count] = [newId(), 2_500];
      await store.transact(p.id, (tx) => {
        tx.insertTopic(t);
        tx.insertSubscriber(s);
        for (let sequence = 0; sequence <= count; sequence += 1)
          tx.insertEvent(make.event(t), { key, sequence });
      });
      const [head] = (await store.read.dueDeliveries(NOW, { ...make.CLAIM, limit: 1 })).due;
      await store.transact(p.id, (tx) =>
        tx.moveDelivery(retryLater(head!.delivery, NOW + 99_000, { status: 500 }, NOW + 50_000)),
      );
      let looks = 0;
      for (; looks < 99; looks += 1) {
        const { due, blocked } = await store.read.dueDeliveries(NOW, make.CLAIM);
        assert.deepEqual(due, []);
        if (blocked.length === 0) break;
        assert.equal(blocked.length, 1);
        await store.transact(p.id, (tx) => tx.moveFollowers(blocked[0]!));
      }
      assert.equal(looks, 3);
      assert.equal(await store.read.nextDeliveryAfter(NOW), NOW + 50_000);
    },
  );

  with_('edj: what is held back in one project keeps no other one from its turn', async (store) => {
    const [p, q] = [await make.withProject(store), await make.withProject(store)];
    const [t, u] = [make.topic(p), make.topic(q)];
    const [one, two] = [newId<'subscriber'>(), newId<'subscriber'>()].sort();
    const keys = Array.from({ length: 600 }, () => newId());
    await store.transact(p.id, (tx) => {
      tx.insertTopic(t);
      tx.insertSubscriber({ ...make.subscriber(t), id: one! });
      for (const key of keys) tx.insertEvent(make.event(t), { key, sequence: 1 });
    });
    const heads = await store.read.dueDeliveries(NOW, {
      ...make.CLAIM,
      perSubscriber: make.atMost(600),
      limit: 600,
      perProject: () => 600,
    });
    assert.equal(heads.due.length, 600);
    await store.transact(p.id, (tx) => {
      for (const { delivery } of heads.due)
        tx.moveDelivery(retryLater(delivery, NOW + 99_000, { status: 500 }, NOW + 50_000));
      for (const key of keys) tx.insertEvent(make.event(t), { key, sequence: 2 });
    });
    await store.transact(q.id, (tx) => {
      tx.insertTopic(u);
      tx.insertSubscriber({ ...make.subscriber(u), id: two! });
      tx.insertEvent(make.event(u));
    });
    const { due } = await store.read.dueDeliveries(NOW, { ...make.CLAIM, limit: 20 });
    assert.deepEqual(
      due.map(({ subscriber }) => subscriber.id),
      [two],
    );
  });

  with_(
    'edj: due deliveries go round the subscribers, so many of each, beginning behind the last',
    async (store) => {
      const p = await make.withProject(store);
      const t = make.topic(p);
      const subscribers = [1, 2, 3].map(() => make.subscriber(t)).sort((a, b) => (a.id < b.id ? -1 : 1));
      await store.transact(p.id, (tx) => {
        tx.insertTopic(t);
        for (const s of subscribers) tx.insertSubscriber(s);
        for (const at of [0, 1, 2]) tx.insertEvent(make.event(t, { createdAt: NOW + at }));
      });
      const turn = async (over: object) => {
        const claim = { ...make.CLAIM, perSubscriber: make.atMost(2), ...over };
        const { due, rest } = await store.read.dueDeliveries(NOW + 1, claim);
        assert.equal(rest, null);
        return due.map(({ subscriber }) => subscribers.findIndex(({ id }) => id === subscriber.id));
      };
      const [first, second, third] = subscribers.map(({ id }) => id);
      assert.deepEqual(await turn({}), [0, 0, 1, 1, 2, 2]);
      assert.deepEqual(await turn({ round: { after: first, until: first } }), [1, 1, 2, 2, 0, 0]);
      assert.deepEqual(await turn({ round: { after: third, until: third }, limit: 3 }), [0, 0, 1]);
      assert.deepEqual(await turn({ round: { after: first, until: second } }), [1, 1]);
      assert.deepEqual(await turn({ round: { after: second, until: null } }), [2, 2]);
      assert.deepEqual(await turn({ round: { after: second, until: first } }), [2, 2, 0, 0]);
      assert.deepEqual(await turn({ perSubscriber: make.atMost(9) }), [0, 0, 1, 1, 2, 2]);
      const [earliest] = (await store.read.dueDeliveries(NOW, make.CLAIM)).due;
      assert.deepEqual(await turn({ exclude: new Set([earliest!.delivery.id]) }), [0, 1, 1, 2, 2]);
      const one = { ...make.atMost(1), exclude: new Set([earliest!.delivery.id]) };
      assert.deepEqual(await turn({ perSubscriber: one, exclude: one.exclude }), [0, 1, 2]);
      const perSubscriber = { of: (id: SubscriberId) => (id === second ? 0 : 1), most: 2, full: [second] };
      assert.deepEqual(await turn({ perSubscriber }), [0, 2]);
    },
  );
  with_('edj: many subscribers of one project take no room in the claim from another', async (store) => {
    const [p, q] = [await make.withProject(store), await make.withProject(store)];
    for (const [project, subscribers] of [
      [p, 130],
      [q, 1],
    ] as const) {
      const t = make.topic(project);
      await store.transact(project.id, (tx) => {
        tx.insertTopic(t);
        for (let i = 0; i < subscribers; i++) tx.insertSubscriber(make.subscriber(t));
        tx.insertEvent(make.event(t));
        tx.insertEvent(make.event(t));
      });
    }
    const found = async (ofP: number, exclude: ReadonlySet<DeliveryId> = new Set()) => {
      const perProject = (project: ProjectId) => (project === p.id ? ofP : 9);
      const { due } = await store.read.dueDeliveries(NOW, { ...make.CLAIM, perProject, exclude });
      const of = (id: ProjectId) => due.filter(({ delivery }) => delivery.projectId === id);
      return { due, counts: [of(p.id).length, of(q.id).length] };
    };
    assert.deepEqual((await found(0)).counts, [0, 2]);
    const three = await found(3);
    assert.deepEqual(three.counts, [3, 2]);
    const taken = new Set(three.due.map(({ delivery }) => delivery.id));
    assert.deepEqual((await found(3, taken)).counts, [3, 0]);
    assert.deepEqual(
      (await found(99)).counts.reduce((a, b) => a + b),
      9,
    );
  });
  with_(
    'edj: a claim looks at a bounded number of subscribers, and goes on where it stopped',
    async (store) => {
      const [p, q] = [await make.withProject(store), await make.withProject(store)];
      const [t, u] = [make.topic(p), make.topic(q)];
      const ids = Array.from({ length: 1_301 }, () => newId<'subscriber'>()).sort();
      const last = { ...make.subscriber(u), id: ids.pop()! };
      const crowd = ids.map((id) => ({ ...make.subscriber(t), id }));
      await store.transact(p.id, (tx) => {
        tx.insertTopic(t);
        for (const subscriber of crowd) tx.insertSubscriber(subscriber);
        tx.insertEvent(make.event(t));
      });
      await store.transact(q.id, (tx) => {
        tx.insertTopic(u);
        tx.insertSubscriber(last);
        tx.insertEvent(make.event(u));
      });
      const perProject = (project: ProjectId) => (project === q.id ? 9 : 0);
      const look = async (round: Round) => {
        const { due, rest } = await store.read.dueDeliveries(NOW, { ...make.CLAIM, perProject, round });
        return { found: due.map(({ subscriber }) => subscriber.id), rest };
      };
      const middle = crowd[650]!.id;
      const start = await look(make.CLAIM.round);
      assert.deepEqual(start, { found: [], rest: { after: crowd[999]!.id, until: null } });
      assert.deepEqual(await look(start.rest!), { found: [last.id], rest: null });
      const round = await look({ after: middle, until: middle });
      assert.deepEqual(round.found, [last.id]);
      assert.equal(round.rest!.until, middle);
      assert.deepEqual(await look(round.rest!), { found: [], rest: null });
    },
  );
}
