/**
 * /mta/v1/limit_requests: a project asks for higher limits, operators decide. A decision, the limits it makes, its event
 * and the mail that tells of it are one commit. One request of a project is open at a time.
 */
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import type { Principal } from '../iam/types.ts';
import {
  approved,
  cancelled,
  isHigher,
  type LimitRequest,
  type LimitRequestState,
  limitsAfter,
  refused,
} from '../limits/requests.ts';
import type { ProjectLimits } from '../limits/types.ts';
import { parseAddress } from '../mail/address.ts';
import type { ProjectId } from '../runtime/ids.ts';
import { callerOf, found, pathId, permitted } from './context.ts';
import type { ApiDeps, ApiTx } from './deps.ts';
import { decisionLetter } from './limit-letters.ts';
import { LIMIT_FIELDS, prepareRaise } from './limit-raise.ts';
import { Limit } from './mta-limits.ts';
import { sendList } from './pages.ts';
import { conflict, invalid } from './problems.ts';
import { AnyObject, IdParams, List, PageQuery } from './schemas.ts';

const Text = Type.String({
  minLength: 1,
  maxLength: 2000,
  pattern: '^[^\\u0000-\\u0009\\u000b-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$',
});
const Ask = Type.Object(
  {
    per_minute: Type.Optional(Limit),
    per_day: Type.Optional(Limit),
    reason: Text,
    notify: Type.Optional(
      Type.String({
        maxLength: 254,
        description: "mail address that is told of the decision; without it, a member's own",
      }),
    ),
  },
  { additionalProperties: false },
);
const Approval = Type.Object(
  {
    per_minute: Type.Optional(Limit),
    per_day: Type.Optional(Limit),
    note: Type.Optional(Text),
  },
  { additionalProperties: false, description: 'what is left out is granted as asked for' },
);
const Refusal = Type.Object({ reason: Text }, { additionalProperties: false });
const State = Type.Union(
  (['open', 'approved', 'approved_in_part', 'refused', 'cancelled'] as const).map((state) =>
    Type.Literal(state),
  ),
);
const RequestsQuery = Type.Object(
  {
    ...PageQuery.properties,
    state: Type.Optional(State),
    all: Type.Optional(Type.Boolean({ description: 'operators: those of all projects' })),
  },
  { additionalProperties: false },
);
interface Asked {
  readonly per_minute?: number;
  readonly per_day?: number;
}

export function mtaLimitRequestRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { read, transactor, clock, random } = deps;
  const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  const limitsOf = async (project: ProjectId) => (await read.projectLimits(project)) ?? deps.limitDefaults;

  const requestView = async (r: LimitRequest) => ({
    id: r.id,
    self: `${deps.publicUrl()}/mta/v1/limit_requests/${r.id}`,
    project: {
      self: `${deps.publicUrl()}/iam/v1/projects/${r.projectId}`,
      name: (await read.project(r.projectId))?.name ?? null,
    },
    state: r.state,
    per_minute: r.perMinute,
    per_day: r.perDay,
    reason: r.reason,
    actor: r.actor,
    notify: r.notify,
    granted: { per_minute: r.grantedPerMinute, per_day: r.grantedPerDay },
    note: r.note,
    created_at: iso(r.createdAt),
    decided_at: iso(r.decidedAt),
    decided_by: r.decidedBy,
  });
  app.get(
    '/limit_requests',
    { schema: { querystring: RequestsQuery, response: { 200: List } } },
    async (request, reply) => {
      const { all, state = null } = request.query as { all?: boolean; state?: LimitRequestState };
      const { projectId } = permitted(
        request,
        all === true ? 'mta.limit_requests.approve' : 'mta.limit_requests.list',
      );
      const whose = all === true ? null : projectId;
      return sendList(request, reply, (page) => read.limitRequests(whose, state, page), requestView, {
        of: () => read.countLimitRequests(whose),
      });
    },
  );
  const addressOf = async ({ actor }: Principal): Promise<string | null> =>
    actor.kind === 'member' ? ((await read.member(actor.memberId))?.email ?? null) : null;
  app.post(
    '/limit_requests',
    {
      config: { operation: 'mta.limit_requests.create' },
      schema: { body: Ask, response: { 201: AnyObject } },
    },
    async (request, reply) => {
      const principal = permitted(request, 'mta.limit_requests.create');
      const { projectId } = principal;
      const body = request.body as Asked & { reason: string; notify?: string };
      const limits = await limitsOf(projectId);
      if (body.per_minute === undefined && body.per_day === undefined)
        throw invalid('per_minute', 'per_minute or per_day is needed');
      for (const [name, field] of LIMIT_FIELDS) {
        const wanted = body[name];
        if (wanted !== undefined && !isHigher(wanted, limits[field]))
          throw invalid(
            name,
            limits[field] === 0 ? 'there is no such limit' : `is not above the limit of ${limits[field]}`,
          );
      }
      if (body.notify !== undefined && parseAddress(body.notify) === null)
        throw invalid('notify', 'is not a mail address');
      const made: LimitRequest = {
        id: random.id(),
        projectId,
        state: 'open',
        perMinute: body.per_minute ?? null,
        perDay: body.per_day ?? null,
        reason: body.reason,
        actor: callerOf(principal),
        notify: body.notify ?? (await addressOf(principal)),
        createdAt: clock.now(),
        decidedAt: null,
        decidedBy: null,
        grantedPerMinute: null,
        grantedPerDay: null,
        note: null,
      };
      await transactor.transact(projectId, (tx) => tx.insertLimitRequest(made));
      return reply.code(201).send(await requestView(made));
    },
  );
  app.get(
    '/limit_requests/:id',
    { schema: { params: IdParams, response: { 200: AnyObject } } },
    async (request) => {
      const { projectId, operations } = permitted(request, 'mta.limit_requests.get');
      const id = pathId<'limit-request'>(request);
      const operator = operations.has('mta.limit_requests.approve');
      return requestView(
        found(await (operator ? read.findLimitRequest(id) : read.limitRequest(projectId, id))),
      );
    },
  );
  const stillOpen = (request: LimitRequest): LimitRequest => {
    if (request.state !== 'open')
      throw conflict('limit-request-decided', `the request is ${request.state.replaceAll('_', ' ')}`);
    return request;
  };
  app.post(
    '/limit_requests/:id/cancel',
    {
      config: { operation: 'mta.limit_requests.update' },
      schema: { params: IdParams, response: { 200: AnyObject } },
    },
    async (request) => {
      const principal = permitted(request, 'mta.limit_requests.update');
      const { projectId } = principal;
      const open = stillOpen(found(await read.limitRequest(projectId, pathId(request))));
      const by = callerOf(principal);
      const decided = cancelled(open, { by, at: clock.now(), note: null });
      await transactor.transact(projectId, (tx) => tx.decideLimitRequest(decided));
      return requestView(decided);
    },
  );
  /** The decision, with what it brings about, and the mail to whoever wants to hear of it, in one commit. */
  async function decide(
    decided: LimitRequest,
    limits: ProjectLimits,
    also: (tx: ApiTx) => void,
  ): Promise<void> {
    const project = found(await read.project(decided.projectId));
    const record = (tx: ApiTx) => {
      tx.decideLimitRequest(decided);
      also(tx);
    };
    const { notify } = decided;
    if (notify === null) await transactor.transact(project.id, record);
    else {
      const letter = decisionLetter(decided, project.name, limits);
      await deps.acceptLetter({ project: project.id, to: notify, ...letter }, record);
    }
    deps.logger.info(
      { request: decided.id, state: decided.state, by: decided.decidedBy },
      'limit request decided',
    );
  }
  app.post(
    '/limit_requests/:id/approve',
    {
      config: { operation: 'mta.limit_requests.approve' },
      schema: { params: IdParams, body: Approval, response: { 200: AnyObject } },
    },
    async (request) => {
      const principal = permitted(request, 'mta.limit_requests.approve');
      const open = stillOpen(found(await read.findLimitRequest(pathId(request))));
      const body = request.body as Asked & { note?: string };
      const before = await limitsOf(open.projectId);
      const granted = { perMinute: body.per_minute ?? open.perMinute, perDay: body.per_day ?? open.perDay };
      for (const [name, field] of LIMIT_FIELDS) {
        const limit = granted[field];
        if (limit !== null && isHigher(before[field], limit))
          throw invalid(name, `is below the present limit of ${before[field]}`);
      }
      const by = callerOf(principal);
      const decided = approved(open, granted, { by, at: clock.now(), note: body.note ?? null });
      const after = limitsAfter(decided, before);
      const raise = await prepareRaise(deps, open.projectId, { before, after }, decided);
      if (raise === null) throw invalid('per_minute', 'nothing is raised: refuse the request instead');
      await decide(decided, after, (tx) => {
        tx.setProjectLimits(open.projectId, after);
        raise.record(tx);
      });
      raise.committed();
      deps.limitsRaised(open.projectId);
      return requestView(decided);
    },
  );
  app.post(
    '/limit_requests/:id/refuse',
    {
      config: { operation: 'mta.limit_requests.approve' },
      schema: { params: IdParams, body: Refusal, response: { 200: AnyObject } },
    },
    async (request) => {
      const principal = permitted(request, 'mta.limit_requests.approve');
      const open = stillOpen(found(await read.findLimitRequest(pathId(request))));
      const { reason } = request.body as { reason: string };
      const by = callerOf(principal);
      const decided = refused(open, { by, at: clock.now(), note: reason });
      const limits = await limitsOf(open.projectId);
      await decide(decided, limits, () => {});
      return requestView(decided);
    },
  );
}
