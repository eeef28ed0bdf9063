/**
 * /mta/v1/limit_requests: a project requests higher limits, and operators decide. One commit holds the decision, the
 * new limits, the event and the mail about the decision. A project can have one open request at a time.
 */

import * as ops from '../contract/operations/mta-limits.ts';
import type { Resources } from '../contract/resources/index.ts';
import type { Principal } from '../iam/projects.ts';
import {
  approved,
  cancelled,
  isHigher,
  type LimitRequest,
  limitsAfter,
  refused,
} from '../limits/requests.ts';
import type { ProjectLimits } from '../limits/usage.ts';
import { parseAddress } from '../mail/address.ts';
import type { ProjectId } from '../runtime/ids.ts';
import { callerOf, found } from './context.ts';
import type { ApiDeps, ApiTx } from './deps.ts';
import type { Call, Handle } from './handle.ts';
import { judgedAgain } from './judged.ts';
import { decisionLetter } from './limit-letters.ts';
import { LIMIT_FIELDS, prepareRaise } from './limit-raise.ts';
import { list } from './pages.ts';
import { invalid, Problem } from './problems.ts';
import { iso } from './times.ts';

export function mtaLimitRequestRoutes(handle: Handle, deps: ApiDeps): void {
  const { read, transactor, clock, random } = deps;
  const limitsOf = async (project: ProjectId) => (await read.projectLimits(project)) ?? deps.limitDefaults;

  const requestView = async (r: LimitRequest): Promise<Resources['LimitRequest']> => ({
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
  handle(ops.listLimitRequests, async ({ query, principal }) => {
    const { all, state = null } = query;
    const whose = all === true || principal === null ? null : principal.projectId;
    return list((page) => read.limitRequests(whose, state, page), requestView, {
      of: () => read.countLimitRequests(whose),
    });
  });
  const addressOf = async ({ actor }: Principal): Promise<string | null> =>
    actor.kind === 'member' ? ((await read.member(actor.memberId))?.email ?? null) : null;
  handle(ops.createLimitRequest, async ({ body, principal, projectId }) => {
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
    return await requestView(made);
  });
  handle(ops.getLimitRequest, async ({ params, principal }) => {
    const { id } = params;
    const { projectId, operations } = principal;
    const operator = operations.has('mta.limit_requests.approve');
    return requestView(
      found(await (operator ? read.findLimitRequest(id) : read.limitRequest(projectId, id))),
    );
  });
  const stillOpen = (request: LimitRequest): LimitRequest => {
    if (request.state !== 'open')
      throw new Problem('limit-request-decided', `the request is ${request.state.replaceAll('_', ' ')}`);
    return request;
  };
  handle(ops.cancelLimitRequest, async ({ params, principal, projectId }) => {
    const open = stillOpen(found(await read.limitRequest(projectId, params.id)));
    const by = callerOf(principal);
    const decided = cancelled(open, { by, at: clock.now(), note: null });
    await transactor.transact(projectId, (tx) => tx.decideLimitRequest(decided));
    return requestView(decided);
  });
  /** Writes the decision, its effects, and the mail to the requester in one commit. */
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
      'an operator decided a limit request',
    );
  }
  const approve = async ({ body, params, principal }: Call<typeof ops.approveLimitRequest>) => {
    const open = stillOpen(found(await read.findLimitRequest(params.id)));
    const stored = await read.projectLimits(open.projectId);
    const before = stored ?? deps.limitDefaults;
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
    if (raise === null) throw invalid('per_minute', 'no limit would be raised: refuse the request instead');
    await decide(decided, after, (tx) => {
      // The request may name one of the limits; the other one stays as it is.
      tx.expectProjectLimits(open.projectId, stored);
      tx.setProjectLimits(open.projectId, after);
      raise.record(tx);
    });
    deps.limitsRaised(open.projectId);
    return requestView(decided);
  };
  handle(ops.approveLimitRequest, (call) => judgedAgain(() => approve(call)));
  handle(ops.refuseLimitRequest, async ({ body, params, principal }) => {
    const open = stillOpen(found(await read.findLimitRequest(params.id)));
    const { reason } = body;
    const by = callerOf(principal);
    const decided = refused(open, { by, at: clock.now(), note: reason });
    const limits = await limitsOf(open.projectId);
    await decide(decided, limits, () => {});
    return requestView(decided);
  });
}
