/** Limits, usage, tasks, idempotent answers and failed AUTHs on every engine. */
import assert from 'node:assert/strict';
import type { Task } from '../../ledger/tasks.ts';
import type { WithStore } from './running.ts';
import * as make from './samples.ts';
import { NOW, newId } from './samples.ts';

export function ledgerConformance(with_: WithStore): void {
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
  });

  with_('ledger: attempts to sign in, by scope', async (store) => {
    const p = await make.withProject(store);
    const { read } = store;
    await store.transact(p.id, (tx) => {
      for (const [i, at] of [1, 5, 3].entries()) tx.insertAuthFailure('a', at, `attempt ${i}`);
      tx.insertAuthFailure('b', 9, 'attempt 1');
      tx.setAuthSuccess('a', 4);
    });
    assert.deepEqual(await Promise.all([1, 2, 3, 4].map((nth) => read.authFailure('a', nth, 9))), [
      5,
      3,
      1,
      null,
    ]);
    assert.deepEqual([await read.authSuccess('a'), await read.authSuccess('b')], [4, null]);
    assert.deepEqual([await read.authFailure('a', 1, 4), await read.authFailure('a', 2, 2)], [3, null]);
    await store.transact(p.id, (tx) => {
      tx.deleteAuthFailure('a', 'attempt 1');
      tx.setAuthSuccess('a', 7);
    });
    assert.deepEqual([await read.authFailure('a', 1, 9), await read.authFailure('b', 1, 9)], [3, 9]);
    assert.equal(await read.authSuccess('a'), 7);
  });

  with_(
    'ledger: an answer that was not kept is forgotten, so that the key may be used again',
    async (store) => {
      const p = await make.withProject(store);
      const record = {
        projectId: p.id,
        key: 'k',
        requestHash: Buffer.from('h'),
        response: null,
        createdAt: NOW,
      };
      await store.transact(p.id, (tx) => tx.insertIdempotency(record));
      assert.deepEqual(await store.read.idempotency(p.id, 'k'), record);
      await store.transact(p.id, (tx) => tx.deleteIdempotency(p.id, 'k'));
      assert.equal(await store.read.idempotency(p.id, 'k'), null);
      await store.transact(p.id, (tx) => tx.insertIdempotency(record));
      const forget = (begunBy: number) =>
        store.transact(p.id, (tx) => tx.forgetUnanswered(p.id, 'k', begunBy));
      await forget(NOW - 1);
      assert.deepEqual(await store.read.idempotency(p.id, 'k'), record, 'of a later call');
      await forget(NOW);
      assert.equal(await store.read.idempotency(p.id, 'k'), null);
      await store.transact(p.id, (tx) => {
        tx.insertIdempotency(record);
        tx.completeIdempotency(p.id, 'k', { status: 201, body: '{}' });
      });
      await forget(NOW);
      assert.equal((await store.read.idempotency(p.id, 'k'))?.response?.status, 201, 'an answer stays');
    },
  );
}
