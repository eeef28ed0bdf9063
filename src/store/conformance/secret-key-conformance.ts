/** What the store knows about its secret key, and what a lost key voids, on every engine. */
import assert from 'node:assert/strict';
import { INSTANCE } from '../../runtime/ids.ts';
import { StaleError } from '../../runtime/transactor.ts';
import type { WithStore } from './running.ts';
import * as make from './samples.ts';
import { NOW, newId } from './samples.ts';

export function secretKeyConformance(with_: WithStore): void {
  with_('secret key: the check value is written once, and replaced only by who knows it', async (store) => {
    const write = (check: number, was: number | null) =>
      store.transact(INSTANCE, (tx) => tx.setKeyCheck(check, was));
    const most = 2 ** 48 - 1;
    assert.equal(await store.read.keyCheck(), null);
    await assert.rejects(write(1, 2), StaleError);
    const results = await Promise.allSettled([write(most, null), write(5, null)]);
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    const first = await store.read.keyCheck();
    assert.equal(first, results[0]!.status === 'fulfilled' ? most : 5);
    await assert.rejects(write(7, first! + 1), StaleError);
    await write(7, first);
    assert.equal(await store.read.keyCheck(), 7);
  });

  with_(
    'secret key: an unfinished replacement is noted once, and changed or ended only by who knows it',
    async (store) => {
      const note = (check: number, was: number | null, begunAt = NOW) =>
        store.transact(INSTANCE, (tx) => tx.setReplacement({ check, begunAt }, was));
      const end = (check: number, begunAt = NOW) =>
        store.transact(INSTANCE, (tx) => tx.endReplacement({ check, begunAt }));
      assert.equal(await store.read.replacement(), null);
      await assert.rejects(note(1, 2), StaleError);
      await assert.rejects(end(1), StaleError);
      const most = 2 ** 48 - 1;
      await note(most, null);
      await assert.rejects(note(2, null), StaleError);
      assert.deepEqual(await store.read.replacement(), { check: most, begunAt: NOW });
      // Another key that takes over continues what has begun.
      await note(3, most, NOW + 1);
      assert.deepEqual(await store.read.replacement(), { check: 3, begunAt: NOW });
      await assert.rejects(end(most), StaleError);
      await end(3);
      assert.equal(await store.read.replacement(), null);
      await note(4, null, NOW + 2);
      assert.deepEqual(await store.read.replacement(), { check: 4, begunAt: NOW + 2 });
    },
  );

  with_(
    'secret key: what depends on it is voided everywhere, and only a voided hash is set',
    async (store) => {
      assert.equal(await store.read.wasUsedWithKey(), false);
      const p = await make.withProject(store);
      const c = make.client(p);
      const [k, other] = [make.key(c), make.key(c)];
      const totp = { sealedSecret: Buffer.from('sealed'), lastStep: 5 };
      const members = [
        make.member({ email: 'a@example.com', totp }),
        make.member({ email: 'b@example.com' }),
        make.member({ email: 'c@example.com', totp }),
      ];
      await store.transact(p.id, (tx) => {
        tx.insertApiClient(c);
        tx.insertStaticKey(k);
        tx.insertStaticKey(other);
        for (const m of members) tx.insertMember(m);
        tx.setRecoveryCodes(members[1]!.id, [Buffer.from('code')]);
        tx.insertSession({
          id: newId(),
          hash: 'h',
          memberId: members[0]!.id,
          state: 'signed_in',
          createdAt: NOW,
          lastUsedAt: NOW,
          expiresAt: NOW + 1000,
          address: '192.0.2.1',
          agent: '',
          challenge: 'c',
          sealedTotp: Buffer.from('pending'),
        });
      });
      assert.equal(await store.read.wasUsedWithKey(), true);
      const withCodes = [members[0]!, members[2]!].sort((a, b) => (a.id < b.id ? -1 : 1));
      assert.deepEqual(await store.read.membersWithTotp(null, 10), withCodes);
      assert.deepEqual(await store.read.membersWithTotp(null, 1), withCodes.slice(0, 1));
      assert.deepEqual(await store.read.membersWithTotp(withCodes[0]!.id, 10), withCodes.slice(1));

      await store.transact(INSTANCE, (tx) => tx.voidKeyedHashes());
      const hashOf = async (id: typeof k.id) => (await store.read.findKey(id))!.key.verifier.keyedHash;
      assert.deepEqual([await hashOf(k.id), await hashOf(other.id)], [Buffer.alloc(0), Buffer.alloc(0)]);
      assert.equal(await store.read.recoveryCodesLeft(members[1]!.id), 0);
      const session = await store.read.session('h');
      assert.deepEqual([session?.challenge, session?.sealedTotp], ['c', null]);
      const [hash, late] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
      await store.transact(p.id, (tx) => tx.setKeyedHash(p.id, k.id, hash));
      await store.transact(p.id, (tx) => tx.setKeyedHash(p.id, k.id, late));
      assert.deepEqual([await hashOf(k.id), await hashOf(other.id)], [hash, Buffer.alloc(0)]);
    },
  );
}
