/** /mta/v1: limits, which operators set, their use, and how much was sent and received over time. */

import * as ops from '../contract/operations/mta-limits.ts';
import type { Resources } from '../contract/resources/index.ts';
import type { Principal } from '../iam/projects.ts';
import { readSeries, type TrafficPoint } from '../limits/traffic.ts';
import type { ProjectLimits } from '../limits/usage.ts';
import type { WindowState } from '../limits/window-state.ts';
import { type DomainId, type ProjectId, parseId } from '../runtime/ids.ts';
import { callerOf, found } from './context.ts';
import type { ApiDeps } from './deps.ts';
import type { Handle } from './handle.ts';
import { prepareRaise } from './limit-raise.ts';
import { notFound } from './problems.ts';
import { iso } from './times.ts';

type Window = Resources['ProjectUsage']['project']['per_minute'];
type Point = Resources['ProjectUsage']['series']['hours'][number];

export function mtaLimitRoutes(handle: Handle, deps: ApiDeps): void {
  const { read, transactor, limiter, clock } = deps;

  /** The project in the query. Only operators may name another project than their own. */
  async function projectOf({ projectId, operations }: Principal, named?: string): Promise<ProjectId> {
    const id = named === undefined ? projectId : parseId<'project'>(named);
    if (id === projectId) return projectId;
    if (id === null || !operations.has('mta.limits.update') || (await read.project(id)) === null)
      throw notFound();
    return id;
  }
  const limitsView = (project: ProjectId, own: ProjectLimits | null): Resources['Limits'] => {
    const { perMinute, perDay } = own ?? deps.limitDefaults;
    return {
      project: { self: `${deps.publicUrl()}/iam/v1/projects/${project}` },
      per_minute: perMinute,
      per_day: perDay,
      is_default: own === null,
    };
  };
  handle(ops.getLimits, async ({ principal, query }) => {
    const project = await projectOf(principal, query.project);
    return limitsView(project, await read.projectLimits(project));
  });
  handle(ops.setLimits, async ({ body, query, principal, ifMatch }) => {
    const project = await projectOf(principal, query.project);
    const after = { perMinute: body.per_minute, perDay: body.per_day };
    const stored = await read.projectLimits(project);
    const before = stored ?? deps.limitDefaults;
    const conditional = ifMatch(limitsView(project, stored));
    const raise = await prepareRaise(deps, project, { before, after }, null);
    await transactor.transact(project, (tx) => {
      if (conditional) tx.expectProjectLimits(project, stored);
      tx.setProjectLimits(project, after);
      raise?.record(tx);
    });
    if (raise !== null) deps.limitsRaised(project);
    deps.logger.info(
      { project, before, after, by: callerOf(principal) },
      'an operator set the limits of a project',
    );
    return limitsView(project, after);
  });

  const windowView = ({ used, limit, remaining, roomAt, emptyAt }: WindowState): Window => ({
    used,
    limit,
    remaining,
    room_at: iso(roomAt),
    resets_at: iso(emptyAt),
  });
  const usageView = ({ perMinute, perDay }: Awaited<ReturnType<typeof limiter.usage>>) => ({
    per_minute: windowView(perMinute),
    per_day: windowView(perDay),
  });
  const pointView = ({ start, ...counts }: TrafficPoint): Point => ({ start: iso(start * 1000), ...counts });
  const seriesView = async (project: ProjectId, domain: DomainId | null) => {
    const { minutes, hours, days } = await readSeries(read, project, domain, clock.now());
    return { minutes: minutes.map(pointView), hours: hours.map(pointView), days: days.map(pointView) };
  };
  handle(ops.getUsage, async ({ projectId }) => {
    return {
      project: usageView(await limiter.usage(projectId, null, null)),
      series: await seriesView(projectId, null),
    };
  });
  handle(ops.getDomainUsage, async ({ params, projectId }) => {
    const id = params.id;
    const domain = await read.domain(projectId, id);
    // The usage of a removed domain can still be read.
    if (domain === null) found(await read.removedDomain(projectId, id));
    return {
      project: usageView(await limiter.usage(projectId, null, null)),
      domain: usageView(await limiter.usage(projectId, id, domain)),
      series: await seriesView(projectId, id),
    };
  });
}
