/**
 * Members, their factors, sessions and one-time links on every engine: what may be taken once is taken only
 * once.
 */
import assert from 'node:assert/strict';
import { STEPS_AHEAD } from '../../iam/one-time-codes.ts';
import type { Session } from '../../iam/people-records.ts';
import { INSTANCE } from '../../runtime/ids.ts';
import { StaleError } from '../../runtime/transactor.ts';
import type { Store } from '../store.ts';
import { ALL, conflict, type WithStore } from './running.ts';
import * as make from './samples.ts';
import { NOW, newId } from './samples.ts';

async function withMember(store: Store, over: Parameters<typeof make.member>[0] = {}) {
  const m = make.member(over);
  await store.transact(INSTANCE, (tx) => tx.insertMember(m));
  return m;
}
const session = (over: Partial<Session> & Pick<Session, 'memberId' | 'hash'>): Session => ({
  id: newId(),
  state: 'second_factor',
  createdAt: NOW,
  lastUsedAt: NOW,
  expiresAt: NOW + 1000,
  address: '192.0.2.1',
  agent: 'a browser',
  challenge: null,
  sealedTotp: null,
  ...over,
});
const write = (store: Store, record: Parameters<Store['transact']>[1]) => store.transact(INSTANCE, record);

export function peopleConformance(with_: WithStore): void {
  with_('people: members come back, by id and by address; an address is one member’s', async (store) => {
    const m = await withMember(store, { totp: { sealedSecret: Buffer.from('sealed'), lastStep: 5 } });
    const operator = await withMember(store, { email: 'op@example.com', instanceRoles: ['operator'] });
    assert.deepEqual(await store.read.member(m.id), m);
    assert.deepEqual(await store.read.memberByEmail('op@example.com'), operator);
    assert.equal(await store.read.memberByEmail('nobody@example.com'), null);
    assert.equal(await store.read.member(newId()), null);
    assert.deepEqual(await store.read.firstOperator(), operator);
    const [p, q] = [await make.withProject(store), await make.withProject(store, { name: 'two' })];
    await write(store, (tx) => {
      const membership = { roles: ['owner'], createdAt: NOW };
      tx.insertMembership({ ...membership, projectId: p.id, memberId: operator.id });
      tx.insertMembership({ ...membership, projectId: q.id, memberId: m.id });
    });
    assert.deepEqual([await store.read.hasOperator(p.id), await store.read.hasOperator(q.id)], [true, false]);
    await write(store, (tx) => tx.updateMember(m.id, { name: 'Other', language: 'ja' }));
    await write(store, (tx) => tx.setPassword(m.id, 'hash'));
    assert.deepEqual(await store.read.member(m.id), {
      ...m,
      name: 'Other',
      language: 'ja',
      password: 'hash',
    });
    await assert.rejects(withMember(store), conflict('member.email'));
    await assert.rejects(
      write(store, (tx) => tx.setPassword(newId(), 'x')),
      StaleError,
    );
  });
  with_(
    'people: an operator is ready with a password and a second factor; others do not count',
    async (store) => {
      const other = await withMember(store, { email: 'other@example.com' });
      await write(store, (tx) => tx.setPassword(other.id, 'hash'));
      await write(store, (tx) => tx.setTotp(other.id, { sealedSecret: Buffer.from('s'), lastStep: 1 }));
      const m = await withMember(store);
      assert.equal(await store.read.firstOperator(), null);
      assert.equal(await store.read.anyOperatorIsReady(), false);
      await write(store, (tx) => tx.setInstanceRoles(m.id, ['operator']));
      assert.equal((await store.read.firstOperator())?.id, m.id);
      assert.equal(await store.read.anyOperatorIsReady(), false);
      await write(store, (tx) => tx.setPassword(m.id, 'hash'));
      assert.equal(await store.read.anyOperatorIsReady(), false);
      await write(store, (tx) => tx.setTotp(m.id, { sealedSecret: Buffer.from('s'), lastStep: 1 }));
      assert.equal(await store.read.anyOperatorIsReady(), true);
      await write(store, (tx) => tx.clearFactors(m.id));
      assert.equal(await store.read.anyOperatorIsReady(), false);
      const link = { hash: 'l', memberId: m.id, createdAt: NOW, expiresAt: NOW + 1000 };
      await write(store, (tx) => {
        tx.insertSignInLink({ ...link, hash: 'o', memberId: other.id });
        tx.insertSignInLink(link);
      });
      const linked = await store.read.operatorWithLink(NOW);
      assert.deepEqual([linked?.member.id, linked?.expiresAt], [m.id, NOW + 1000]);
      assert.equal(await store.read.operatorWithLink(NOW + 1000), null);
      await write(store, (tx) => tx.insertPasskey(make.passkey(m)));
      assert.equal(await store.read.anyOperatorIsReady(), true);
    },
  );
  with_('people: a step of one-time codes is taken once, and none before it', async (store) => {
    const m = await withMember(store, { totp: { sealedSecret: Buffer.from('s'), lastStep: 5 } });
    const take = (step: number) => write(store, (tx) => tx.takeTotpStep(m.id, step));
    await take(7);
    for (const step of [7, 6]) await assert.rejects(take(step), StaleError);
    const both = await Promise.allSettled([take(8), take(8)]);
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.equal((await store.read.member(m.id))?.totp?.lastStep, 8);
  });
  with_(
    'people: a step that was taken while the clock was ahead stops no later code, nor is one taken twice',
    async (store) => {
      const m = await withMember(store, { totp: { sealedSecret: Buffer.from('s'), lastStep: 17_287 } });
      const take = (step: number) => write(store, (tx) => tx.takeTotpStep(m.id, step));
      await take(7);
      await assert.rejects(take(7), StaleError);
      await take(8);
      await take(8 + STEPS_AHEAD);
      await assert.rejects(take(8), StaleError);
    },
  );
  with_('people: passkeys; a second factor always remains', async (store) => {
    const m = await withMember(store, { totp: { sealedSecret: Buffer.from('s'), lastStep: 5 } });
    const p = make.passkey(m);
    await assert.rejects(
      write(store, (tx) => tx.deleteTotp(m.id)),
      StaleError,
    );
    await write(store, (tx) => tx.insertPasskey(p));
    assert.deepEqual(await store.read.passkeys(m.id), [p]);
    await assert.rejects(
      write(store, (tx) => tx.insertPasskey({ ...p, id: newId() })),
      conflict('passkey.credential_id'),
    );
    await write(store, (tx) => tx.renamePasskey(m.id, p.id, 'phone'));
    await write(store, (tx) => tx.usePasskey(m.id, p.id, 3, NOW));
    for (const counter of [3, 2, 0])
      await assert.rejects(
        write(store, (tx) => tx.usePasskey(m.id, p.id, counter, NOW)),
        StaleError,
      );
    assert.deepEqual(await store.read.passkeys(m.id), [{ ...p, name: 'phone', counter: 3, lastUsedAt: NOW }]);
    await write(store, (tx) => tx.deleteTotp(m.id));
    assert.equal((await store.read.member(m.id))?.totp, null);
    await assert.rejects(
      write(store, (tx) => tx.deletePasskey(m.id, p.id)),
      StaleError,
    );
    const other = make.passkey(m, { credentialId: 'other', counter: 0 });
    await write(store, (tx) => tx.insertPasskey(other));
    for (let i = 0; i < 2; i += 1) await write(store, (tx) => tx.usePasskey(m.id, other.id, 0, NOW));
    const both = await Promise.allSettled(
      [p, other].map(({ id }) => write(store, (tx) => tx.deletePasskey(m.id, id))),
    );
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.equal((await store.read.passkeys(m.id)).length, 1);
  });
  with_('people: recovery codes are a set, each taken once', async (store) => {
    const [m, other] = [await withMember(store), await withMember(store, { email: 'b@example.com' })];
    const codes = ['a', 'b'].map((text) => Buffer.from(text));
    await write(store, (tx) => tx.setRecoveryCodes(m.id, codes));
    await assert.rejects(
      write(store, (tx) => tx.takeRecoveryCode(other.id, codes[0]!)),
      StaleError,
    );
    await write(store, (tx) => tx.takeRecoveryCode(m.id, codes[0]!));
    await assert.rejects(
      write(store, (tx) => tx.takeRecoveryCode(m.id, codes[0]!)),
      StaleError,
    );
    assert.equal(await store.read.recoveryCodesLeft(m.id), 1);
    await write(store, (tx) => tx.setRecoveryCodes(m.id, [Buffer.from('c')]));
    await assert.rejects(
      write(store, (tx) => tx.takeRecoveryCode(m.id, codes[1]!)),
      StaleError,
    );
    assert.equal(await store.read.recoveryCodesLeft(m.id), 1);
  });
  with_('people: sessions are found by their hash, and end once', async (store) => {
    const m = await withMember(store);
    const [a, b, c] = ['a', 'b', 'c'].map((hash) => session({ memberId: m.id, hash }));
    await write(store, (tx) => {
      for (const one of [a!, b!, c!]) tx.insertSession(one);
    });
    assert.deepEqual(await store.read.session('a'), a);
    assert.equal(await store.read.session('x'), null);
    const since = { now: NOW + 999, idleBefore: NOW - 1 };
    const firstPage = await store.read.sessions(m.id, since, { limit: 2, cursor: null });
    const rest = await store.read.sessions(m.id, since, { limit: 2, cursor: firstPage.nextCursor });
    assert.deepEqual(
      [...firstPage.items, ...rest.items].map(({ hash }) => hash),
      [a!, b!, c!].sort((x, y) => (x.id < y.id ? 1 : -1)).map(({ hash }) => hash),
    );
    assert.equal(rest.nextCursor, null);
    for (const over of [
      { ...since, now: NOW + 1000 },
      { ...since, idleBefore: NOW },
    ])
      assert.deepEqual((await store.read.sessions(m.id, over, ALL)).items, []);
    assert.deepEqual(await store.read.sessionOf(m.id, a!.id), a);
    assert.equal(await store.read.sessionOf(newId(), a!.id), null);
    const use = { lastUsedAt: NOW + 5, address: '192.0.2.2', agent: 'another' };
    const pending = { challenge: 'c', sealedTotp: Buffer.from('t') };
    await write(store, (tx) => {
      tx.touchSession('a', use);
      tx.setPending('a', pending);
    });
    assert.deepEqual(await store.read.session('a'), { ...a, ...use, ...pending });
    await write(store, (tx) => tx.endSession('a'));
    await assert.rejects(
      write(store, (tx) => tx.endSession('a')),
      StaleError,
    );
    await assert.rejects(
      write(store, (tx) => tx.setPending('a', pending)),
      StaleError,
    );
    await write(store, (tx) => tx.deleteSession(newId(), b!.id));
    assert.notEqual(await store.read.session('b'), null);
    await write(store, (tx) => tx.deleteSession(m.id, b!.id));
    assert.equal(await store.read.session('b'), null);
    await write(store, (tx) => {
      tx.insertSession(session({ memberId: m.id, hash: 'e' }));
      tx.deleteSessions(m.id);
    });
    assert.equal(await store.read.session('e'), null);
    const [kept, other] = ['f', 'g'].map((hash) => session({ memberId: m.id, hash }));
    await write(store, (tx) => {
      tx.insertSession(kept!);
      tx.insertSession(other!);
      tx.deleteOtherSessions(m.id, kept!.id);
    });
    assert.deepEqual((await store.read.sessions(m.id, since, ALL)).items, [kept]);
  });
  with_('people: one-time links are taken once; those to the first account all together', async (store) => {
    const m = await withMember(store);
    const link = (hash: string, memberId: typeof m.id | null) => ({
      hash,
      memberId,
      createdAt: NOW,
      expiresAt: NOW + 10,
    });
    await write(store, (tx) => {
      for (const one of [link('a', m.id), link('b', null), link('c', null)]) tx.insertSignInLink(one);
    });
    assert.deepEqual(await store.read.signInLink('a'), link('a', m.id));
    assert.deepEqual(await store.read.signInLink('b'), link('b', null));
    await write(store, (tx) => tx.takeSignInLink('a'));
    await assert.rejects(
      write(store, (tx) => tx.takeSignInLink('a')),
      StaleError,
    );
    await write(store, (tx) => tx.takeOwnerLinks());
    assert.equal(await store.read.signInLink('c'), null);
    await assert.rejects(
      write(store, (tx) => tx.takeOwnerLinks()),
      StaleError,
    );
    await write(store, (tx) => {
      tx.insertSignInLink(link('d', m.id));
      tx.insertSignInLink(link('e', null));
      tx.deleteSignInLinks(m.id);
    });
    assert.equal(await store.read.signInLink('d'), null);
    assert.notEqual(await store.read.signInLink('e'), null);
  });
}
