/**
 * Counted caps on every engine: of 60 callers at once, exactly as many succeed as there are places, and a place
 * that becomes free is taken again. Every counted cap of the product stands in the table.
 */
import assert from 'node:assert/strict';
import { ConflictError, StaleError } from '../../runtime/transactor.ts';
import type { Store, StoreTx } from '../store.ts';
import { ALL, type WithStore } from './running.ts';
import * as make from './samples.ts';
import { NOW, newId } from './samples.ts';

const CALLERS = 60;
export interface Capped {
  /** Records the cap and one insert. */
  readonly add: (tx: StoreTx, most: number) => void;
  readonly count: (store: Store) => Promise<number>;
  /** Frees one place, in the way that the product does. */
  readonly free: (store: Store) => Promise<void>;
  /** Adds rows that do not count. */
  readonly addOthers: (tx: StoreTx) => void;
}
type Prepare = (store: Store) => Promise<Capped>;

async function withDomain(store: Store) {
  const p = await make.withProject(store);
  const t = make.topic(p);
  const o = make.owned(p, `caps-${newId()}.test`, { verifiedAt: NOW });
  const d = make.domain(o, t);
  await store.transact(p.id, (tx) => {
    tx.insertTopic(t);
    tx.insertOwnedDomain(o);
    tx.insertDomain(d);
  });
  return d;
}
const dkimKeys =
  (limits: (most: number) => readonly [number, number], state: 'active' | 'retired'): Prepare =>
  async (store) => {
    const d = await withDomain(store);
    const key = (over: object = {}) => make.dkimKey(d, { selector: newId(), ...over });
    const all = async (from: Store) => await from.read.dkimKeys(d.projectId, d.id);
    return {
      add(tx, most) {
        tx.capDkimKeys(d.projectId, d.id, ...limits(most));
        tx.insertDkimKey(key({ state }));
      },
      count: async (from) => (await all(from)).filter((one) => one.state === state).length,
      async free(from) {
        const one = (await all(from)).find((each) => each.state === state)!;
        await from.transact(d.projectId, (tx) => tx.deleteDkimKey(d.projectId, d.id, one.id));
      },
      addOthers: (tx) => {
        if (state === 'active') tx.insertDkimKey(key({ state: 'retired' }));
      },
    };
  };

export const CAPS: Readonly<Record<string, Prepare>> = {
  async 'passkeys of a member'(store) {
    const m = make.member();
    const other = make.member({ email: 'other@example.com' });
    await store.transact(make.newId(), (tx) => {
      tx.insertMember(m);
      tx.insertMember(other);
    });
    const passkey = (of: typeof m) => make.passkey(of, { credentialId: newId() });
    return {
      add(tx, most) {
        tx.capPasskeys(m.id, most);
        tx.insertPasskey(passkey(m));
      },
      count: async (from) => (await from.read.passkeys(m.id)).length,
      async free(from) {
        const [first] = await from.read.passkeys(m.id);
        await from.transact(newId(), (tx) => tx.deletePasskey(m.id, first!.id));
      },
      addOthers: (tx) => tx.insertPasskey(passkey(other)),
    };
  },
  async 'roles of a project'(store) {
    const [p, other] = [
      await make.withProject(store),
      await make.withProject(store, { name: 'other' }),
    ] as const;
    const role = (of: typeof p) => ({
      id: newId<'role'>(),
      projectId: of.id,
      name: newId(),
      operations: ['mta.domains.send'],
      createdAt: NOW,
    });
    return {
      add(tx, most) {
        tx.capRoles(p.id, most);
        tx.insertRole(role(p));
      },
      count: async (from) => (await from.read.roles(p.id, ALL)).items.length,
      async free(from) {
        const { items } = await from.read.roles(p.id, ALL);
        await from.transact(p.id, (tx) => tx.deleteRole(items[0]!));
      },
      addOthers: (tx) => tx.insertRole(role(other)),
    };
  },
  async 'open invitations of a project'(store) {
    const p = await make.withProject(store);
    const invitation = (over: object = {}) => make.invitation(p, { hash: newId(), ...over });
    const open = async (from: Store) =>
      (await from.read.invitations(p.id, ALL)).items.filter(({ expiresAt }) => expiresAt > NOW);
    return {
      add(tx, most) {
        tx.capInvitations(p.id, most, NOW);
        tx.insertInvitation(invitation({ expiresAt: NOW + 1 }));
      },
      count: async (from) => (await open(from)).length,
      async free(from) {
        const [first] = await open(from);
        await from.transact(p.id, (tx) => tx.deleteInvitation(p.id, first!.id));
      },
      addOthers: (tx) => tx.insertInvitation(invitation({ expiresAt: NOW })),
    };
  },
  'DKIM keys of a domain': dkimKeys((most) => [most, 1000], 'active'),
  'DKIM keys of a domain, with retired keys': dkimKeys((most) => [1000, most], 'retired'),
  async 'suspensions of a project'(store) {
    const p = await make.withProject(store);
    const suspension = (over: object = {}) => ({
      id: newId<'suspension'>(),
      filter: { project: p.id },
      reason: '',
      actor: '',
      byOperator: false,
      createdAt: NOW,
      expiresAt: NOW + 1,
      ...over,
    });
    const running = async (from: Store) =>
      (await from.read.suspensions()).filter(
        ({ filter, expiresAt, byOperator }) => filter.project === p.id && expiresAt > NOW && !byOperator,
      );
    return {
      add(tx, most) {
        tx.capSuspensions(p.id, most, NOW);
        tx.insertSuspension(suspension());
      },
      count: async (from) => (await running(from)).length,
      async free(from) {
        const [first] = await running(from);
        await from.transact(p.id, (tx) => tx.deleteSuspension(first!.id));
      },
      addOthers(tx) {
        tx.insertSuspension(suspension({ filter: { project: null }, byOperator: true }));
        tx.insertSuspension(suspension({ byOperator: true }));
        tx.insertSuspension(suspension({ expiresAt: NOW }));
      },
    };
  },
};

/** 60 callers, shared out over the nodes: how many succeeded. The others fail with StaleError. */
export async function manyAtOnce(nodes: readonly Store[], capped: Capped, most: number): Promise<number> {
  const results = await Promise.allSettled(
    Array.from({ length: CALLERS }, (_, i) =>
      nodes[i % nodes.length]!.transact(newId(), (tx) => capped.add(tx, most)),
    ),
  );
  for (const result of results)
    if (result.status === 'rejected') assert.ok(result.reason instanceof StaleError, String(result.reason));
  return results.filter(({ status }) => status === 'fulfilled').length;
}

export function capsConformance(with_: WithStore): void {
  for (const [name, prepare] of Object.entries(CAPS))
    with_(`caps: ${name}: 60 callers at once take exactly the places there are`, async (store) => {
      const most = 20;
      const capped = await prepare(store);
      await store.transact(newId(), (tx) => {
        for (let i = 0; i < 3; i += 1) capped.addOthers(tx);
      });
      assert.equal(await manyAtOnce([store], capped, most), most);
      assert.equal(await capped.count(store), most);
      await capped.free(store);
      assert.equal(await manyAtOnce([store], capped, most), 1);
      assert.equal(await capped.count(store), most);
      // A row that collides is no place: the transaction fails, and the cap is not reached by it.
      await capped.free(store);
      await assert.rejects(
        store.transact(newId(), (tx) => {
          capped.add(tx, most);
          const p = make.project();
          tx.insertProject(p);
          const t = make.topic(p);
          tx.insertTopic(t);
          tx.insertTopic(make.topic(p));
        }),
        ConflictError,
      );
      assert.equal(await manyAtOnce([store], capped, most), 1);
    });
}
