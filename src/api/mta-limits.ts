/** /mta/v1: limits, which operators set, what is used of them, and what was sent and received over time. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { readSeries, TRAFFIC_KINDS, type TrafficPoint } from '../limits/traffic.ts';
import type { WindowState } from '../limits/window-state.ts';
import { type DomainId, type ProjectId, parseId } from '../runtime/ids.ts';
import { actorText, found, pathId, permitted } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { prepareRaise } from './limit-raise.ts';
import { notFound } from './problems.ts';
import { AnyObject, IdParams } from './schemas.ts';

export const Limit = Type.Integer({
  minimum: 0,
  maximum: 1_000_000_000,
  description: 'recipients; 0: no limit',
});
const ProjectQuery = Type.Object(
  {
    project: Type.Optional(
      Type.String({ maxLength: 36, description: 'operators: id of another project than the own' }),
    ),
  },
  { additionalProperties: false },
);
const Limits = Type.Object({ per_minute: Limit, per_day: Limit }, { additionalProperties: false });
export function mtaLimitRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { read, transactor, limiter, clock } = deps;
  const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

  /** The project the query names; of another one only operators learn anything. */
  async function projectOf(request: FastifyRequest, operation: string): Promise<ProjectId> {
    const { projectId, operations } = permitted(request, operation);
    const { project } = request.query as { project?: string };
    const id = project === undefined ? projectId : parseId<'project'>(project);
    if (id === projectId) return projectId;
    if (id === null || !operations.has('mta.limits.update') || (await read.project(id)) === null)
      throw notFound();
    return id;
  }
  const limitsView = async (project: ProjectId) => {
    const own = await read.projectLimits(project);
    const { perMinute, perDay } = own ?? deps.limitDefaults;
    return {
      project: { self: `${deps.publicUrl()}/iam/v1/projects/${project}` },
      per_minute: perMinute,
      per_day: perDay,
      is_default: own === null,
    };
  };
  app.get(
    '/limits',
    { schema: { querystring: ProjectQuery, response: { 200: AnyObject } } },
    async (request) => limitsView(await projectOf(request, 'mta.limits.get')),
  );
  app.put(
    '/limits',
    { schema: { querystring: ProjectQuery, body: Limits, response: { 200: AnyObject } } },
    async (request) => {
      const project = await projectOf(request, 'mta.limits.update');
      const by = actorText(permitted(request, 'mta.limits.update'));
      const body = request.body as { per_minute: number; per_day: number };
      const after = { perMinute: body.per_minute, perDay: body.per_day };
      const before = (await read.projectLimits(project)) ?? deps.limitDefaults;
      const raise = await prepareRaise(deps, project, { before, after }, null);
      await transactor.transact(project, (tx) => {
        tx.setProjectLimits(project, after);
        raise?.record(tx);
      });
      raise?.committed();
      if (raise !== null) deps.limitsRaised(project);
      deps.logger.info({ project, before, after, by }, 'limits were set');
      return limitsView(project);
    },
  );

  const windowView = ({ used, limit, remaining, roomAt, emptyAt }: WindowState) => ({
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
  const pointView = (point: TrafficPoint) => ({
    start: iso(point.start * 1000),
    ...Object.fromEntries(TRAFFIC_KINDS.map((kind) => [kind, point[kind]])),
  });
  const seriesView = async (project: ProjectId, domain: DomainId | null) => {
    const { minutes, hours, days } = await readSeries(read, project, domain, clock.now());
    return { minutes: minutes.map(pointView), hours: hours.map(pointView), days: days.map(pointView) };
  };
  app.get('/usage', { schema: { response: { 200: AnyObject } } }, async (request) => {
    const { projectId } = permitted(request, 'mta.usage.get');
    return {
      project: usageView(await limiter.usage(projectId, null, null)),
      series: await seriesView(projectId, null),
    };
  });
  app.get(
    '/domains/:id/usage',
    { schema: { params: IdParams, response: { 200: AnyObject } } },
    async (request) => {
      const { projectId } = permitted(request, 'mta.domains.get');
      // Also of a removed domain: what it sent counts in the windows.
      const id = pathId<'mta-domain'>(request);
      const set = await read.domain(projectId, id);
      if (set === null) found(await read.removedDomain(projectId, id));
      return {
        project: usageView(await limiter.usage(projectId, null, null)),
        domain: usageView(
          await limiter.usage(projectId, id, set ?? { limitPerMinute: null, limitPerDay: null }),
        ),
        series: await seriesView(projectId, id),
      };
    },
  );
}
