/**
 * The spool on every engine: octets, recipients and their transitions, the queue, records of manual
 * operations.
 */
import assert from 'node:assert/strict';
import type { MessageId } from '../../runtime/ids.ts';
import { ConflictError, StaleError } from '../../runtime/transactor.ts';
import { MOST_SHOWN, type WaitingFilter } from '../../spool/messages.ts';
import type { Store } from '../store.ts';
import { ALL, conflict, type WithStore } from './running.ts';
import * as make from './samples.ts';
import { NOW, newId } from './samples.ts';

export function spoolConformance(with_: WithStore): void {
  with_('spool: bytes, moves, attempts, what is due', async (store) => {
    const p = await make.withProject(store);
    // every possible octet: mail is not text
    const octets = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const m = make.message(p, { raw: Buffer.alloc(700_001, octets), prefix: octets });
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
      (await store.read.due([{ project: p.id, lane: 'example.net' }], NOW, 5, new Set()))[0]!.rows.map(
        (d) => [d.row, d.message.size],
      ),
      [[now, 700_001]],
    );
    assert.deepEqual(
      (
        await store.read.due([{ project: p.id, lane: 'example.net' }], NOW + 50, 5, new Set([now.id]))
      )[0]!.rows.map((d) => d.row),
      [later],
    );
    assert.equal(
      (await store.read.due([{ project: p.id, lane: 'example.net' }], NOW + 50, 1, new Set()))[0]!.rows
        .length,
      1,
    );
    const nowhere = { project: p.id, lane: 'nowhere.example' };
    const several = await store.read.due(
      [nowhere, { project: p.id, lane: 'example.net' }],
      NOW,
      5,
      new Set(),
    );
    assert.deepEqual(
      several.map(({ rows, next }) => ({ rows: rows.map(({ row }) => row.id), next })),
      [
        { rows: [], next: null },
        { rows: [now.id], next: NOW + 50 },
      ],
    );
    assert.deepEqual(await store.read.depth(null), { queued: 1, deferred: 1, held: 0 });
    assert.deepEqual(await store.read.lanes(), [
      {
        project: p.id,
        lane: 'example.net',
        queued: 1,
        deferred: 1,
        held: 0,
        nextDue: NOW,
        lastDue: NOW + 50,
      },
    ]);
    const lane = { project: p.id, lane: 'example.net' };
    const after = async (at: number) => (await store.read.dueAfter(lane, at, 9)).map(({ row }) => row.id);
    assert.deepEqual(await Promise.all([NOW - 1, NOW, NOW + 49, NOW + 50].map(after)), [
      [now.id, later.id],
      [later.id],
      [later.id],
      [],
    ]);
    assert.equal((await store.read.dueAfter(lane, 0, 1)).length, 1);
    assert.deepEqual(
      (await store.read.recipients(p.id, m.id)).find(({ id }) => id === later.id),
      later,
    );
    assert.deepEqual(await store.read.recipients(newId(), m.id), []);
    const move = {
      projectId: p.id,
      messageId: m.id,
      recipientId: now.id,
      from: ['queued', 'deferred'],
      to: 'delivered',
      lane: 'mx.example.net',
      attempts: 1,
      heldSince: null,
      heldMs: 7,
      moves: 4,
      nextAttemptAt: null,
      lastResult: { code: 250 },
      settledAt: NOW,
    } as const;
    await store.transact(p.id, (tx) => {
      tx.moveRecipient(move);
      tx.insertAttempt(attempt);
    });
    assert.equal((await store.read.recipients(p.id, m.id)).find((r) => r.id === now.id)?.state, 'delivered');
    assert.deepEqual(await store.read.attempts(p.id, m.id, [now.id, later.id]), [attempt]);
    assert.deepEqual(await store.read.attempts(p.id, m.id, [later.id]), []);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.moveRecipient(move)),
      StaleError,
    );
    await assert.rejects(
      store.transact(p.id, (tx) => tx.moveRecipient({ ...move, recipientId: later.id, nextAttemptAt: NOW })),
      ConflictError,
    );
  });
  with_('spool: what is due of each project is read by itself, however much others have', async (store) => {
    const [p, q] = [await make.withProject(store), await make.withProject(store)];
    const lanes = Array.from({ length: 40 }, (_, n) => `silent${n}.example`);
    const many = make.message(p);
    const rowsOfP = lanes.flatMap((lane) => [make.recipient(many, { lane }), make.recipient(many, { lane })]);
    const one = make.message(q);
    const rowOfQ = make.recipient(one, { lane: lanes[0]! });
    await store.transact(p.id, (tx) => {
      tx.insertMessage(many);
      for (const row of rowsOfP) tx.insertRecipient(row);
    });
    await store.transact(q.id, (tx) => {
      tx.insertMessage(one);
      tx.insertRecipient(rowOfQ);
    });
    const keys = [
      ...lanes.slice(0, 31).map((lane) => ({ project: p.id, lane })),
      { project: q.id, lane: lanes[0]! },
    ];
    const held = new Set(rowsOfP.slice(0, 2).map(({ id }) => id));
    const found = await store.read.due(keys, NOW, 1, held);
    assert.deepEqual(
      found.map(({ rows }) => rows.length),
      [0, ...Array.from({ length: 30 }, () => 1), 1],
    );
    assert.deepEqual(found.at(-1)!.rows[0]!.row, rowOfQ);
  });
  with_(
    'spool: a message as it is shown: its first octets, any others, and what was read of it',
    async (store) => {
      const p = await make.withProject(store);
      const raw = Buffer.alloc(700_001, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));
      const m = make.message(p, { raw, prefix: Buffer.from('Received: m\r\n') });
      const other = make.message(p, { raw, prefix: Buffer.from('Received: other\r\n') });
      const read = make.message(p, { raw: Buffer.alloc(0) });
      const reading = Buffer.from([0, 1, 255]);
      await store.transact(p.id, (tx) => {
        tx.insertMessage(m);
        tx.insertMessage(other, m.id);
        tx.insertMessage(read, undefined, reading);
      });
      const shown = ({ raw: octets, ...rest }: typeof m, known: Buffer | null) => ({
        ...rest,
        size: octets.length,
        head: octets.subarray(0, 256 * 1024),
        reading: known,
      });
      assert.deepEqual(await store.read.shown(p.id, m.id), shown(m, null));
      assert.deepEqual(await store.read.shown(p.id, other.id), shown(other, null));
      assert.deepEqual(await store.read.shown(p.id, read.id), shown(read, reading));
      assert.equal(await store.read.shown(newId(), m.id), null);
      for (const [start, end] of [
        [0, 10],
        [262_140, 262_150],
        [262_144, 524_288],
        [500_000, 900_000],
        [100, 100],
        [900_000, 900_001],
      ] as const)
        for (const { id } of [m, other])
          assert.deepEqual(await store.read.octets(p.id, id, start, end), raw.subarray(start, end));
      assert.deepEqual(await store.read.octets(p.id, read.id, 0, 5), Buffer.alloc(0));
      assert.equal(await store.read.octets(newId(), m.id, 0, 10), null);

      await store.transact(p.id, (tx) => {
        tx.storeReading(p.id, other.id, reading);
        tx.storeReading(p.id, read.id, Buffer.from('a later one'));
        tx.storeReading(p.id, newId(), reading);
      });
      // the reading is stored with the octets, and the first one stays
      assert.deepEqual((await store.read.shown(p.id, m.id))!.reading, reading);
      assert.deepEqual((await store.read.shown(p.id, other.id))!.reading, reading);
      assert.deepEqual((await store.read.shown(p.id, read.id))!.reading, reading);
      assert.deepEqual(await store.read.message(p.id, m.id), m);
    },
  );
  with_('spool: messages are shown some at a time: as many as have octets enough', async (store) => {
    const p = await make.withProject(store);
    const message = (octets: number, first = 0) =>
      make.message(p, { raw: Buffer.alloc(octets, first), prefix: Buffer.from('P: x\r\n') });
    const [small, large, last] = [message(1_000, 1), message(700_000, 2), message(994, 3)];
    const again = make.message(p, { raw: large.raw, prefix: Buffer.from('P: again\r\n') });
    const reading = Buffer.alloc(2_000, 9);
    await store.transact(p.id, (tx) => {
      tx.insertMessage(small, undefined, reading);
      tx.insertMessage(large);
      tx.insertMessage(again, large.id);
      tx.insertMessage(last);
    });
    const [nobody, ids] = [newId<'message'>(), [small, large, again, last].map(({ id }) => id)];
    const one = (id: MessageId) => store.read.shown(p.id, id);
    /** Checks that each is what `shown` returns; returns how many there were. */
    async function count(asked: readonly MessageId[], octets: number): Promise<number> {
      const found = await store.read.shownOf(p.id, asked, octets);
      assert.deepEqual(found, await Promise.all(asked.slice(0, found.length).map(one)));
      return found.length;
    }
    assert.equal(await count(ids, 1_000_000), 4);
    assert.equal(await count(ids, 0), 1);
    // one message with its reading and trace fields has 3,006 octets, and the next message has the first 256
    // KiB
    assert.equal(await count(ids, 3_006), 1);
    assert.equal(await count(ids, 3_007), 2);
    assert.equal(await count(ids, 3_006 + 6 + 256 * 1024), 2);
    assert.equal(await count(ids, 3_006 + 7 + 256 * 1024), 3);
    assert.equal(await count([nobody, ids[3]!, nobody, ids[0]!, ids[0]!], 4_007), 5);
    assert.equal(await count([nobody], 0), 1);
    assert.equal(await count([], 9), 0);
    assert.equal(await count(Array(MOST_SHOWN + 1).fill(nobody), 9), MOST_SHOWN);
    assert.deepEqual(await store.read.shownOf(newId(), ids, 9_999), [null, null, null, null]);
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
          assert.equal(page.cursors.length, page.items.length);
          if (page.items.length > 1) {
            const behind = await store.read.waiting(filter, { limit: 1, cursor: page.cursors[0]! });
            assert.deepEqual(behind.items[0], page.items[1]);
          }
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
      // one of our cursors with additional content
      const { cursors } = await store.read.waiting({ project: p.id }, { limit: 1, cursor: null });
      const cells = JSON.parse(Buffer.from(cursors[0]!, 'base64url').toString());
      const longer = Buffer.from(JSON.stringify([...cells, 'x'])).toString('base64url');
      assert.equal(
        (await store.read.waiting({ project: p.id }, { limit: 9, cursor: longer })).items.length,
        4,
      );
      const lookedAt = async (filter: WaitingFilter) =>
        (await store.read.waiting(filter, { limit: 9, cursor: null })).lookedAt;
      assert.equal(await lookedAt({ project: p.id, lane: 'a.test' }), undefined);
      assert.equal(await lookedAt({ project: p.id, sender: 'nobody@example.com' }), 4);
      assert.equal(await lookedAt({ project: null, lane: 'b.test' }), 5);
    },
  );
  with_('spool: the recipients of a message in pages', async (store) => {
    const p = await make.withProject(store);
    const [m, other] = [make.message(p), make.message(p)];
    const rows = Array.from({ length: 5 }, () => make.recipient(m));
    await store.transact(p.id, (tx) => {
      for (const each of [m, other]) tx.insertMessage(each);
      for (const row of [make.recipient(other), ...rows, make.recipient(other)]) tx.insertRecipient(row);
    });
    const all = await store.read.recipients(p.id, m.id);
    assert.equal(all.length, 5);
    const first = await store.read.recipientPage(p.id, m.id, { limit: 3, cursor: null });
    const rest = await store.read.recipientPage(p.id, m.id, { limit: 3, cursor: first.nextCursor });
    assert.deepEqual([...first.items, ...rest.items], all);
    assert.deepEqual([first.cursors[2], rest.nextCursor], [first.nextCursor, null]);
    const none = await store.read.recipientPage(p.id, m.id, { limit: 3, cursor: 'nonsense' });
    assert.deepEqual(none.items, []);
  });
  with_('suspensions, operations and once-only keys are kept', async (store) => {
    const p = await make.withProject(store);
    const suspension = {
      id: newId<'suspension'>(),
      filter: { project: p.id, domain: 'a.test' },
      reason: 'maintenance',
      actor: 'operator',
      byOperator: true,
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
      tx.forgetSentKey(p.id, 'k', NOW + 1);
      tx.forgetSentKey(p.id, 'other', NOW + 1);
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
    ).sort((a, b) => (a.id < b.id ? -1 : 1));
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
    assert.deepEqual(seen, all.map((m) => m.id).reverse());
    const found = await store.read.messages(p.id, {
      limit: 2,
      cursor: null,
      messageIdHeader: all[3]!.messageIdHeader,
    });
    assert.deepEqual(
      found.items.map((m) => m.id),
      [all[3]!.id],
    );
    assert.deepEqual(await store.read.messages(p.id, { limit: 2, cursor: 'nonsense!' }), {
      items: [],
      cursors: [],
      nextCursor: null,
    });
  });

  with_('spool: a recipient of no message, and an attempt at none, are refused', async (store) => {
    const p = await make.withProject(store);
    const m = make.message(p);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.insertRecipient(make.recipient(m))),
      StaleError,
    );
    assert.deepEqual(await store.read.recipients(p.id, m.id), []);
  });
  with_('spool: one transaction moves a row that it has just written, and moves it again', async (store) => {
    const p = await make.withProject(store);
    const m = make.message(p);
    const row = make.recipient(m);
    const move = {
      projectId: p.id,
      messageId: m.id,
      recipientId: row.id,
      from: ['queued'],
      to: 'deferred',
      lane: row.lane,
      attempts: 1,
      heldSince: null,
      heldMs: 0,
      moves: 1,
      nextAttemptAt: NOW + 5,
      lastResult: null,
      settledAt: null,
    } as const;
    await store.transact(p.id, (tx) => {
      tx.insertMessage(m);
      tx.insertRecipient(row);
      tx.moveRecipient(move);
      tx.moveRecipient({ ...move, from: ['deferred'], to: 'bounced', nextAttemptAt: null, settledAt: NOW });
    });
    assert.deepEqual(
      (await store.read.recipients(p.id, m.id)).map(({ state }) => state),
      ['bounced'],
    );
  });
}
