/** Memberships, roles, invitations, closed projects and the audit on every engine. */
import assert from 'node:assert/strict';
import type { Project, Role } from '../../iam/projects.ts';
import type { AuditEvent } from '../../ledger/audit.ts';
import { INSTANCE } from '../../runtime/ids.ts';
import { StaleError } from '../../runtime/transactor.ts';
import type { Store } from '../store.ts';
import { ALL, conflict, type WithStore } from './running.ts';
import * as make from './samples.ts';
import { idAt, NOW, newId } from './samples.ts';

async function withMembers(store: Store, emails: readonly string[]) {
  const members = emails.map((email) => make.member({ email }));
  await store.transact(INSTANCE, (tx) => {
    for (const member of members) tx.insertMember(member);
  });
  return members;
}

export function accessConformance(with_: WithStore): void {
  with_('access: the projects of a member in pages', async (store) => {
    const [member, other] = await withMembers(store, ['a@example.com', 'b@example.com']);
    const projects: Project[] = [];
    for (let i = 0; i < 5; i++) projects.push(await make.withProject(store, { name: `p${i}` }));
    await store.transact(INSTANCE, (tx) => {
      for (const { id } of projects)
        for (const one of [member!, other!])
          tx.insertMembership({ projectId: id, memberId: one.id, roles: ['admin'], createdAt: NOW });
    });
    const all = await store.read.memberships(member!.id);
    assert.equal(all.length, 5);
    const first = await store.read.membershipPage(member!.id, { limit: 3, cursor: null });
    const rest = await store.read.membershipPage(member!.id, { limit: 3, cursor: first.nextCursor });
    assert.deepEqual([...first.items, ...rest.items], all);
    assert.deepEqual([first.cursors.length, rest.cursors.length, rest.nextCursor], [3, 2, null]);
    assert.deepEqual((await store.read.membershipPage(newId(), ALL)).items, []);
  });
  with_('access: members of projects, by project and by member; the last owner stays', async (store) => {
    const [p, q] = [await make.withProject(store), await make.withProject(store, { name: 'two' })];
    const [a, b] = (await withMembers(store, ['a@example.com', 'b@example.com'])) as [
      ReturnType<typeof make.member>,
      ReturnType<typeof make.member>,
    ];
    const owner = { projectId: p.id, memberId: a.id, roles: ['owner'], createdAt: NOW };
    const second = { ...owner, memberId: b.id, roles: ['owner', 'sender'] };
    await store.transact(p.id, (tx) => {
      tx.insertMembership(owner);
      tx.insertMembership({ ...owner, projectId: q.id });
      tx.insertMembership(second);
    });
    assert.deepEqual(await store.read.membership(p.id, a.id), owner);
    assert.equal(await store.read.membership(q.id, b.id), null);
    assert.deepEqual(
      (await store.read.memberships(a.id)).map(({ project }) => project),
      [p, q].sort((x, y) => (x.id < y.id ? -1 : 1)),
    );
    assert.deepEqual(await store.read.memberships(newId()), []);
    const listed = await store.read.projectMembers(p.id, ALL);
    assert.deepEqual(new Set(listed.items.map(({ member }) => member.email)), new Set([a.email, b.email]));
    const page = await store.read.projectMembers(p.id, { limit: 1, cursor: null });
    const rest = await store.read.projectMembers(p.id, { limit: 1, cursor: page.nextCursor });
    assert.notEqual(page.items[0]!.member.id, rest.items[0]!.member.id);
    assert.equal(rest.nextCursor, null);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.insertMembership(owner)),
      conflict('membership.member_id'),
    );
    const removals = await Promise.allSettled([
      store.transact(p.id, (tx) => tx.deleteMembership(p.id, a.id)),
      store.transact(p.id, (tx) => tx.updateMembership({ ...second, roles: ['sender'] })),
    ]);
    assert.deepEqual(removals.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    await assert.rejects(
      store.transact(q.id, (tx) => tx.deleteMembership(q.id, a.id)),
      StaleError,
    );
    await store.transact(q.id, (tx) =>
      tx.updateMembership({ ...owner, projectId: q.id, roles: ['reader', 'owner'] }),
    );
    assert.deepEqual((await store.read.membership(q.id, a.id))?.roles, ['reader', 'owner']);
  });
  with_('access: who is no owner can be removed', async (store) => {
    const p = await make.withProject(store);
    const [a] = await withMembers(store, ['a@example.com']);
    const reader = { projectId: p.id, memberId: a!.id, roles: ['reader'], createdAt: NOW };
    await store.transact(p.id, (tx) => tx.insertMembership(reader));
    await store.transact(p.id, (tx) => tx.deleteMembership(p.id, a!.id));
    assert.equal(await store.read.membership(p.id, a!.id), null);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.deleteMembership(p.id, a!.id)),
      StaleError,
    );
  });
  with_('access: roles go with their keys at once, and stay while someone has them', async (store) => {
    const p = await make.withProject(store);
    const q = await make.withProject(store, { name: 'two' });
    const role: Role = {
      id: newId(),
      projectId: p.id,
      name: 'watcher',
      operations: ['mta.queues.list'],
      createdAt: NOW,
    };
    const foreign: Role = { ...role, id: newId(), projectId: q.id, operations: [] };
    const c = make.client(p, { roles: ['watcher', 'sender'] });
    const k = make.key(c);
    await store.transact(p.id, (tx) => {
      tx.insertRole(role);
      tx.insertRole(foreign);
      tx.insertApiClient(c);
      tx.insertStaticKey(k);
    });
    assert.deepEqual(await store.read.role(p.id, role.id), role);
    assert.equal(await store.read.role(q.id, role.id), null);
    assert.deepEqual((await store.read.roles(p.id, ALL)).items, [role]);
    assert.deepEqual(await store.read.rolesByName(p.id, ['watcher', 'nobody']), [role]);
    assert.deepEqual(await store.read.rolesByName(p.id, []), []);
    assert.deepEqual((await store.read.findKey(k.id))?.roles, [role]);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.insertRole({ ...role, id: newId() })),
      conflict('role.name'),
    );
    const changed = { ...role, operations: ['mta.queues.list', 'mta.queues.update'] };
    await store.transact(p.id, (tx) => tx.updateRole(changed));
    assert.deepEqual((await store.read.findKey(k.id))?.roles, [changed]);
    const remove = () => store.transact(p.id, (tx) => tx.deleteRole(changed));
    await assert.rejects(remove(), StaleError);
    await store.transact(p.id, (tx) => tx.updateApiClient({ ...c, roles: [] }));
    const invitation = make.invitation(p, { roles: ['watcher'] });
    await store.transact(p.id, (tx) => tx.insertInvitation(invitation));
    await assert.rejects(remove(), StaleError);
    await store.transact(p.id, (tx) => tx.deleteInvitation(p.id, invitation.id));
    await remove();
    assert.equal(await store.read.role(p.id, role.id), null);
    assert.deepEqual(await store.read.role(q.id, foreign.id), foreign);
  });
  with_('access: invitations are found by their hash, and accepted or revoked once', async (store) => {
    const p = await make.withProject(store);
    const [i, late] = [make.invitation(p), make.invitation(p, { hash: 'late', expiresAt: NOW + 1000 })];
    await store.transact(p.id, (tx) => {
      tx.insertInvitation(i);
      tx.insertInvitation(late);
    });
    assert.deepEqual(await store.read.invitationByHash(i.hash), i);
    assert.deepEqual(await store.read.invitation(p.id, i.id), i);
    assert.equal(await store.read.invitation(newId(), i.id), null);
    assert.equal((await store.read.invitations(p.id, ALL)).items.length, 2);
    await store.transact(p.id, (tx) => tx.pruneInvitations(p.id, i.expiresAt));
    assert.deepEqual((await store.read.invitations(p.id, ALL)).items, [late]);
    await store.transact(p.id, (tx) => tx.deleteInvitation(p.id, late.id));
    await assert.rejects(
      store.transact(p.id, (tx) => tx.deleteInvitation(p.id, late.id)),
      StaleError,
    );
  });
  with_('access: a closed project is seen as one at once, and its domains are not found', async (store) => {
    const p = await make.withProject(store);
    const [o, t, c] = [make.owned(p, 'example.com'), make.topic(p), make.client(p)];
    const k = make.key(c);
    await store.transact(p.id, (tx) => {
      tx.insertOwnedDomain(o);
      tx.insertTopic(t);
      tx.insertDomain(make.domain(o, t));
      tx.insertApiClient(c);
      tx.insertStaticKey(k);
    });
    assert.notEqual(await store.read.findDomain(o.name), null);
    const closed = { ...p, name: 'renamed', closedAt: NOW };
    await store.transact(p.id, (tx) => {
      tx.renameProject(p.id, closed.name);
      tx.closeProject(p.id, NOW);
    });
    await assert.rejects(
      store.transact(p.id, (tx) => tx.closeProject(p.id, NOW + 1)),
      StaleError,
    );
    assert.deepEqual(await store.read.project(p.id), closed);
    assert.deepEqual((await store.read.findKey(k.id))?.project, closed);
    assert.equal(await store.read.findDomain(o.name), null);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.reopenProject(p.id, NOW + 1)),
      StaleError,
    );
    await store.transact(p.id, (tx) => tx.renameProject(p.id, p.name));
    assert.deepEqual(await store.read.project(p.id), { ...closed, name: p.name });
    await store.transact(p.id, (tx) => tx.reopenProject(p.id, NOW));
    assert.deepEqual(await store.read.project(p.id), p);
    assert.notEqual(await store.read.findDomain(o.name), null);
    await store.transact(p.id, (tx) => tx.noteKeyUse(p.id, k.id, NOW));
    assert.equal((await store.read.staticKeys(p.id, c.id, ALL)).items[0]?.lastUsedAt, NOW);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.renameProject(newId(), 'two')),
      StaleError,
    );
  });
  with_('access: the audit, newest first, by project and by filter', async (store) => {
    const p = await make.withProject(store);
    const event = (over: Partial<AuditEvent> = {}): AuditEvent =>
      make.auditEvent({ projectId: p.id, ...over });
    const [first, second, failed] = [
      event({ id: idAt(NOW) }),
      event({ id: idAt(NOW + 1), at: NOW + 1, actor: { kind: 'member', id: newId() } }),
      event({ id: idAt(NOW + 2), at: NOW + 2, operation: 'iam.roles.create', outcome: 'failed' }),
    ];
    const own = event({ projectId: INSTANCE, actor: { kind: 'unknown', id: null }, address: null });
    await store.transact(p.id, (tx) => {
      for (const one of [first!, second!, failed!, own]) tx.insertAuditEvent(one);
    });
    const of = async (filter: Parameters<Store['read']['auditEvents']>[1], project = p.id) =>
      (await store.read.auditEvents(project, filter, ALL)).items;
    assert.deepEqual(await of({}), [failed, second, first]);
    assert.deepEqual(await of({}, INSTANCE), [own]);
    assert.deepEqual(await of({ actor: second!.actor.id! }), [second]);
    assert.deepEqual(await of({ operation: 'iam.roles.create' }), [failed]);
    assert.deepEqual(await of({ from: NOW + 1, to: NOW + 2 }), [second]);
    const page = await store.read.auditEvents(p.id, {}, { limit: 2, cursor: null });
    const rest = await store.read.auditEvents(p.id, {}, { limit: 2, cursor: page.nextCursor });
    assert.deepEqual([...page.items, ...rest.items], [failed, second, first]);
    assert.equal(page.lookedAt, undefined);
    assert.deepEqual(
      [await store.read.countAuditEvents(p.id), await store.read.countAuditEvents(INSTANCE)],
      [3, 1],
    );
  });
  with_(
    'access: a filter looks at a bounded number of audit events, says so, and goes on there',
    async (store) => {
      const p = await make.withProject(store);
      const rare = 'iam.roles.create';
      // The rare events are the oldest ones and one in the middle.
      const events = Array.from({ length: 1_205 }, (_, i) =>
        make.auditEvent({
          projectId: p.id,
          id: idAt(NOW + i),
          at: NOW + i,
          ...(i < 2 || i === 600 ? { operation: rare } : {}),
        }),
      );
      await store.transact(p.id, (tx) => {
        for (const one of events) tx.insertAuditEvent(one);
      });
      const of = async (limit: number, cursor: string | null = null) => {
        const page = await store.read.auditEvents(p.id, { operation: rare }, { limit, cursor });
        return { ...page, items: page.items.map(({ at }) => at - NOW) };
      };
      const first = await of(50);
      assert.deepEqual([first.items, first.lookedAt], [[600], 1_000]);
      const second = await of(50, first.nextCursor);
      assert.deepEqual([second.items, second.lookedAt, second.nextCursor], [[1, 0], 205, null]);
      const one = await of(1);
      assert.deepEqual([one.items, one.lookedAt, one.nextCursor], [[600], 605, one.cursors[0]]);
      assert.deepEqual((await of(1, one.nextCursor)).items, [1]);
      // Ids contain their times, and events are found by them; an id may be made up to a minute before its
      // event.
      const early = await store.read.auditEvents(p.id, { to: NOW + 2 - 60_000 }, ALL);
      assert.deepEqual([early.items.length, early.lookedAt], [0, 2]);
      const late = await store.read.auditEvents(p.id, { from: NOW + 61_200 }, ALL);
      assert.deepEqual([late.items.length, late.lookedAt, late.nextCursor], [0, 5, null]);
      const none = await store.read.auditEvents(p.id, { actor: newId() }, ALL);
      assert.deepEqual([none.items, none.lookedAt, none.nextCursor !== null], [[], 1_000, true]);
    },
  );
}
