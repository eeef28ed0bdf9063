/** Memberships, roles and invitations of a project, as queries for both engines. */
import type { ExpressionBuilder, Kysely } from 'kysely';
import type { Invitation, Membership, PeopleReader, PeopleTx } from '../../iam/people-records.ts';
import { type Ask, command, decodeCursor, decodeUpwards, fromJson, type Push, toPage } from '../command.ts';
import { one, toMember, toProject, toRole } from '../rows/people.ts';
import type { InvitationTable, MembershipTable, Tables } from '../schema/tables.ts';
import { cap } from './caps.ts';

export type AccessReader = Pick<
  PeopleReader,
  | 'memberships'
  | 'membership'
  | 'membershipPage'
  | 'projectMembers'
  | 'role'
  | 'roles'
  | 'rolesByName'
  | 'invitation'
  | 'invitations'
  | 'invitationByHash'
>;
export type AccessTx = Pick<
  PeopleTx,
  | 'insertMembership'
  | 'updateMembership'
  | 'deleteMembership'
  | 'capRoles'
  | 'expectUnheld'
  | 'insertRole'
  | 'updateRole'
  | 'deleteRole'
  | 'capInvitations'
  | 'insertInvitation'
  | 'deleteInvitation'
  | 'pruneInvitations'
>;

const toMembership = (r: MembershipTable): Membership => ({
  projectId: r.project_id as Membership['projectId'],
  memberId: r.member_id as Membership['memberId'],
  roles: fromJson(r.roles) as string[],
  createdAt: r.created_at,
});
const toInvitation = (r: InvitationTable): Invitation => ({
  id: r.id as Invitation['id'],
  projectId: r.project_id as Invitation['projectId'],
  email: r.email,
  roles: fromJson(r.roles) as string[],
  hash: r.hash,
  invitedBy: r.invited_by,
  createdAt: r.created_at,
  expiresAt: r.expires_at,
});
const HOLDERS = ['membership', 'api_client', 'invitation'] as const;
/** Matches a column of role names as JSON. Role names have no character that is special in LIKE. */
const holding = (role: string) => `%${JSON.stringify(role)}%`;

export function accessReader(db: Kysely<Tables>, ask: Ask): AccessReader {
  const invitations = () => db.selectFrom('invitation').selectAll();
  const roles = (project: string) => db.selectFrom('role').selectAll().where('project_id', '=', project);
  const memberships = (member: string) =>
    db.selectFrom('membership').selectAll().where('member_id', '=', member);
  async function withProjects(own: readonly MembershipTable[]) {
    if (own.length === 0) return [];
    const ids = own.map((r) => r.project_id);
    const projects = await ask(db.selectFrom('project').selectAll().where('id', 'in', ids));
    const byId = new Map(projects.map((r) => [r.id, toProject(r)]));
    return own.flatMap((r) => {
      const project = byId.get(r.project_id);
      return project === undefined ? [] : [{ membership: toMembership(r), project }];
    });
  }
  return {
    async memberships(member) {
      return withProjects(await ask(memberships(member).orderBy('project_id')));
    },
    async membershipPage(member, { limit, cursor }) {
      const query = memberships(member).where('project_id', '>', decodeUpwards(cursor)).orderBy('project_id');
      const own = await ask(query.limit(limit + 1));
      const { cursors, nextCursor } = toPage(own, limit, (r) => r.project_id, toMembership);
      // A project with members is not removed, so each membership has a cursor.
      return { items: await withProjects(own.slice(0, limit)), cursors, nextCursor };
    },
    membership: async (project, member) =>
      one(
        await ask(
          db
            .selectFrom('membership')
            .selectAll()
            .where('project_id', '=', project)
            .where('member_id', '=', member),
        ),
        toMembership,
      ),
    async projectMembers(project, { limit, cursor }) {
      const query = db
        .selectFrom('membership')
        .selectAll()
        .where('project_id', '=', project)
        .where('member_id', '<', decodeCursor(cursor));
      const page = toPage(
        await ask(query.orderBy('member_id', 'desc').limit(limit + 1)),
        limit,
        (r) => r.member_id,
        toMembership,
      );
      if (page.items.length === 0) return { items: [], cursors: [], nextCursor: null };
      const ids = page.items.map(({ memberId }) => memberId);
      const members = await ask(db.selectFrom('member').selectAll().where('id', 'in', ids));
      const byId = new Map(members.map((r) => [r.id, toMember(r)]));
      const found = page.items.flatMap((membership, i) => {
        const member = byId.get(membership.memberId);
        return member === undefined ? [] : [{ item: { membership, member }, cursor: page.cursors[i]! }];
      });
      return {
        items: found.map(({ item }) => item),
        cursors: found.map(({ cursor }) => cursor),
        nextCursor: page.nextCursor,
      };
    },
    role: async (project, id) => one(await ask(roles(project).where('id', '=', id)), toRole),
    async roles(project, { limit, cursor }) {
      const query = roles(project).where('id', '<', decodeCursor(cursor));
      return toPage(await ask(query.orderBy('id', 'desc').limit(limit + 1)), limit, (r) => r.id, toRole);
    },
    rolesByName: async (project, names) =>
      names.length === 0
        ? []
        : (
            await ask(
              roles(project)
                .where('name', 'in', [...names])
                .orderBy('id'),
            )
          ).map(toRole),
    invitation: async (project, id) =>
      one(await ask(invitations().where('project_id', '=', project).where('id', '=', id)), toInvitation),
    async invitations(project, { limit, cursor }) {
      const query = invitations().where('project_id', '=', project).where('id', '<', decodeCursor(cursor));
      const rows = await ask(query.orderBy('id', 'desc').limit(limit + 1));
      return toPage(rows, limit, (r) => r.id, toInvitation);
    },
    invitationByHash: async (hash) => one(await ask(invitations().where('hash', '=', hash)), toInvitation),
  };
}

export function accessTx(db: Kysely<Tables>, push: Push, pushDirectory: Push): AccessTx {
  /** Two owners who remove each other do so one after the other. */
  const inTurn = (project: string) =>
    push(
      command(
        db
          .updateTable('project')
          .set((e) => ({ name: e.ref('name') }))
          .where('id', '=', project),
        { must: true },
      ),
    );
  const another = (e: ExpressionBuilder<Tables, 'membership'>, project: string, member: string) =>
    e.exists(
      e
        .selectFrom('membership as o')
        .select('o.member_id')
        .where('o.project_id', '=', project)
        .where('o.member_id', '!=', member)
        .where('o.roles', 'like', holding('owner')),
    );
  const has = (table: (typeof HOLDERS)[number], project: string, role: string) =>
    db
      .selectFrom(table)
      .select('roles')
      .where('project_id', '=', project)
      .where('roles', 'like', holding(role));
  const unheld = (e: ExpressionBuilder<Tables, 'role' | 'project'>, project: string, role: string) =>
    e.and(HOLDERS.map((table) => e.not(e.exists(has(table, project, role)))));
  return {
    insertMembership: (m) =>
      push(
        command(
          db.insertInto('membership').values({
            project_id: m.projectId,
            member_id: m.memberId,
            roles: JSON.stringify(m.roles),
            created_at: m.createdAt,
          }),
        ),
      ),
    updateMembership({ projectId, memberId, roles }) {
      inTurn(projectId);
      const query = db
        .updateTable('membership')
        .set({ roles: JSON.stringify(roles) })
        .where('project_id', '=', projectId)
        .where('member_id', '=', memberId);
      const kept = roles.includes('owner')
        ? query
        : query.where((e) =>
            e.or([e('roles', 'not like', holding('owner')), another(e, projectId, memberId)]),
          );
      push(command(kept, { must: true }));
    },
    deleteMembership(project, member) {
      inTurn(project);
      push(
        command(
          db
            .deleteFrom('membership')
            .where('project_id', '=', project)
            .where('member_id', '=', member)
            .where((e) => e.or([e('roles', 'not like', holding('owner')), another(e, project, member)])),
          { must: true },
        ),
      );
    },
    capRoles(project, most) {
      const counted = db.selectFrom('role').where('project_id', '=', project);
      cap(
        db,
        pushDirectory,
        { table: 'project', id: project },
        counted.select(({ fn }) => fn.countAll<number>().as('n')),
        most,
      );
    },
    expectUnheld: (project, role) =>
      pushDirectory(
        command(
          db
            .updateTable('project')
            .set((e) => ({ created_at: e.ref('created_at') }))
            .where('id', '=', project)
            .where((e) => unheld(e, project, role)),
          { must: true },
        ),
      ),
    insertRole: (r) =>
      pushDirectory(
        command(
          db.insertInto('role').values({
            project_id: r.projectId,
            id: r.id,
            name: r.name,
            operations: JSON.stringify(r.operations),
            created_at: r.createdAt,
          }),
        ),
      ),
    updateRole: (r) =>
      pushDirectory(
        command(
          db
            .updateTable('role')
            .set({ operations: JSON.stringify(r.operations) })
            .where('project_id', '=', r.projectId)
            .where('id', '=', r.id),
          { must: true },
        ),
      ),
    deleteRole: ({ projectId, id, name }) =>
      pushDirectory(
        command(
          db
            .deleteFrom('role')
            .where('project_id', '=', projectId)
            .where('id', '=', id)
            .where((e) => unheld(e, projectId, name)),
          { must: true },
        ),
      ),
    capInvitations(project, most, now) {
      const open = db
        .selectFrom('invitation')
        .where('project_id', '=', project)
        .where('expires_at', '>', now);
      cap(
        db,
        push,
        { table: 'project', id: project },
        open.select(({ fn }) => fn.countAll<number>().as('n')),
        most,
      );
    },
    insertInvitation: (i) =>
      push(
        command(
          db.insertInto('invitation').values({
            project_id: i.projectId,
            id: i.id,
            email: i.email,
            roles: JSON.stringify(i.roles),
            hash: i.hash,
            invited_by: i.invitedBy,
            created_at: i.createdAt,
            expires_at: i.expiresAt,
          }),
        ),
      ),
    deleteInvitation: (project, id) =>
      push(
        command(db.deleteFrom('invitation').where('project_id', '=', project).where('id', '=', id), {
          must: true,
        }),
      ),
    pruneInvitations: (project, now) =>
      push(
        command(db.deleteFrom('invitation').where('project_id', '=', project).where('expires_at', '<=', now)),
      ),
  };
}
