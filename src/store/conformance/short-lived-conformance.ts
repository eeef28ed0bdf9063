/** Short-lived records on every engine: expired ones are removed in steps; unexpired ones stay. */
import assert from 'node:assert/strict';
import { ATTEMPTS_KEPT_MS } from '../../iam/attempts.ts';
import { IDLE_MS } from '../../iam/sessions.ts';
import { ANSWERS_KEPT_MS } from '../../ledger/idempotency.ts';
import { DAY_MS } from '../../limits/usage.ts';
import { INSTANCE } from '../../runtime/ids.ts';
import { SENT_KEYS_KEPT_MS } from '../../spool/messages.ts';
import { sweepAll } from './retention-conformance.ts';
import type { WithStore } from './running.ts';
import * as make from './samples.ts';
import { NOW, newId } from './samples.ts';

export function shortLivedConformance(with_: WithStore): void {
  with_('a probe is a commit, however many there are, and leaves nothing behind', async (store) => {
    for (let i = 0; i < 3; i += 1) await store.probe();
    await Promise.all([store.probe(), make.withProject(store), store.probe()]);
    assert.equal((await sweepAll(store, NOW + DAY_MS)).removed.records, 0);
  });
  with_('short-lived: suspensions go when they end', async (store) => {
    const suspension = (expiresAt: number) => ({
      ...{ id: newId<'suspension'>(), filter: { project: null }, reason: 'r', actor: 'a', byOperator: false },
      ...{ createdAt: NOW, expiresAt },
    });
    const [over, runs] = [suspension(NOW + 1), suspension(NOW + 2)];
    await store.transact(INSTANCE, (tx) => {
      for (const one of [over, runs]) tx.insertSuspension(one);
    });
    assert.equal((await sweepAll(store, NOW + 1)).removed.records, 1);
    assert.deepEqual(await store.read.suspensions(), [runs]);
  });
  with_('short-lived: keys go when their time is over, many of them in several steps', async (store) => {
    const p = await make.withProject(store);
    const key = (name: string, createdAt: number) => ({
      answer: {
        projectId: p.id,
        key: name,
        requestHash: Buffer.from('h'),
        response: null,
        createdAt,
      },
      sent: { projectId: p.id, key: name, address: 'x@a.test', messageId: newId<'message'>(), createdAt },
    });
    const old = Array.from({ length: 1_300 }, (_, i) => key(`old ${i}`, NOW - 1));
    const fresh = key('fresh', NOW);
    await store.transact(p.id, (tx) => {
      for (const { answer, sent } of [...old, fresh]) {
        tx.insertIdempotency(answer);
        tx.insertSentKey(sent);
      }
    });
    assert.equal(ANSWERS_KEPT_MS, SENT_KEYS_KEPT_MS);
    const now = NOW + ANSWERS_KEPT_MS;
    assert.equal((await sweepAll(store, now - 1)).removed.records, 0);
    const first = await store.sweep(now);
    assert.ok(first.removed.records > 0 && first.removed.records < 2_000, String(first.removed.records));
    const { removed } = await sweepAll(store, now);
    assert.equal(first.removed.records + removed.records, 2_600);
    assert.equal(await store.read.idempotency(p.id, 'old 0'), null);
    assert.deepEqual(await store.read.sentKeys(p.id, 'old 1299'), []);
    assert.deepEqual(await store.read.idempotency(p.id, 'fresh'), fresh.answer);
    assert.equal((await store.read.sentKeys(p.id, 'fresh')).length, 1);
  });
  with_('short-lived: attempts to sign in go after the longest window that counts them', async (store) => {
    await store.transact(INSTANCE, (tx) => {
      for (const [scope, at] of [
        ['old', NOW - 1],
        ['fresh', NOW],
        ['ahead', NOW + 2 * ATTEMPTS_KEPT_MS + 1],
      ] as const) {
        tx.insertAuthFailure(scope, at, 'attempt');
        tx.setAuthSuccess(scope, at);
      }
    });
    const { removed } = await sweepAll(store, NOW + ATTEMPTS_KEPT_MS);
    assert.equal(removed.records, 4);
    assert.deepEqual(
      [await store.read.authFailure('old', 1, NOW), await store.read.authSuccess('old')],
      [null, null],
    );
    assert.equal(await store.read.authSuccess('ahead'), null, 'of a clock that was ahead');
    assert.deepEqual(
      [await store.read.authFailure('fresh', 1, NOW), await store.read.authSuccess('fresh')],
      [NOW, NOW],
    );
  });
  with_(
    'short-lived: sessions that ended or lay idle go, and links nobody may take any more',
    async (store) => {
      const m = make.member();
      const session = (hash: string, expiresAt: number, lastUsedAt: number) => ({
        ...({ id: newId<'session'>(), hash, memberId: m.id, state: 'signed_in', createdAt: NOW } as const),
        ...{ lastUsedAt, expiresAt, address: '192.0.2.1', agent: '', challenge: null, sealedTotp: null },
      });
      const link = (hash: string, expiresAt: number) => ({ hash, memberId: m.id, createdAt: NOW, expiresAt });
      const now = NOW + IDLE_MS;
      await store.transact(INSTANCE, (tx) => {
        tx.insertMember(m);
        tx.insertSession(session('ended', now, now));
        tx.insertSession(session('idle', now + DAY_MS, NOW));
        tx.insertSession(session('used', now + 1, NOW + 1));
        // more than one step reads
        for (let i = 0; i < 1_100; i += 1)
          tx.insertSession(session(`many ${i}`, now + (i === 1_099 ? 0 : 1), now));
        tx.insertSignInLink(link('old', now));
        tx.insertSignInLink(link('new', now + 1));
      });
      assert.equal((await sweepAll(store, now - 1)).removed.records, 0);
      assert.equal((await sweepAll(store, now)).removed.records, 4);
      const left = await Promise.all(
        ['ended', 'idle', 'used', 'many 1099', 'many 0'].map((hash) => store.read.session(hash)),
      );
      assert.deepEqual(
        left.map((one) => one?.hash),
        [undefined, undefined, 'used', undefined, 'many 0'],
      );
      assert.equal(await store.read.signInLink('old'), null);
      assert.notEqual(await store.read.signInLink('new'), null);
    },
  );
}
