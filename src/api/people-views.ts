/** Members, sessions and related resources as JSON, without hashes, secrets or tokens. */
import type { Resources } from '../contract/resources/index.ts';
import type { People } from '../iam/people.ts';
import type { Invitation, Member, Membership, Passkey, Session } from '../iam/people-records.ts';
import { csrfToken } from '../iam/sessions.ts';
import { methodsOf, missingOf } from '../iam/sign-in.ts';
import type { ApiDeps } from './deps.ts';
import { knownRoles } from './granting.ts';
import { iso } from './times.ts';

export function createPeopleViews({
  deps,
  people,
}: {
  deps: Pick<ApiDeps, 'read' | 'sealer' | 'publicUrl'>;
  people: Pick<People, 'ceremonies'>;
}) {
  const { read } = deps;
  const url = (path: string) => `${deps.publicUrl()}${path}`;
  const member = (m: Member): Resources['ChangedAccount'] => ({
    id: m.id,
    email: m.email,
    name: m.name,
    language: m.language,
    instance_roles: m.instanceRoles,
    created_at: iso(m.createdAt),
  });
  return {
    member,
    /** A member of a project. */
    membership: ({
      membership,
      member: m,
    }: {
      membership: Membership;
      member: Member;
    }): Resources['Member'] => ({
      id: m.id,
      self: url(`/iam/v1/members/${m.id}`),
      email: m.email,
      name: m.name,
      roles: membership.roles,
      created_at: iso(membership.createdAt),
    }),
    invitation: (i: Invitation): Resources['Invitation'] => ({
      id: i.id,
      self: url(`/iam/v1/invitations/${i.id}`),
      email: i.email,
      roles: i.roles,
      invited_by: i.invitedBy,
      created_at: iso(i.createdAt),
      expires_at: iso(i.expiresAt),
    }),
    passkey: (p: Passkey): Resources['Passkey'] => ({
      id: p.id,
      self: url(`/iam/v1/me/passkeys/${p.id}`),
      name: p.name,
      created_at: iso(p.createdAt),
      last_used_at: iso(p.lastUsedAt),
    }),
    sessionItem: (s: Session, current: Session): Resources['OwnSession'] => ({
      id: s.id,
      self: url(`/iam/v1/me/sessions/${s.id}`),
      state: s.state,
      current: s.id === current.id,
      created_at: iso(s.createdAt),
      last_used_at: iso(s.lastUsedAt),
      expires_at: iso(s.expiresAt),
      address: s.address,
      agent: s.agent,
    }),
    /** The caller's own session, with the present state of the member. */
    async session(session: Session, token: string): Promise<Resources['Session']> {
      const csrf = { csrf_token: csrfToken(deps.sealer, token) };
      const self = (await read.member(session.memberId))!;
      switch (session.state) {
        case 'second_factor':
          return {
            state: session.state,
            methods: await methodsOf(read, self, people.ceremonies),
            ...csrf,
          };
        case 'set_up':
          return {
            state: session.state,
            member: member(self),
            missing: await missingOf(read, self),
            ...csrf,
          };
        case 'signed_in':
          return {
            state: session.state,
            member: member(self),
            projects: await Promise.all(
              (await read.memberships(self.id)).map(async ({ membership, project }) => ({
                id: project.id,
                self: url(`/iam/v1/projects/${project.id}`),
                name: project.name,
                roles: await knownRoles(read, membership),
                closed_at: iso(project.closedAt),
              })),
            ),
            ...csrf,
          };
      }
    },
  };
}
export type PeopleViews = ReturnType<typeof createPeopleViews>;
