/**
 * /iam/v1/projects: those of the caller. Operators make projects, because each may send in the instance's name. Closing
 * stops sending and receiving at once and turns every key off; what there is stays for 30 days, in which it can be
 * exported, or the project opened again; then retention removes it. What waits in the queue is held meanwhile.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { CLOSED_MS, CLOSED_REASON } from '../iam/closing.ts';
import type { Project } from '../iam/types.ts';
import { goneSignal } from './client-gone.ts';
import { asMember, found, pathId, permitted, permittedOnInstance, type Views } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { ifMatch } from './etag.ts';
import { byId, MOST_ITEMS, sendList, sendWhole } from './pages.ts';
import { conflict, notFound } from './problems.ts';
import { exportProject } from './project-export.ts';
import { AnyObject, IdParams, List, ResourceName, WholeQuery } from './schemas.ts';

const Name = Type.Object({ name: ResourceName }, { additionalProperties: false });
const Query = Type.Object(
  {
    ...WholeQuery.properties,
    all: Type.Optional(Type.Boolean({ description: 'for operators: those of everyone' })),
  },
  { additionalProperties: false },
);

export function projectRoutes(app: FastifyInstance, deps: ApiDeps, views: Views): void {
  const { read, transactor, random, clock } = deps;
  const ofPath = { projectOfPath: true };
  /** The project of the path, where it is the caller's and the role permits it. */
  async function own(request: FastifyRequest, operation: string): Promise<Project> {
    const id = pathId<'project'>(request);
    // Whose it is not, it is not there: before the role is asked.
    if (request.principal !== null && request.principal.projectId !== id) throw notFound();
    permitted(request, operation);
    return found(await read.project(id));
  }
  const actorOf = (request: FastifyRequest): string => {
    const actor = request.principal!.actor;
    return actor.kind === 'key' ? `api_client ${actor.apiClientId}` : `member ${actor.memberId}`;
  };

  /** Lifts what closing laid on the queue. */
  async function letFlow(request: FastifyRequest, project: Project['id']): Promise<void> {
    for (const { id, filter, reason } of await read.suspensions())
      if (filter.project === project && reason === CLOSED_REASON)
        await deps.operate({
          action: 'resume',
          filter: { project },
          dryRun: false,
          reason: 'the project was opened again',
          actor: actorOf(request),
          suspension: id,
        });
  }

  app.get(
    '/projects',
    { schema: { querystring: Query, response: { 200: List } } },
    async (request, reply) => {
      if ((request.query as { all?: boolean }).all === true) {
        permittedOnInstance(request, 'iam.projects.list_all');
        return sendList(request, reply, read.projects, views.project);
      }
      if (request.self === null) {
        const { projectId } = permitted(request, 'iam.projects.list');
        const own = { items: [found(await read.project(projectId))], keyOf: byId, order: 'up' } as const;
        return sendWhole(request, reply, own, views.project);
      }
      const { id } = request.self.member;
      return sendList(
        request,
        reply,
        (page) => read.membershipPage(id, page),
        ({ project, membership }) => ({ ...views.project(project), roles: membership.roles }),
        { most: MOST_ITEMS },
      );
    },
  );
  app.post(
    '/projects',
    { config: { step: 'iam.projects.create' }, schema: { body: Name, response: { 201: AnyObject } } },
    async (request, reply) => {
      permittedOnInstance(request, 'iam.projects.create');
      const { member } = asMember(request);
      const project: Project = {
        id: random.id(),
        name: (request.body as { name: string }).name,
        sandbox: false,
        createdAt: clock.now(),
        closedAt: null,
      };
      if (request.audit !== null) request.audit.projectId = project.id;
      await transactor.transact(project.id, (tx) => {
        tx.insertProject(project);
        tx.insertMembership({
          projectId: project.id,
          memberId: member.id,
          roles: ['owner'],
          createdAt: project.createdAt,
        });
      });
      return reply.code(201).send(views.project(project));
    },
  );
  app.get(
    '/projects/:id',
    { config: ofPath, schema: { params: IdParams, response: { 200: AnyObject } } },
    async (request) => views.project(await own(request, 'iam.projects.get')),
  );
  app.patch(
    '/projects/:id',
    { config: ofPath, schema: { params: IdParams, body: Name, response: { 200: AnyObject } } },
    async (request) => {
      const before = await own(request, 'iam.projects.update');
      const project = { ...before, name: (request.body as { name: string }).name };
      const conditional = ifMatch(request, views.project(before));
      await transactor.transact(project.id, (tx) => {
        if (conditional) tx.expectProject(before);
        tx.updateProject(project);
      });
      return views.project(project);
    },
  );
  app.post(
    '/projects/:id/close',
    {
      config: { ...ofPath, operation: 'iam.projects.delete' },
      schema: { params: IdParams, response: { 200: AnyObject } },
    },
    async (request) => {
      const before = await own(request, 'iam.projects.delete');
      // No key works in a closed project, so that none could open it again.
      asMember(request);
      if (before.closedAt !== null) throw conflict('project-closed', 'the project is closed already');
      const project = { ...before, closedAt: clock.now() };
      // The queue first: a closed project whose mail still goes out would be no closed one.
      await deps.operate({
        action: 'suspend',
        filter: { project: project.id },
        dryRun: false,
        reason: CLOSED_REASON,
        actor: actorOf(request),
        expiresAt: project.closedAt + CLOSED_MS,
      });
      try {
        await transactor.transact(project.id, (tx) => tx.updateProject(project));
      } catch (error) {
        await letFlow(request, project.id);
        throw error;
      }
      return views.project(project);
    },
  );
  app.post(
    '/projects/:id/reopen',
    {
      config: { ...ofPath, operation: 'iam.projects.delete' },
      schema: { params: IdParams, response: { 200: AnyObject } },
    },
    async (request) => {
      const before = await own(request, 'iam.projects.delete');
      asMember(request);
      if (before.closedAt === null) throw conflict('project-open', 'the project is open');
      if (before.closedAt + CLOSED_MS <= clock.now())
        throw conflict('project-over', 'the project was closed too long ago and is being removed');
      const project = { ...before, closedAt: null };
      await transactor.transact(project.id, (tx) => tx.updateProject(project));
      await letFlow(request, project.id);
      return views.project(project);
    },
  );
  app.get(
    '/projects/:id/export',
    { config: ofPath, schema: { params: IdParams, produces: ['application/json'] } },
    async (request, reply) => {
      const project = await own(request, 'iam.projects.export');
      const signal = goneSignal(reply);
      reply.header('content-disposition', `attachment; filename="${project.id}.json"`);
      return reply.streamed(exportProject(deps, views, project), {
        type: 'application/json',
        signal,
        share: project.id,
        ids: { project: project.id },
      });
    },
  );
}
