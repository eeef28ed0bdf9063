/** What every engine must do: one suite for all. `open` opens the store in a directory, again and again the same one. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { DkimKey } from '../../domains/types.ts';
import type { Task } from '../../ledger/types.ts';
import type { EventRule, ReceiveRule } from '../../rules/types.ts';
import { ConflictError, StaleError } from '../../runtime/transactor.ts';
import type { WaitingFilter } from '../../spool/types.ts';
import type { Store } from '../store.ts';
import { retentionConformance } from './retention-conformance.ts';
import * as make from './samples.ts';
import { NOW, newId } from './samples.ts';

const ALL = { limit: 500, cursor: null };
const conflict = (what: string) => (error: unknown) => {
  assert.ok(error instanceof ConflictError, String(error));
  assert.equal(error.what, what);
  return true;
};

export function storeConformance({
  name,
  open,
}: {
  name: string;
  open: (directory: string) => Promise<Store>;
}): void {
  function directoryFor(t: TestContext): string {
    const directory = mkdtempSync(join(tmpdir(), 'hikyaku-store-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    return directory;
  }
  const with_ = (title: string, body: (store: Store) => Promise<void>) =>
    test(title, async (t) => {
      await using store = await open(directoryFor(t));
      await body(store);
    });
  describe(name, () => {
    with_('iam: rows come back, globally and by project, and foreign projects see nothing', async (store) => {
      const p = await make.withProject(store);
      const other = await make.withProject(store, { name: 'two', sandbox: true });
      const c = make.client(p);
      const k = make.key(c);
      const o = make.owned(p, 'example.com');
      await store.transact(p.id, (tx) => {
        tx.insertApiClient(c);
        tx.insertStaticKey(k);
        tx.insertOwnedDomain(o);
      });
      assert.deepEqual(await store.read.findKey(k.id), { key: k, client: c, project: p });
      assert.deepEqual(await store.read.findApiClient(c.id), { client: c, project: p });
      assert.deepEqual(await store.read.project(other.id), other);
      assert.deepEqual(await store.read.projectByName('two'), other);
      assert.equal((await store.read.projects(ALL)).items.length, 2);
      assert.deepEqual((await store.read.staticKeys(p.id, c.id, ALL)).items, [k]);
      assert.deepEqual(await store.read.ownedDomainByName(p.id, o.name), o);
      assert.equal(await store.read.apiClient(other.id, c.id), null);
      assert.equal(await store.read.ownedDomain(other.id, o.id), null);
      assert.equal((await store.read.apiClients(other.id, ALL)).items.length, 0);
      await store.transact(p.id, (tx) => tx.updateApiClient({ ...c, roles: ['admin', 'reader'] }));
      assert.deepEqual((await store.read.apiClient(p.id, c.id))?.roles, ['admin', 'reader']);
      await store.transact(p.id, (tx) => tx.deleteApiClient(p.id, c.id));
      assert.equal(await store.read.findKey(k.id), null);
    });
    with_('conflicts bear the names the interfaces promise', async (store) => {
      const p = await make.withProject(store);
      const q = await make.withProject(store, { name: 'two' });
      const [o, o2] = [make.owned(p, 'example.com'), make.owned(q, 'example.com')];
      const [t, t2] = [make.topic(p), make.topic(q)];
      await store.transact(p.id, (tx) => {
        for (const c of [make.client(p), make.client(q)]) tx.insertApiClient(c);
        for (const d of [o, o2]) tx.insertOwnedDomain(d);
        for (const each of [t, t2]) tx.insertTopic(each);
        tx.insertDomain(make.domain(o, t));
        tx.insertIdempotency({
          projectId: p.id,
          key: 'k',
          requestHash: Buffer.from('h'),
          response: null,
          createdAt: NOW,
        });
      });
      await assert.rejects(
        store.transact(p.id, (tx) => tx.insertApiClient(make.client(p))),
        conflict('api_client.name'),
      );
      await assert.rejects(
        store.transact(p.id, (tx) => tx.insertOwnedDomain(make.owned(p, 'example.com'))),
        conflict('owned_domain.name'),
      );
      await assert.rejects(
        store.transact(p.id, (tx) => tx.insertTopic(make.topic(p))),
        conflict('topic.name'),
      );
      await assert.rejects(
        store.transact(q.id, (tx) => tx.insertDomain(make.domain(o2, t2))),
        conflict('mta_domain.name'),
      );
      await assert.rejects(
        store.transact(p.id, (tx) => tx.deleteTopic(p.id, t.id)),
        conflict('topic.in_use'),
      );
      const again = {
        projectId: p.id,
        key: 'k',
        requestHash: Buffer.from('h'),
        response: null,
        createdAt: NOW,
      };
      await assert.rejects(
        store.transact(p.id, (tx) => tx.insertIdempotency(again)),
        conflict('idempotency.key'),
      );
      await store.transact(p.id, (tx) => tx.verifyOwnedDomain(p.id, o.id, NOW));
      await assert.rejects(
        store.transact(q.id, (tx) => tx.verifyOwnedDomain(q.id, o2.id, NOW)),
        conflict('owned_domain.verified'),
      );
      assert.equal((await store.read.verifiedOwner(o.name))?.projectId, p.id);
      await assert.rejects(
        store.transact(q.id, (tx) => tx.updateTopic({ ...t, projectId: q.id })),
        StaleError,
      );
    });
    with_('domains, DKIM keys and rules', async (store) => {
      const p = await make.withProject(store);
      const o = make.owned(p, 'example.com');
      const t = make.topic(p);
      const d = make.domain(o, t);
      const k: DkimKey = {
        id: newId(),
        projectId: p.id,
        domainId: d.id,
        selector: 's',
        algorithm: 'ed25519-sha256',
        publicRecord: 'v=DKIM1',
        sealedPrivateKey: Buffer.from('x'),
        active: true,
        createdAt: NOW,
      };
      const rule: ReceiveRule = {
        id: newId(),
        projectId: p.id,
        topicId: t.id,
        createdAt: NOW,
        family: 'incoming',
        domainId: d.id,
        type: 'account',
        localPart: 'info',
      };
      const own: EventRule = {
        id: newId(),
        projectId: p.id,
        topicId: t.id,
        createdAt: NOW,
        family: 'event',
        domainId: null,
        names: ['limit.exceeded'],
      };
      await store.transact(p.id, (tx) => {
        tx.insertOwnedDomain(o);
        tx.insertTopic(t);
        tx.insertDomain(d);
        tx.insertDkimKey(k);
        tx.insertRule(rule);
        tx.insertRule(own);
      });
      assert.deepEqual(await store.read.findDomain(d.name), d);
      assert.deepEqual(await store.read.dkimKeys(p.id, d.id), [k]);
      assert.deepEqual(await store.read.rules(p.id, d.id, 'incoming'), [rule]);
      assert.deepEqual(await store.read.rules(p.id, null, 'event'), [own]);
      assert.deepEqual(await store.read.rule(p.id, rule.id), rule);
      assert.deepEqual(await store.read.domainsForCheck(null, 5), [d]);
      assert.deepEqual(await store.read.domainsForCheck(d.id, 5), []);
      const item = { status: 'ok', expected: ['x'], found: ['x'] } as const;
      const checked = {
        ...d,
        mxSeen: true,
        dns: { checkedAt: NOW, mx: item, spf: item, dkim: item, dmarc: item },
      };
      await store.transact(p.id, (tx) => tx.updateDomain(checked));
      assert.deepEqual(await store.read.domain(p.id, d.id), checked);
      await store.transact(p.id, (tx) => tx.deleteDomain(p.id, d.id));
      assert.deepEqual(await store.read.dkimKeys(p.id, d.id), []);
      assert.equal(await store.read.rule(p.id, rule.id), null);
      await assert.rejects(
        store.transact(p.id, (tx) => tx.updateDomain(d)),
        StaleError,
      );
    });
    with_('limits, tasks and idempotency', async (store) => {
      const p = await make.withProject(store);
      assert.equal(await store.read.projectLimits(p.id), null);
      for (const perDay of [5, 6])
        await store.transact(p.id, (tx) => tx.setProjectLimits(p.id, { perMinute: 1, perDay }));
      assert.deepEqual(await store.read.projectLimits(p.id), { perMinute: 1, perDay: 6 });
      await store.transact(p.id, (tx) => {
        tx.addUsage(p.id, null, 61, 2);
        tx.addUsage(p.id, null, 61, 3);
        tx.addUsage(p.id, null, 200, 1);
      });
      assert.deepEqual(await store.read.usage(p.id, null, 1, 0), [
        { width: 1, start: 61, count: 5 },
        { width: 1, start: 200, count: 1 },
      ]);
      assert.deepEqual(await store.read.usage(p.id, null, 60, 61), [{ width: 60, start: 180, count: 1 }]);
      await store.transact(p.id, (tx) => tx.pruneUsage(p.id, 100, 60));
      assert.equal((await store.read.usage(p.id, null, 1, 0)).length, 1);
      assert.equal((await store.read.usage(p.id, null, 60, 0)).length, 2);
      const task: Task = {
        id: newId(),
        projectId: p.id,
        service: 'mta',
        procedure: 'send_message',
        status: 'queued',
        result: null,
        error: null,
        createdAt: NOW,
        completedAt: null,
      };
      const done: Task = { ...task, status: 'succeeded', result: { id: 'x' }, completedAt: NOW };
      await store.transact(p.id, (tx) => {
        tx.insertTask(task);
        tx.updateTask(done);
        tx.insertIdempotency({
          projectId: p.id,
          key: 'k',
          requestHash: Buffer.from('h'),
          response: null,
          createdAt: NOW,
        });
        tx.completeIdempotency(p.id, 'k', { status: 201, body: '{}' });
      });
      assert.deepEqual(await store.read.task(p.id, task.id), done);
      assert.deepEqual((await store.read.idempotency(p.id, 'k'))?.response, { status: 201, body: '{}' });
      await store.transact(p.id, (tx) => tx.pruneIdempotency(NOW + 1));
      assert.equal(await store.read.idempotency(p.id, 'k'), null);
      assert.equal(await store.read.authFailures('a', 0), 0);
    });
    with_('spool: bytes, moves, attempts, what is due', async (store) => {
      const p = await make.withProject(store);
      const m = make.message(p, { raw: Buffer.alloc(700_001, 'x') });
      const [now, later] = [
        make.recipient(m),
        make.recipient(m, { state: 'deferred', nextAttemptAt: NOW + 50 }),
      ];
      const attempt = {
        projectId: p.id,
        messageId: m.id,
        recipientId: now.id,
        number: 1,
        at: NOW,
        outcome: 'delivered',
        detail: { code: 250 },
      } as const;
      await store.transact(p.id, (tx) => {
        tx.insertMessage(m);
        tx.insertRecipient(now);
        tx.insertRecipient(later);
      });
      assert.deepEqual(await store.read.message(p.id, m.id), m);
      const whole = make.message(p, { prefix: Buffer.from('Received: whole\r\n') });
      const shared = make.message(p, { raw: whole.raw, prefix: Buffer.from('Received: shared\r\n') });
      await store.transact(p.id, (tx) => {
        tx.insertMessage(whole);
        tx.insertMessage(shared, whole.id);
      });
      assert.deepEqual(await store.read.message(p.id, shared.id), shared);
      assert.deepEqual(await store.read.message(p.id, whole.id), whole);
      assert.equal(await store.read.message(newId(), m.id), null);
      assert.deepEqual(
        (await store.read.due({ project: p.id, lane: 'example.net' }, NOW, 5, new Set())).map((d) => [
          d.row,
          d.message.size,
        ]),
        [[now, 700_001]],
      );
      assert.deepEqual(
        (await store.read.due({ project: p.id, lane: 'example.net' }, NOW + 50, 5, new Set([now.id]))).map(
          (d) => d.row,
        ),
        [later],
      );
      assert.equal(
        (await store.read.due({ project: p.id, lane: 'example.net' }, NOW + 50, 1, new Set())).length,
        1,
      );
      assert.equal(await store.read.nextDueAfter({ project: p.id, lane: 'example.net' }, NOW), NOW + 50);
      assert.deepEqual(await store.read.depth(null), { queued: 1, deferred: 1, held: 0 });
      assert.deepEqual(await store.read.lanes(), [
        { project: p.id, lane: 'example.net', queued: 1, deferred: 1, held: 0, nextDue: NOW },
      ]);
      assert.deepEqual(await store.read.recipient(p.id, later.id), later);
      assert.equal(await store.read.recipient(newId(), later.id), null);
      const move = {
        projectId: p.id,
        recipientId: now.id,
        from: ['queued', 'deferred'],
        to: 'delivered',
        lane: 'mx.example.net',
        attempts: 1,
        heldSince: null,
        heldMs: 7,
        nextAttemptAt: null,
        lastResult: { code: 250 },
        settledAt: NOW,
      } as const;
      await store.transact(p.id, (tx) => {
        tx.moveRecipient(move);
        tx.insertAttempt(attempt);
      });
      assert.equal(
        (await store.read.recipients(p.id, m.id)).find((r) => r.id === now.id)?.state,
        'delivered',
      );
      assert.deepEqual(await store.read.attempts(p.id, m.id), [attempt]);
      await assert.rejects(
        store.transact(p.id, (tx) => tx.moveRecipient(move)),
        StaleError,
      );
      await assert.rejects(
        store.transact(p.id, (tx) =>
          tx.moveRecipient({ ...move, recipientId: later.id, nextAttemptAt: NOW }),
        ),
        ConflictError,
      );
    });
    with_(
      'waiting recipients come by project, lane and time, filtered, in pages that add up',
      async (store) => {
        const [p, q] = [await make.withProject(store), await make.withProject(store, { name: 'q' })];
        const rows: ReturnType<typeof make.recipient>[] = [];
        for (const [project, lane, at, over] of [
          [p, 'a.test', 3, { state: 'deferred' }],
          [p, 'a.test', 1, {}],
          [p, 'b.test', 2, { domain: 'other.test' }],
          [q, 'a.test', 1, {}],
          [
            p,
            'held:quota',
            9,
            { state: 'held', heldSince: NOW, dsn: { notify: ['NEVER'], orcpt: 'rfc822;x' } },
          ],
        ] as const) {
          const m = make.message(project, { mailFrom: `${lane}@example.com`, acceptedAt: NOW + at });
          const row = make.recipient(m, { lane, nextAttemptAt: NOW + at, ...over });
          await store.transact(project.id, (tx) => {
            tx.insertMessage(m);
            tx.insertRecipient(row);
          });
          rows.push(row);
        }
        async function all(filter: WaitingFilter, limit = 2): Promise<unknown[]> {
          const found: unknown[] = [];
          for (let cursor: string | null = null; ; ) {
            const page: Awaited<ReturnType<Store['read']['waiting']>> = await store.read.waiting(filter, {
              limit,
              cursor,
            });
            assert.ok(page.items.length <= limit);
            found.push(...page.items.map(({ row }) => rows.findIndex(({ id }) => id === row.id)));
            cursor = page.nextCursor;
            if (cursor === null) return found;
          }
        }
        assert.deepEqual(await all({ project: p.id }), [1, 0, 2, 4]);
        assert.equal((await all({ project: null }, 1)).length, 5);
        assert.deepEqual(await all({ project: p.id, lane: 'a.test' }, 1), [1, 0]);
        assert.deepEqual(await all({ project: p.id, domain: 'OTHER.test' }), [2]);
        assert.deepEqual(await all({ project: null, sender: 'B.test@example.com' }), [2]);
        assert.deepEqual(await all({ project: p.id, acceptedBefore: NOW + 2 }), [1]);
        assert.deepEqual(await all({ project: p.id, states: ['held'] }), [4]);
        assert.deepEqual(
          (await store.read.waiting({ project: p.id, states: ['held'] }, { limit: 9, cursor: 'nonsense' }))
            .items[0]?.row,
          rows[4],
        );
      },
    );
    with_('suspensions, operations and once-only keys are kept', async (store) => {
      const p = await make.withProject(store);
      const suspension = {
        id: newId<'suspension'>(),
        filter: { project: p.id, domain: 'a.test' },
        reason: 'maintenance',
        actor: 'operator',
        createdAt: NOW,
        expiresAt: NOW + 1000,
      };
      const operation = {
        id: newId<'queue-operation'>(),
        action: 'suspend',
        filter: suspension.filter,
        actor: 'operator',
        at: NOW,
        changed: 3,
      } as const;
      const sent = {
        projectId: p.id,
        key: 'k',
        address: 'x@a.test',
        messageId: newId<'message'>(),
        createdAt: NOW,
      };
      await store.transact(p.id, (tx) => {
        tx.insertSuspension(suspension);
        tx.insertOperation(operation);
        tx.insertSentKey(sent);
        tx.insertSentKey({ ...sent, address: 'y@a.test' });
        tx.setSendingSettings(p.id, {
          retrySeconds: 60,
          deferredAges: [0, 60],
          overLimit: 'hold',
          retentionDays: 7,
        });
      });
      assert.deepEqual(await store.read.suspensions(), [suspension]);
      assert.deepEqual((await store.read.operations(ALL, p.id)).items, [operation]);
      assert.deepEqual((await store.read.operations(ALL, null)).items, [operation]);
      assert.deepEqual((await store.read.operations(ALL, newId())).items, []);
      assert.deepEqual((await store.read.sentKeys(p.id, 'k')).map(({ address }) => address).sort(), [
        'x@a.test',
        'y@a.test',
      ]);
      assert.deepEqual(await store.read.sendingSettings(p.id), {
        retrySeconds: 60,
        deferredAges: [0, 60],
        overLimit: 'hold',
        retentionDays: 7,
      });
      await assert.rejects(
        store.transact(p.id, (tx) => tx.insertSentKey(sent)),
        conflict('sent_key.address'),
      );
      await store.transact(p.id, (tx) => {
        tx.deleteSuspension(suspension.id);
        tx.pruneSentKeys(NOW + 1);
      });
      assert.deepEqual(await store.read.suspensions(), []);
      assert.deepEqual(await store.read.sentKeys(p.id, 'k'), []);
      await assert.rejects(
        store.transact(p.id, (tx) => tx.deleteSuspension(suspension.id)),
        StaleError,
      );
    });
    with_('lists run newest first through opaque cursors, with filters', async (store) => {
      const p = await make.withProject(store);
      const all = Array.from({ length: 5 }, (_, i) =>
        make.message(p, { messageIdHeader: `<${i}@example.com>` }),
      );
      for (const m of all) await store.transact(p.id, (tx) => tx.insertMessage(m));
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<Store['read']['messages']>> = await store.read.messages(p.id, {
          limit: 2,
          cursor,
        });
        seen.push(...page.items.map((m) => m.id));
        cursor = page.nextCursor;
      } while (cursor !== null);
      assert.deepEqual(
        seen,
        all
          .map((m) => m.id)
          .sort()
          .reverse(),
      );
      const found = await store.read.messages(p.id, {
        limit: 2,
        cursor: null,
        messageIdHeader: '<3@example.com>',
      });
      assert.deepEqual(
        found.items.map((m) => m.id),
        [all[3]!.id],
      );
      assert.deepEqual(await store.read.messages(p.id, { limit: 2, cursor: 'nonsense!' }), {
        items: [],
        nextCursor: null,
      });
    });
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
      assert.deepEqual(await store.read.eventsAfter(p.id, t.id, null, 9), [first, second]);
      assert.deepEqual(await store.read.eventsAfter(p.id, t.id, first.id, 9), [second]);
      const page = await store.read.events(p.id, t.id, { limit: 1, cursor: null });
      assert.deepEqual(page.items, [second]);
      assert.deepEqual((await store.read.events(p.id, t.id, { limit: 1, cursor: page.nextCursor })).items, [
        first,
      ]);
      const due = await store.read.dueDeliveries(NOW, {
        perSubscriber: 9,
        limit: 9,
        after: null,
        exclude: new Set(),
      });
      assert.equal(due.length, 3);
      const d = due.find((each) => each.event.id === first.id)!;
      assert.deepEqual([d.event, d.subscriber], [first, s]);
      const move = {
        projectId: p.id,
        id: d.delivery.id,
        from: ['pending', 'retry'],
        to: 'retry',
        attempts: 1,
        nextAttemptAt: NOW + 9,
        lastResult: { status: 500 },
      } as const;
      await store.transact(p.id, (tx) => tx.moveDelivery(move));
      assert.equal(
        (await store.read.dueDeliveries(NOW, { perSubscriber: 9, limit: 9, after: null, exclude: new Set() }))
          .length,
        2,
      );
      assert.equal(await store.read.nextDeliveryAfter(NOW), NOW + 9);
      await assert.rejects(
        store.transact(p.id, (tx) => tx.moveDelivery({ ...move, from: ['pending'] })),
        StaleError,
      );
      await store.transact(p.id, (tx) => tx.deleteTopic(p.id, t.id));
      assert.equal(
        (
          await store.read.dueDeliveries(NOW + 9, {
            perSubscriber: 9,
            limit: 9,
            after: null,
            exclude: new Set(),
          })
        ).length,
        0,
      );
      await assert.rejects(
        store.transact(p.id, (tx) => tx.insertEvent(make.event(t))),
        StaleError,
      );
    });
    with_('a transaction is atomic and a batch is not one fate', async (store) => {
      const p = await make.withProject(store);
      const t = make.topic(p);
      await store.transact(p.id, (tx) => tx.insertTopic(t));
      const messages = [make.message(p), make.message(p), make.message(p)];
      const results = await Promise.allSettled(
        messages.map((m, i) =>
          store.transact(p.id, (tx) => {
            tx.insertMessage(m);
            tx.insertRecipient(make.recipient(m));
            if (i === 1) tx.insertTopic(make.topic(p));
          }),
        ),
      );
      assert.deepEqual(
        results.map((r) => r.status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
      assert.notEqual(await store.read.message(p.id, messages[0]!.id), null);
      assert.equal(await store.read.message(p.id, messages[1]!.id), null);
      assert.equal(
        (await store.read.due({ project: p.id, lane: 'example.net' }, NOW, 9, new Set())).length,
        2,
      );
      const thrown = make.message(p);
      await assert.rejects(
        store.transact(p.id, (tx) => {
          tx.insertMessage(thrown);
          throw new RangeError('changed its mind');
        }),
        RangeError,
      );
      assert.equal(await store.read.message(p.id, thrown.id), null);
      await store.transact(p.id, () => {});
    });
    retentionConformance(with_);
    test('closing commits what has gathered, and opening again finds it', async (t) => {
      const directory = directoryFor(t);
      const p = make.project();
      const m = make.message(p);
      const store = await open(directory);
      const writing = store.transact(p.id, (tx) => {
        tx.insertProject(p);
        tx.insertMessage(m);
      });
      await store[Symbol.asyncDispose]();
      await writing;
      await using again = await open(directory);
      assert.deepEqual(await again.read.message(p.id, m.id), m);
      await assert.rejects(
        store.transact(p.id, (tx) => tx.insertProject(p)),
        { name: 'StoreError', retryable: false },
      );
    });
  });
}
