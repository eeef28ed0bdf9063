/**
 * /iam/v1/members and /iam/v1/invitations: who belongs to the project. An invitation is a link, mailed in the commit that
 * makes it and shown once to the inviter. Its mail is the instance's own: whoever may read the project's messages does not
 * read it. Invariants: nobody hands out or takes away what they do not hold; the last owner stays.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { acceptInvitation, INVITATION_MS, recordLink, signInUrl } from '../iam/links.ts';
import type { Invitation, Membership } from '../iam/people-types.ts';
import { hashToken, newToken } from '../iam/sessions.ts';
import type { Principal } from '../iam/types.ts';
import { INSTANCE } from '../runtime/ids.ts';
import { StaleError } from '../runtime/transactor.ts';
import { asMember, found, pathId, permitted, permittedOnInstance } from './context.ts';
import type { ApiDeps, ApiTx } from './deps.ts';
import { emailOf } from './email.ts';
import { ifMatch } from './etag.ts';
import { mayChangeHolder, mayGrant } from './granting.ts';
import { invitationLetter } from './invitation-letter.ts';
import { sendList } from './pages.ts';
import type { PeopleViews } from './people-views.ts';
import { conflict, invalid } from './problems.ts';
import { AnyObject, IdParams, List, PageQuery, RoleNames } from './schemas.ts';

/** Open at a time, in a project: the instance's name is not lent for mail to everybody. */
const MOST_INVITATIONS = 50;

export function memberRoutes(app: FastifyInstance, deps: ApiDeps, views: PeopleViews): void {
  const { read, transactor, random, clock } = deps;
  const memberOf = async (request: FastifyRequest, project: Principal['projectId']) => {
    const id = pathId<'member'>(request);
    const [membership, member] = await Promise.all([read.membership(project, id), read.member(id)]);
    return { membership: found(membership), member: found(member) };
  };
  /** Changes a membership, unless the project would be left without an owner. */
  async function keepingAnOwner(before: Membership, change: () => Promise<void>): Promise<void> {
    try {
      await change();
    } catch (error) {
      const stale = error instanceof StaleError;
      const now = stale ? await read.membership(before.projectId, before.memberId) : null;
      // Changed or gone meanwhile: that is another answer.
      if (now === null || JSON.stringify(now) !== JSON.stringify(before)) throw error;
      throw conflict('last-owner', 'the project would have no owner');
    }
  }

  app.get(
    '/members',
    { schema: { querystring: PageQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'iam.members.list');
      return sendList(request, reply, (page) => read.projectMembers(projectId, page), views.membership);
    },
  );
  app.get('/members/:id', { schema: { params: IdParams, response: { 200: AnyObject } } }, async (request) => {
    const { projectId } = permitted(request, 'iam.members.get');
    return views.membership(await memberOf(request, projectId));
  });
  app.patch(
    '/members/:id',
    {
      schema: {
        params: IdParams,
        body: Type.Object({ roles: RoleNames }, { additionalProperties: false }),
        response: { 200: AnyObject },
      },
    },
    async (request) => {
      const principal = permitted(request, 'iam.members.update');
      const before = await memberOf(request, principal.projectId);
      const { roles } = request.body as { roles: string[] };
      await mayGrant(read, principal, roles);
      await mayChangeHolder(read, principal, before.membership.roles);
      const conditional = ifMatch(request, views.membership(before));
      const membership = { ...before.membership, roles: [...new Set(roles)] };
      await keepingAnOwner(before.membership, () =>
        transactor.transact(principal.projectId, (tx) => {
          if (conditional) tx.expectMembership(before.membership);
          tx.updateMembership(membership);
        }),
      );
      return views.membership({ ...before, membership });
    },
  );
  app.delete('/members/:id', { schema: { params: IdParams } }, async (request, reply) => {
    const principal = permitted(request, 'iam.members.delete');
    const { projectId } = principal;
    const before = await memberOf(request, projectId);
    const { membership } = before;
    await mayChangeHolder(read, principal, membership.roles);
    const conditional = ifMatch(request, views.membership(before));
    await keepingAnOwner(membership, () =>
      transactor.transact(projectId, (tx) => {
        if (conditional) tx.expectMembership(membership);
        tx.deleteMembership(projectId, membership.memberId);
      }),
    );
    return reply.code(204).send();
  });
  app.post(
    '/members/:id/reset',
    {
      config: { step: 'iam.members.reset' },
      schema: {
        params: IdParams,
        body: Type.Object(
          {
            second_factor: Type.Optional(
              Type.Boolean({ description: 'also one-time codes, passkeys and recovery codes' }),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 200: AnyObject },
      },
    },
    async (request) => {
      permittedOnInstance(request, 'iam.members.reset');
      // A key that was stolen makes nobody's account its own.
      asMember(request);
      const member = found(await read.member(pathId<'member'>(request)));
      const { second_factor: factor = false } = request.body as { second_factor?: boolean };
      let token = '';
      await transactor.transact(INSTANCE, (tx) => {
        tx.setPassword(member.id, null);
        if (factor) tx.clearFactors(member.id);
        tx.deleteSessions(member.id);
        token = recordLink(tx, { random, now: clock.now() }, member.id);
      });
      return { email: member.email, sign_in_url: signInUrl(deps.publicUrl(), token) };
    },
  );

  app.get(
    '/invitations',
    { schema: { querystring: PageQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'iam.invitations.list');
      return sendList(request, reply, (page) => read.invitations(projectId, page), views.invitation);
    },
  );
  app.post(
    '/invitations',
    {
      config: { operation: 'iam.invitations.create' },
      schema: {
        body: Type.Object(
          {
            email: Type.String({ maxLength: 500 }),
            roles: RoleNames,
            mail: Type.Optional(
              Type.Boolean({
                description:
                  'mails the link; without it that is done where the instance has a name that mail can come from',
              }),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 201: AnyObject },
      },
    },
    async (request, reply) => {
      const principal = permitted(request, 'iam.invitations.create');
      const { projectId } = principal;
      const body = request.body as { email: string; roles: string[]; mail?: boolean };
      const mailed = body.mail ?? deps.writesMail;
      if (mailed && !deps.writesMail)
        throw invalid('mail', 'the instance has no name that mail can come from (HIKYAKU_HOSTNAME)');
      const email = emailOf(body.email, 'email');
      if (body.roles.length === 0) throw invalid('roles', 'must name at least one role');
      await mayGrant(read, principal, body.roles);
      const now = clock.now();
      const open = await read.invitations(projectId, { limit: MOST_INVITATIONS, cursor: null });
      if (open.items.filter((one) => one.expiresAt > now).length === MOST_INVITATIONS)
        throw conflict('too-many-invitations', `${MOST_INVITATIONS} invitations are open; revoke some first`);
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
      const record = (tx: ApiTx) => {
        tx.pruneInvitations(projectId, now);
        tx.insertInvitation(invitation);
      };
      const url = signInUrl(deps.publicUrl(), token);
      if (mailed) {
        const { name } = found(await read.project(projectId));
        await deps.acceptLetter(
          { project: INSTANCE, to: email, ...invitationLetter(invitation, name, url) },
          record,
        );
      } else await transactor.transact(projectId, record);
      return reply.code(201).send({ ...views.invitation(invitation), mailed, sign_in_url: url });
    },
  );
  async function nameOf({ actor, projectId }: Principal): Promise<string> {
    if (actor.kind === 'member') return (await read.member(actor.memberId))?.email ?? actor.memberId;
    return `API client ${(await read.apiClient(projectId, actor.apiClientId))?.name ?? actor.apiClientId}`;
  }
  app.get(
    '/invitations/:id',
    { schema: { params: IdParams, response: { 200: AnyObject } } },
    async (request) => {
      const { projectId } = permitted(request, 'iam.invitations.get');
      return views.invitation(found(await read.invitation(projectId, pathId(request))));
    },
  );
  app.delete('/invitations/:id', { schema: { params: IdParams } }, async (request, reply) => {
    const { projectId } = permitted(request, 'iam.invitations.delete');
    const invitation = found(await read.invitation(projectId, pathId(request)));
    const { id } = invitation;
    // An invitation has no changeable part: it is what it was, or gone.
    ifMatch(request, views.invitation(invitation));
    await transactor.transact(projectId, (tx) => tx.deleteInvitation(projectId, id));
    return reply.code(204).send();
  });
  app.post(
    '/invitations/accept',
    {
      config: { step: 'iam.invitations.accept' },
      schema: {
        body: Type.Object({ token: Type.String({ maxLength: 100 }) }, { additionalProperties: false }),
        response: { 200: AnyObject },
      },
    },
    async (request) => {
      const { member } = asMember(request);
      const { token } = request.body as { token: string };
      const accepted = await acceptInvitation(deps, member, token);
      if (accepted.kind === 'gone')
        throw invalid('token', 'is no invitation of yours that could still be accepted');
      if (accepted.kind === 'member-already')
        throw conflict('member-already', 'you are a member of the project already');
      const { projectId } = accepted.invitation;
      return views.membership({ membership: found(await read.membership(projectId, member.id)), member });
    },
  );
}
