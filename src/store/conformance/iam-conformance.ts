/** Projects, API clients, keys and owned domains on every engine; conflicts by name. */
import assert from 'node:assert/strict';
import { StaleError } from '../../runtime/transactor.ts';
import { ALL, conflict, type WithStore } from './running.ts';
import * as make from './samples.ts';
import { NOW, newId } from './samples.ts';

export function iamConformance(with_: WithStore): void {
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
    assert.deepEqual(await store.read.findKey(k.id), { key: k, client: c, project: p, roles: [] });
    assert.deepEqual(await store.read.findApiClient(c.id), { client: c, project: p, roles: [] });
    assert.deepEqual(await store.read.project(other.id), other);
    const namesake = await make.withProject(store, { name: 'two', createdAt: other.createdAt + 1 });
    assert.deepEqual(await store.read.projectsByName('two'), [other, namesake]);
    assert.deepEqual(await store.read.projectsByName('none'), []);
    assert.equal((await store.read.projects(ALL)).items.length, 3);
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
  with_('iam: API clients of operators, in open projects, oldest first', async (store) => {
    const p = await make.withProject(store);
    const closed = await make.withProject(store, { name: 'closed' });
    const clients = [
      { ...make.client(p), name: 'late', roles: ['reader', 'operator'], createdAt: 9 },
      { ...make.client(p), name: 'early', roles: ['operator'], createdAt: 5 },
      { ...make.client(p), name: 'none', roles: ['operators', 'admin'], createdAt: 1 },
    ];
    const gone = { ...make.client(closed), roles: ['operator'], createdAt: 0 };
    await store.transact(p.id, (tx) => {
      for (const client of clients) tx.insertApiClient(client);
    });
    await store.transact(closed.id, (tx) => {
      tx.insertApiClient(gone);
      tx.closeProject(closed.id, 1);
    });
    assert.deepEqual(
      (await store.read.operatorClients()).map(({ name }) => name),
      ['early', 'late'],
    );
  });
  with_(
    'iam: whoever no longer owns a domain has no mail there, in a closed project either',
    async (store) => {
      const p = await make.withProject(store);
      const [o, t] = [make.owned(p, 'example.com', { verifiedAt: 1 }), make.topic(p)];
      const d = make.domain(o, t);
      await store.transact(p.id, (tx) => {
        tx.insertOwnedDomain(o);
        tx.insertTopic(t);
        tx.insertDomain(d);
        tx.closeProject(p.id, NOW);
      });
      const seen = { seenAt: 1, checkedAt: NOW, lostSince: null, lostChecks: 0 };
      const ended = { at: NOW, reason: 'moved' } as const;
      await store.transact(p.id, (tx) => tx.releaseOwnedDomain(p.id, o.id, { ...seen, ended }));
      assert.equal(await store.read.domain(p.id, d.id), null);
      assert.deepEqual(await store.read.removedDomain(p.id, d.id), {
        ...{ id: d.id, projectId: p.id, name: d.name, createdAt: d.createdAt },
        ...{ reason: 'moved', removedAt: NOW },
      });
    },
  );
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

  with_('iam: lists, and what is deleted is gone; an owned domain in use stays', async (store) => {
    const p = await make.withProject(store);
    const c = make.client(p);
    const [k, other] = [make.key(c), make.key(c)];
    const [used, free] = [make.owned(p, 'example.com'), make.owned(p, 'example.net')];
    const t = make.topic(p);
    await store.transact(p.id, (tx) => {
      tx.insertApiClient(c);
      for (const each of [k, other]) tx.insertStaticKey(each);
      for (const each of [used, free]) tx.insertOwnedDomain(each);
      tx.insertTopic(t);
      tx.insertDomain(make.domain(used, t));
    });
    const names = async () => (await store.read.ownedDomains(p.id, ALL)).items.map(({ name }) => name).sort();
    assert.deepEqual(await names(), ['example.com', 'example.net']);
    assert.deepEqual((await store.read.ownedDomains(newId(), ALL)).items, []);
    await store.transact(p.id, (tx) => {
      tx.deleteStaticKey(p.id, k.id);
      tx.deleteOwnedDomain(p.id, free.id);
    });
    assert.equal(await store.read.findKey(k.id), null);
    assert.deepEqual((await store.read.staticKeys(p.id, c.id, ALL)).items, [other]);
    assert.deepEqual(await names(), ['example.com']);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.deleteOwnedDomain(p.id, used.id)),
      conflict('owned_domain.in_use'),
    );
    const foreign = await make.withProject(store, { name: 'two' });
    await store.transact(foreign.id, (tx) => tx.deleteStaticKey(foreign.id, other.id));
    assert.deepEqual((await store.read.staticKeys(p.id, c.id, ALL)).items, [other]);
  });

  with_('ownership: what DNS says of it, and its end', async (store) => {
    const p = await make.withProject(store);
    const q = await make.withProject(store, { name: 'two' });
    const [o, next, open] = [
      make.owned(p, 'example.com'),
      make.owned(q, 'example.com'),
      make.owned(p, 'example.net'),
    ];
    const proof = { seenAt: NOW, checkedAt: NOW, lostSince: null, lostChecks: 0, ended: null };
    await store.transact(p.id, (tx) => {
      for (const each of [o, next, open]) tx.insertOwnedDomain(each);
      tx.verifyOwnedDomain(p.id, o.id, NOW, proof);
    });
    const proved = { ...o, verifiedAt: NOW, proof };
    assert.deepEqual(await store.read.ownedDomain(p.id, o.id), proved);
    assert.deepEqual(await store.read.verifiedDomains(null, 5), [proved]);
    assert.deepEqual(await store.read.verifiedDomains(o.id, 5), []);
    const losing = { ...proof, checkedAt: NOW + 1, lostSince: NOW + 1, lostChecks: 1 };
    await store.transact(p.id, (tx) => tx.noteProof(p.id, o.id, losing));
    assert.deepEqual((await store.read.verifiedOwner(o.name))?.proof, losing);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.noteProof(p.id, open.id, proof)),
      StaleError,
    );
    const ended = { ...losing, ended: { at: NOW + 2, reason: 'moved' as const } };
    await store.transact(q.id, (tx) => {
      tx.releaseOwnedDomain(p.id, o.id, ended);
      tx.verifyOwnedDomain(q.id, next.id, NOW + 2, proof);
    });
    assert.deepEqual(await store.read.ownedDomain(p.id, o.id), { ...o, verifiedAt: null, proof: ended });
    assert.equal((await store.read.verifiedOwner(o.name))?.projectId, q.id);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.releaseOwnedDomain(p.id, o.id, ended)),
      StaleError,
    );
    await store.transact(p.id, (tx) => tx.verifyOwnedDomain(p.id, open.id, NOW));
    assert.equal((await store.read.ownedDomain(p.id, open.id))?.proof, null);
  });
}
