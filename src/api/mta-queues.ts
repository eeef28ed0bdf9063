import type { Static } from 'typebox';
import * as ops from '../contract/operations/mta-mail.ts';
import type { Resources } from '../contract/resources/index.ts';
import type { QueueRequest } from '../delivery/operate.ts';
import { reasonOf } from '../delivery/reason.ts';
import { DEFAULT_SENDING, type SendingSettings } from '../limits/usage.ts';
import { type ProjectId, parseId } from '../runtime/ids.ts';
import type { Watch } from '../runtime/report.ts';
import type { QueueOperation, Suspension, WaitingFilter } from '../spool/messages.ts';
import { goneSignal } from './client-gone.ts';
import { callerOf } from './context.ts';
import type { ApiDeps } from './deps.ts';
import type { Handle } from './handle.ts';
import { byId, list, pageOf, pagesOf, wholeList } from './pages.ts';
import { invalid, notFound, Problem } from './problems.ts';
import { iso, timeOf } from './times.ts';

type FilterInput = Static<typeof ops.QueueFilterInput>;
type QueueInput = Static<typeof ops.QueueRequest>;
const LONGEST_SUSPENSION_MS = 7 * 24 * 3_600_000;

/** Maximum of active suspensions of a project: each due recipient is compared with all of them. */
const MOST_SUSPENSIONS = 50;
/** The filter in the form of the spool. `at`: where its time is in the request. */
export function toFilter(
  project: WaitingFilter['project'],
  input: FilterInput,
  at = 'filter.accepted_before',
): WaitingFilter {
  return {
    project,
    ...(input.site === undefined ? {} : { lane: input.site }),
    ...(input.domain === undefined ? {} : { domain: input.domain }),
    ...(input.sender === undefined ? {} : { sender: input.sender }),
    ...(input.accepted_before === undefined ? {} : { acceptedBefore: timeOf(input.accepted_before, at) }),
    ...(input.state === undefined ? {} : { states: [input.state] }),
  };
}

/** Carries out a queue request of a caller who may make it. Throws a Problem. */
export async function answerQueueRequest(
  deps: Pick<ApiDeps, 'operate' | 'clock' | 'read'>,
  project: WaitingFilter['project'],
  actor: string,
  input: QueueInput,
  watch?: Watch,
): Promise<Resources['QueueResult']> {
  const now = deps.clock.now();
  const expiresAt = input.expires_at === undefined ? undefined : timeOf(input.expires_at, 'expires_at');
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
      throw new Problem(
        'too-many-suspensions',
        `the project already has ${MOST_SUSPENSIONS} suspensions; resume some first`,
      );
  }
  const result = await deps.operate(request, watch);
  if (result === null) throw notFound();
  const { matched, changed, inFlight } = result;
  return { matched, changed, in_flight: inFlight, suspension: result.suspension };
}

export function mtaQueueRoutes(handle: Handle, deps: ApiDeps): void {
  const { read, transactor } = deps;
  const showFilter = (f: WaitingFilter): Resources['Suspension']['filter'] => ({
    site: f.lane ?? null,
    domain: f.domain ?? null,
    sender: f.sender ?? null,
    sent_with: f.sentWith ?? null,
    accepted_before: iso(f.acceptedBefore ?? null),
    state: f.states?.[0] ?? null,
  });
  const showSuspension = (s: Suspension): Resources['Suspension'] => ({
    id: s.id,
    filter: showFilter(s.filter),
    reason: s.reason,
    actor: s.actor,
    created_at: iso(s.createdAt),
    expires_at: iso(s.expiresAt),
  });
  const showSettings = (s: SendingSettings): Resources['Settings'] => ({
    retry_for_seconds: s.retrySeconds,
    deferred_event_ages: s.deferredAges,
    over_limit: s.overLimit,
    retention_days: s.retentionDays,
    connect: deps.connect(),
  });

  handle(ops.listQueues, async ({ projectId, query }) => {
    const { limit, cursor } = pageOf(query);
    const after = cursor === null ? null : Buffer.from(cursor, 'base64url').toString('utf8');
    // One row more than is shown tells that there are more.
    const { depth, lanes: items } = await deps.queue.page(projectId, { after, limit: limit + 1 });
    const dead = deps.queue.dead();
    return list(
      pagesOf({ items, keyOf: ({ lane }) => lane, order: 'up' }),
      ({ lane, queued, deferred, held, active, nextDue }): Resources['Queues']['items'][number] => ({
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
  });
  /** How many recipients of the project wait; null for a single site, for which no count is kept. */
  async function waitingOf(project: ProjectId, { lane }: WaitingFilter): Promise<number | null> {
    if (lane !== undefined) return null;
    const { queued, deferred, held } = (await deps.queue.page(project, { after: null, limit: 1 })).depth;
    return queued + deferred + held;
  }
  handle(ops.listWaitingRecipients, async ({ projectId, query }) => {
    const filter = toFilter(projectId, query, 'accepted_before');
    return list(
      (page) => read.waiting(filter, page),
      ({ row, message }): Resources['WaitingRecipient'] => ({
        id: row.id,
        address: row.address,
        state: row.state as Resources['WaitingRecipient']['state'],
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
  });
  handle(ops.updateQueue, async ({ body, projectId, principal, reply }) => {
    // A change continues without its client; a count ends, because only the client needs it.
    const watch = body.dry_run === true ? { report: () => {}, signal: goneSignal(reply) } : undefined;
    return answerQueueRequest(deps, projectId, callerOf(principal), body, watch);
  });
  handle(ops.listQueueOperations, async ({ projectId }) => {
    const show = ({
      id,
      action,
      filter,
      actor,
      at,
      changed,
    }: QueueOperation): Resources['QueueOperation'] => ({
      id,
      action,
      filter: showFilter(filter),
      actor,
      at: iso(at),
      changed,
    });
    return list((page) => read.operations(page, projectId), show);
  });
  handle(ops.listSuspensions, async ({ projectId }) => {
    const now = deps.clock.now();
    const items = (await read.suspensions()).filter(
      ({ filter, expiresAt }) => filter.project === projectId && expiresAt > now,
    );
    return wholeList({ items, keyOf: byId, order: 'up' }, showSuspension);
  });
  handle(ops.getSettings, async ({ projectId }) =>
    showSettings((await read.sendingSettings(projectId)) ?? DEFAULT_SENDING),
  );
  handle(ops.updateSettings, async ({ body, projectId, ifMatch }) => {
    const stored = await read.sendingSettings(projectId);
    const settings = stored ?? DEFAULT_SENDING;
    const conditional = ifMatch(showSettings(settings));
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
