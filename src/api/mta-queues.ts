/** /mta/v1: the queue of the own project (lanes, waiting recipients and why they wait, operations by hand) and how its mail is tried. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { QueueRequest } from '../delivery/operate.ts';
import { reasonOf } from '../delivery/reason.ts';
import {
  DEFAULT_SENDING,
  MAX_RETENTION_DAYS,
  MIN_RETENTION_DAYS,
  type SendingSettings,
} from '../limits/types.ts';
import { type ProjectId, parseId } from '../runtime/ids.ts';
import type { Watch } from '../runtime/report.ts';
import type { QueueOperation, Suspension, WaitingFilter } from '../spool/types.ts';
import { goneSignal } from './client-gone.ts';
import { permitted } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { ifMatch } from './etag.ts';
import { byId, pageOf, pagesOf, sendList, sendWhole } from './pages.ts';
import { conflict, invalid, notFound } from './problems.ts';
import { AnyObject, List, PageQuery, WholeQuery } from './schemas.ts';

const State = Type.Union([Type.Literal('queued'), Type.Literal('deferred'), Type.Literal('held')]);
export const FilterFields = {
  site: Type.Optional(
    Type.String({ maxLength: 500, description: 'destination site, as the queue list shows it' }),
  ),
  domain: Type.Optional(Type.String({ maxLength: 255, description: "the recipients' domain" })),
  sender: Type.Optional(Type.String({ maxLength: 500, description: 'envelope sender' })),
  accepted_before: Type.Optional(Type.String({ format: 'date-time' })),
  state: Type.Optional(State),
};
const Filter = Type.Object(FilterFields, { additionalProperties: false });
const WaitingQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
    cursor: Type.Optional(Type.String({ maxLength: 2000 })),
    ...FilterFields,
  },
  { additionalProperties: false },
);
export const QueueBody = Type.Object(
  {
    action: Type.Union([
      Type.Literal('retry'),
      Type.Literal('cancel'),
      Type.Literal('bounce'),
      Type.Literal('suspend'),
      Type.Literal('resume'),
    ]),
    filter: Type.Optional(Filter),
    dry_run: Type.Optional(Type.Boolean({ description: 'only count what is meant' })),
    reason: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$',
      }),
    ),
    expires_at: Type.Optional(
      Type.String({ format: 'date-time', description: 'suspend: at most 7 days from now' }),
    ),
    suspension: Type.Optional(Type.String({ description: 'resume: the id suspend gave' })),
  },
  { additionalProperties: false },
);
const Settings = Type.Object(
  {
    retry_for_seconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 7 * 24 * 3600 })),
    deferred_event_ages: Type.Optional(
      Type.Array(Type.Integer({ minimum: 0, maximum: 7 * 24 * 3600 }), { maxItems: 50 }),
    ),
    over_limit: Type.Optional(Type.Union([Type.Literal('reject'), Type.Literal('hold')])),
    retention_days: Type.Optional(
      Type.Integer({
        minimum: MIN_RETENTION_DAYS,
        maximum: MAX_RETENTION_DAYS,
        description:
          'days for which what comes from now on (messages, events and their deliveries, tasks) is kept; mail that may still wait is kept until it no longer can',
      }),
    ),
  },
  { additionalProperties: false },
);
interface FilterInput {
  readonly site?: string;
  readonly domain?: string;
  readonly sender?: string;
  readonly accepted_before?: string;
  readonly state?: 'queued' | 'deferred' | 'held';
}
interface QueueInput {
  readonly action: QueueOperation['action'];
  readonly filter?: FilterInput;
  readonly dry_run?: boolean;
  readonly reason?: string;
  readonly expires_at?: string;
  readonly suspension?: string;
}
const LONGEST_SUSPENSION_MS = 7 * 24 * 3_600_000;

/** Suspensions of a project that run at once: each recipient that is due is looked at beside all of them. */
const MOST_SUSPENSIONS = 50;
/** The filter as the spool knows it. */
export function toFilter(project: WaitingFilter['project'], input: FilterInput): WaitingFilter {
  return {
    project,
    ...(input.site === undefined ? {} : { lane: input.site }),
    ...(input.domain === undefined ? {} : { domain: input.domain }),
    ...(input.sender === undefined ? {} : { sender: input.sender }),
    ...(input.accepted_before === undefined ? {} : { acceptedBefore: Date.parse(input.accepted_before) }),
    ...(input.state === undefined ? {} : { states: [input.state] }),
  };
}

/** The answer to a queue request of anyone who may make it; throws a Problem. */
export async function answerQueueRequest(
  deps: Pick<ApiDeps, 'operate' | 'clock' | 'read'>,
  project: WaitingFilter['project'],
  actor: string,
  input: QueueInput,
  watch?: Watch,
): Promise<object> {
  const now = deps.clock.now();
  const expiresAt = input.expires_at === undefined ? undefined : Date.parse(input.expires_at);
  if (expiresAt !== undefined && !(expiresAt > now && expiresAt <= now + LONGEST_SUSPENSION_MS))
    throw invalid('expires_at', 'must be within the next 7 days');
  const suspension = input.suspension === undefined ? undefined : parseId<'suspension'>(input.suspension);
  if (input.action === 'resume' && (suspension === undefined || suspension === null))
    throw invalid('suspension', 'the id of the suspension is needed');
  const request: QueueRequest = {
    action: input.action,
    filter: toFilter(project, input.filter ?? {}),
    dryRun: input.dry_run ?? false,
    reason: input.reason ?? `${input.action} by ${actor}`,
    actor,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(suspension === undefined || suspension === null ? {} : { suspension }),
  };
  if (request.action === 'suspend' && !request.dryRun) {
    const running = (await deps.read.suspensions()).filter(
      (one) => one.filter.project === project && one.expiresAt > now,
    );
    if (running.length >= MOST_SUSPENSIONS)
      throw conflict(
        'too-many-suspensions',
        `${MOST_SUSPENSIONS} suspensions run already; resume some first`,
      );
  }
  const result = await deps.operate(request, watch);
  if (result === null) throw notFound();
  const { matched, changed, inFlight } = result;
  return { matched, changed, in_flight: inFlight, suspension: result.suspension };
}

export function mtaQueueRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { read, transactor } = deps;
  const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  const showFilter = (f: WaitingFilter) => ({
    site: f.lane ?? null,
    domain: f.domain ?? null,
    sender: f.sender ?? null,
    sent_with: f.sentWith ?? null,
    accepted_before: iso(f.acceptedBefore ?? null),
    state: f.states?.[0] ?? null,
  });
  const showSuspension = (s: Suspension) => ({
    id: s.id,
    filter: showFilter(s.filter),
    reason: s.reason,
    actor: s.actor,
    created_at: iso(s.createdAt),
    expires_at: iso(s.expiresAt),
  });
  const showSettings = (s: SendingSettings) => ({
    retry_for_seconds: s.retrySeconds,
    deferred_event_ages: s.deferredAges,
    over_limit: s.overLimit,
    retention_days: s.retentionDays,
  });

  app.get(
    '/queues',
    { schema: { querystring: PageQuery, response: { 200: AnyObject } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'mta.queues.list');
      const { limit, cursor } = pageOf(request);
      const after = cursor === null ? null : Buffer.from(cursor, 'base64url').toString('utf8');
      // One more than is shown tells that there is more.
      const { depth, lanes: items } = await deps.queue.page(projectId, { after, limit: limit + 1 });
      const dead = deps.queue.dead();
      return sendList(
        request,
        reply,
        pagesOf({ items, keyOf: ({ lane }) => lane, order: 'up' }),
        ({ lane, queued, deferred, held, active, nextDue }) => ({
          site: lane,
          queued,
          deferred,
          held,
          active,
          next_due_at: iso(nextDue),
          unreachable: dead.find(({ site }) => site === lane)?.cause ?? null,
        }),
        { beside: { depth } },
      );
    },
  );
  /** What waits of the project, which is kept; of one site alone it is not. */
  async function waitingOf(project: ProjectId, { lane }: WaitingFilter): Promise<number | null> {
    if (lane !== undefined) return null;
    const { queued, deferred, held } = (await deps.queue.page(project, { after: null, limit: 1 })).depth;
    return queued + deferred + held;
  }
  app.get(
    '/queues/recipients',
    { schema: { querystring: WaitingQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'mta.queues.list');
      const filter = toFilter(projectId, request.query as FilterInput);
      return sendList(
        request,
        reply,
        (page) => read.waiting(filter, page),
        ({ row, message }) => ({
          id: row.id,
          address: row.address,
          state: row.state,
          site: row.lane,
          reason: reasonOf(row, deps.queue.isActive(row.id)),
          attempts: row.attempts,
          next_attempt_at: iso(row.nextAttemptAt),
          message: {
            id: message.id,
            self: `${deps.publicUrl()}/mta/v1/messages/${message.id}`,
            mail_from: message.mailFrom,
            accepted_at: iso(message.acceptedAt),
            expires_at: iso(message.expiresAt + row.heldMs),
          },
        }),
        { of: () => waitingOf(projectId, filter) },
      );
    },
  );
  app.post(
    '/queues',
    { config: { operation: 'mta.queues.update' }, schema: { body: QueueBody, response: { 200: AnyObject } } },
    async (request, reply) => {
      const { projectId, actor } = permitted(request, 'mta.queues.update');
      const name = actor.kind === 'key' ? `api_client ${actor.apiClientId}` : `member ${actor.memberId}`;
      const input = request.body as QueueInput;
      // A change goes on without its client; a count is for nobody else.
      const watch = input.dry_run === true ? { report: () => {}, signal: goneSignal(reply) } : undefined;
      return answerQueueRequest(deps, projectId, name, input, watch);
    },
  );
  app.get(
    '/queues/operations',
    { schema: { querystring: PageQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'mta.queues.list');
      const show = ({ id, action, filter, actor, at, changed }: QueueOperation) => ({
        id,
        action,
        filter: showFilter(filter),
        actor,
        at: iso(at),
        changed,
      });
      return sendList(request, reply, (page) => read.operations(page, projectId), show);
    },
  );
  app.get(
    '/queues/suspensions',
    { schema: { querystring: WholeQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'mta.queues.list');
      const now = deps.clock.now();
      const items = (await read.suspensions()).filter(
        ({ filter, expiresAt }) => filter.project === projectId && expiresAt > now,
      );
      return sendWhole(request, reply, { items, keyOf: byId, order: 'up' }, showSuspension);
    },
  );
  const settingsOf = async (request: FastifyRequest, operation: string) => {
    const { projectId } = permitted(request, operation);
    const stored = await read.sendingSettings(projectId);
    return { projectId, stored, settings: stored ?? DEFAULT_SENDING };
  };
  app.get('/settings', { schema: { response: { 200: AnyObject } } }, async (request) =>
    showSettings((await settingsOf(request, 'mta.settings.get')).settings),
  );
  app.patch('/settings', { schema: { body: Settings, response: { 200: AnyObject } } }, async (request) => {
    const { projectId, settings, stored } = await settingsOf(request, 'mta.settings.update');
    const conditional = ifMatch(request, showSettings(settings));
    const body = request.body as {
      retry_for_seconds?: number;
      deferred_event_ages?: number[];
      over_limit?: SendingSettings['overLimit'];
      retention_days?: number;
    };
    const changed: SendingSettings = {
      retrySeconds: body.retry_for_seconds ?? settings.retrySeconds,
      deferredAges: body.deferred_event_ages ?? settings.deferredAges,
      overLimit: body.over_limit ?? settings.overLimit,
      retentionDays: body.retention_days ?? settings.retentionDays,
    };
    await transactor.transact(projectId, (tx) => {
      if (conditional) tx.expectSendingSettings(projectId, stored);
      tx.setSendingSettings(projectId, changed);
    });
    return showSettings(changed);
  });
}
