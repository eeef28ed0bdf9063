/**
 * /iam/v1/projects: the caller's projects. Only operators create projects, because each project may send in the
 * instance's name. Closing a project stops sending, receiving and all static keys at once. For 30 days the project
 * can be exported or reopened, and its queued mail is held. Then retention removes the project.
 */

import * as ops from '../contract/operations/access.ts';
import { CLOSED_MS, CLOSED_REASON } from '../iam/closing.ts';
import type { Project } from '../iam/projects.ts';
import type { SuspensionId } from '../runtime/ids.ts';
import { StaleError } from '../runtime/transactor.ts';
import { goneSignal } from './client-gone.ts';
import { callerOf, found, permitted, permittedOnInstance, type Views } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { knownRoles } from './granting.ts';
import type { Call, Handle } from './handle.ts';
import { judgedAgain } from './judged.ts';
import { byId, list, MOST_ITEMS, wholeList } from './pages.ts';
import { Problem } from './problems.ts';
import { exportProject } from './project-export.ts';

const alreadyClosed = () => new Problem('project-closed', 'the project is already closed');

export function projectRoutes(handle: Handle, deps: ApiDeps, views: Views): void {
  const { read, transactor, random, clock } = deps;
  const own = async (id: Project['id']): Promise<Project> => found(await read.project(id));

  /** The suspensions that closing the project has made. */
  const closingOf = async (project: Project['id']): Promise<readonly SuspensionId[]> =>
    (await read.suspensions())
      .filter((s) => s.filter.project === project && s.reason === CLOSED_REASON && !s.byOperator)
      .map(({ id }) => id);
  async function letFlow(actor: string, project: Project['id'], suspensions: readonly SuspensionId[]) {
    for (const suspension of suspensions)
      await deps.operate({
        action: 'resume',
        filter: { project },
        dryRun: false,
        reason: 'the project was reopened',
        actor,
        suspension,
      });
  }

  handle(ops.listProjects, async ({ query, self, request }) => {
    if (query.all === true) {
      permittedOnInstance(request, 'iam.projects.list_all');
      return list(read.projects, views.project);
    }
    if (self === null) {
      const { projectId } = permitted(request, 'iam.projects.list');
      const own = { items: [found(await read.project(projectId))], keyOf: byId, order: 'up' } as const;
      return wholeList(own, views.project);
    }
    const { id } = self.member;
    return list(
      (page) => read.membershipPage(id, page),
      async ({ project, membership }) => ({
        ...views.project(project),
        roles: await knownRoles(read, membership),
      }),
      { most: MOST_ITEMS },
    );
  });
  handle(ops.createProject, async ({ body, self, request }) => {
    const { member } = self;
    const project: Project = {
      id: random.id(),
      name: body.name,
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
    return views.project(project);
  });
  handle(ops.getProject, async ({ params }) => views.project(await own(params.id)));
  handle(ops.updateProject, async ({ body, params, ifMatch }) => {
    const before = await own(params.id);
    const project = { ...before, name: body.name };
    const conditional = ifMatch(views.project(before));
    await transactor.transact(project.id, (tx) => {
      if (conditional) tx.expectProject(before);
      tx.renameProject(project.id, project.name);
    });
    return views.project(project);
  });
  handle(ops.closeProject, async ({ params, principal }) => {
    const before = await own(params.id);
    // The operation needs a session: no static key works in a closed project, so no key could reopen it.
    if (before.closedAt !== null) throw alreadyClosed();
    const project = { ...before, closedAt: clock.now() };
    // The queue is suspended first: a closed project must not send mail.
    const suspended = await deps.operate({
      action: 'suspend',
      filter: { project: project.id },
      dryRun: false,
      reason: CLOSED_REASON,
      actor: callerOf(principal),
      closes: true,
      expiresAt: project.closedAt + CLOSED_MS,
    });
    try {
      await transactor.transact(project.id, (tx) => tx.closeProject(project.id, project.closedAt));
    } catch (error) {
      const now = await read.project(project.id);
      // A store that did not answer in time may have closed it.
      if (error instanceof StaleError || now?.closedAt !== project.closedAt)
        await letFlow(callerOf(principal), project.id, suspended?.suspension ? [suspended.suspension] : []);
      if (!(error instanceof StaleError) || now === null || now.closedAt === null) throw error;
      throw alreadyClosed();
    }
    return views.project(project);
  });
  const reopen = async ({ params, principal }: Call<typeof ops.reopenProject>) => {
    const before = await own(params.id);
    const { closedAt } = before;
    if (closedAt === null) throw new Problem('project-open', 'the project is open');
    if (closedAt + CLOSED_MS <= clock.now())
      throw new Problem('project-over', 'the project was closed more than 30 days ago and is being removed');
    // Read before: one that closes it again has a suspension of its own.
    const suspensions = await closingOf(before.id);
    await transactor.transact(before.id, (tx) => tx.reopenProject(before.id, closedAt));
    await letFlow(callerOf(principal), before.id, suspensions);
    return views.project({ ...before, closedAt: null });
  };
  handle(ops.reopenProject, (call) => judgedAgain(() => reopen(call)));
  handle(ops.exportProject, async ({ reply, params }) => {
    const project = await own(params.id);
    const signal = goneSignal(reply);
    reply.header('content-disposition', `attachment; filename="${project.id}.json"`);
    return reply.streamed(exportProject(deps, views, project), {
      type: 'application/json',
      signal,
      share: project.id,
      ids: { project: project.id },
    });
  });
}
