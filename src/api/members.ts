import * as ops from '../contract/operations/access.ts';
import { acceptInvitation as acceptInvitationOp } from '../contract/operations/people.ts';
import { acceptInvitation, INVITATION_MS, recordLink, signInUrl } from '../iam/links.ts';
import type { Invitation, Member, Membership } from '../iam/people-records.ts';
import type { Principal } from '../iam/projects.ts';
import { hashToken, newToken } from '../iam/sessions.ts';
import { INSTANCE, type MemberId, type ProjectId } from '../runtime/ids.ts';
import { StaleError } from '../runtime/transactor.ts';
import { asMember, found, permittedOnInstance } from './context.ts';
import type { ApiDeps, ApiTx } from './deps.ts';
import { emailOf } from './email.ts';
import { expectJudged, type Judged, knownRoles, mayChangeHolder, mayGrant } from './granting.ts';
import { instanceOperations } from './guard.ts';
import type { Handle } from './handle.ts';
import { invitationLetter } from './invitation-letter.ts';
import { type InTurn, judgedAgain } from './judged.ts';
import { confirmed } from './me.ts';
import { list } from './pages.ts';
import type { PeopleViews } from './people-views.ts';
import { invalid, Problem } from './problems.ts';
import { withinCap } from './within-cap.ts';

/** Maximum of open invitations in a project: nobody may use the instance's name to mail many people. */
const MOST_INVITATIONS = 50;

export function memberRoutes(handle: Handle, deps: ApiDeps, views: PeopleViews, inTurn: InTurn): void {
  const { read, transactor, random, clock } = deps;
  const memberOf = async (project: ProjectId, id: MemberId) => {
    const [membership, member] = await Promise.all([read.membership(project, id), read.member(id)]);
    return { membership: found(membership), member: found(member) };
  };
  /** Changes a membership, unless the project would have no owner afterwards. */
  async function keepingAnOwner(before: Membership, judged: Judged, change: (tx: ApiTx) => void) {
    const { projectId, memberId } = before;
    try {
      await transactor.transact(projectId, (tx) => {
        expectJudged(tx, judged);
        tx.expectMembership(before);
        change(tx);
      });
    } catch (error) {
      const stale = error instanceof StaleError && before.roles.includes('owner');
      const now = stale ? await read.membership(projectId, memberId) : null;
      // What was judged has changed in the meantime; it is judged again.
      if (now === null || JSON.stringify(now) !== JSON.stringify(before)) throw error;
      for (const role of judged)
        if (JSON.stringify(await read.role(projectId, role.id)) !== JSON.stringify(role)) throw error;
      throw new Problem('last-owner', 'the project would have no owner');
    }
  }

  const showMember = async ({ membership, member }: { membership: Membership; member: Member }) =>
    views.membership({ member, membership: { ...membership, roles: await knownRoles(read, membership) } });
  const showInvitation = async (invitation: Invitation) =>
    views.invitation({ ...invitation, roles: await knownRoles(read, invitation) });

  handle(ops.listMembers, async ({ projectId }) => {
    return list((page) => read.projectMembers(projectId, page), showMember);
  });
  handle(ops.getMember, async ({ params, projectId }) => {
    return showMember(await memberOf(projectId, params.id));
  });
  handle(ops.updateMember, ({ body, params, principal, ifMatch }) =>
    inTurn(principal.projectId, async () => {
      const before = await memberOf(principal.projectId, params.id);
      const { roles } = body;
      const granted = await mayGrant(read, principal, roles);
      const held = await mayChangeHolder(read, principal, before.membership.roles);
      ifMatch(await showMember(before));
      const membership = { ...before.membership, roles: [...new Set(roles)] };
      await keepingAnOwner(before.membership, [...granted, ...held], (tx) => tx.updateMembership(membership));
      return showMember({ ...before, membership });
    }),
  );
  handle(ops.deleteMember, ({ params, principal, projectId, ifMatch }) =>
    inTurn(projectId, async () => {
      const before = await memberOf(projectId, params.id);
      const { membership } = before;
      const held = await mayChangeHolder(read, principal, membership.roles);
      ifMatch(await showMember(before));
      await keepingAnOwner(membership, held, (tx) => tx.deleteMembership(projectId, membership.memberId));
    }),
  );
  handle(ops.resetMember, async ({ body, params, request }) => {
    // The operation needs a session: a stolen key must not take over an account. Nor must an open session.
    confirmed(asMember(request), clock);
    const member = found(await read.member(params.id));
    // The link signs in as the member.
    for (const operation of instanceOperations(member)) permittedOnInstance(request, operation);
    const { second_factor: factor = false } = body;
    let token = '';
    await transactor.transact(INSTANCE, (tx) => {
      tx.setPassword(member.id, null);
      if (factor) tx.clearFactors(member.id);
      tx.deleteSessions(member.id);
      token = recordLink(tx, { random, now: clock.now() }, member.id);
    });
    return { email: member.email, sign_in_url: signInUrl(deps.publicUrl(), token) };
  });

  handle(ops.listInvitations, async ({ projectId }) => {
    return list((page) => read.invitations(projectId, page), showInvitation);
  });
  handle(ops.createInvitation, async ({ body, principal, projectId }) => {
    const mailed = body.mail ?? deps.writesMail;
    if (mailed && !deps.writesMail)
      throw invalid('mail', 'the instance has no host name to send mail from (HIKYAKU_HOSTNAME)');
    const email = emailOf(body.email, 'email');
    if (body.roles.length === 0) throw invalid('roles', 'must name at least one role');
    const now = clock.now();
    const token = newToken(random);
    const invitation: Invitation = {
      id: random.id(),
      projectId,
      email,
      roles: [...new Set(body.roles)],
      hash: hashToken(token),
      invitedBy: await nameOf(principal),
      createdAt: now,
      expiresAt: now + INVITATION_MS,
    };
    const record = (granted: Judged) => (tx: ApiTx) => {
      expectJudged(tx, granted);
      tx.pruneInvitations(projectId, now);
      tx.capInvitations(projectId, MOST_INVITATIONS, now);
      tx.insertInvitation(invitation);
    };
    const url = signInUrl(deps.publicUrl(), token);
    const { name } = found(await read.project(projectId));
    const letter = { project: INSTANCE, to: email, ...invitationLetter(invitation, name, url) };
    const insert = async () => {
      const also = record(await mayGrant(read, principal, body.roles));
      await (mailed ? deps.acceptLetter(letter, also) : transactor.transact(projectId, also));
    };
    const cap = {
      async reached() {
        const open = await read.invitations(projectId, { limit: MOST_INVITATIONS, cursor: null });
        return open.items.filter((one) => one.expiresAt > now).length === MOST_INVITATIONS;
      },
      problem: () =>
        new Problem('too-many-invitations', `${MOST_INVITATIONS} invitations are open; revoke some first`),
    };
    await judgedAgain(() => withinCap(insert, cap));
    return { ...views.invitation(invitation), mailed, sign_in_url: url };
  });
  async function nameOf({ actor, projectId }: Principal): Promise<string> {
    if (actor.kind === 'member') return (await read.member(actor.memberId))?.email ?? actor.memberId;
    return `API client ${(await read.apiClient(projectId, actor.apiClientId))?.name ?? actor.apiClientId}`;
  }
  handle(ops.getInvitation, async ({ params, projectId }) => {
    return showInvitation(found(await read.invitation(projectId, params.id)));
  });
  handle(ops.deleteInvitation, ({ params, principal, projectId, ifMatch }) =>
    inTurn(projectId, async () => {
      const invitation = found(await read.invitation(projectId, params.id));
      const held = await mayChangeHolder(read, principal, invitation.roles);
      // An invitation cannot be changed, only removed.
      ifMatch(await showInvitation(invitation));
      await transactor.transact(projectId, (tx) => {
        expectJudged(tx, held);
        tx.deleteInvitation(projectId, invitation.id);
      });
    }),
  );
  handle(acceptInvitationOp, async ({ body, self }) => {
    const { member } = self;
    const { token } = body;
    const accepted = await acceptInvitation(deps, member, token);
    if (accepted.kind === 'gone') throw invalid('token', 'is not an open invitation to your e-mail address');
    if (accepted.kind === 'member-already')
      throw new Problem('member-already', 'you are already a member of the project');
    const { projectId } = accepted.invitation;
    return showMember({ membership: found(await read.membership(projectId, member.id)), member });
  });
}
