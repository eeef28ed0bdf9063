/** /mta/v1/queues and /mta/v1/settings: what waits and why, changing it by hand, and the project's mail settings. */
import * as ops from '../contract/operations/mta-mail.ts';
import type { Resources } from '../contract/resources/index.ts';
import { reasonOf } from '../delivery/reason.ts';
import { DEFAULT_SENDING, type SendingSettings } from '../limits/usage.ts';
import type { ProjectId } from '../runtime/ids.ts';
import type { QueueOperation, Suspension, WaitingFilter } from '../spool/messages.ts';
import { goneSignal } from './client-gone.ts';
import { callerOf } from './context.ts';
import type { ApiDeps } from './deps.ts';
import type { Handle } from './handle.ts';
import { byId, list, listOf, pageOf, pagesOf, wholeList } from './pages.ts';
import { answerQueueRequest, endOf, showFilter, toFilter } from './queue-request.ts';
import { iso } from './times.ts';

export function mtaQueueRoutes(handle: Handle, deps: ApiDeps): void {
  const { read, transactor } = deps;
  const showSuspension = (s: Suspension): Resources['Suspension'] => ({
    id: s.id,
    filter: showFilter(s.filter),
    reason: s.reason,
    actor: s.actor,
    by_operator: s.byOperator,
    created_at: iso(s.createdAt),
    expires_at: endOf(s),
  });
  const showSettings = (s: SendingSettings): Resources['Settings'] => ({
    retry_for_seconds: s.retrySeconds,
    deferred_event_ages: s.deferredAges,
    over_limit: s.overLimit,
    retention_days: s.retentionDays,
    connect: deps.connect(),
  });

  handle(ops.listQueues, async ({ projectId, query, request }) => {
    const { limit, cursor } = pageOf(query, listOf(request));
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
    const filter = toFilter(projectId, query, '');
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
  handle(ops.updateQueue, async ({ body, query, projectId, principal, self, reply }) => {
    // A change continues without its client; a count ends, because only the client needs it.
    const watch = body.dry_run === true ? { report: () => {}, signal: goneSignal(reply) } : undefined;
    const project = query.instance === true ? null : projectId;
    const actor = principal === null ? `member ${self?.member.id}` : callerOf(principal);
    const {
      projects: _,
      silent_nodes: __,
      ...result
    } = await answerQueueRequest(
      deps,
      { project, isChosen: false, byOperator: query.instance === true },
      actor,
      body,
      watch,
    );
    return result;
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
    const given: Partial<SendingSettings> = {
      ...(body.retry_for_seconds === undefined ? {} : { retrySeconds: body.retry_for_seconds }),
      ...(body.deferred_event_ages === undefined ? {} : { deferredAges: body.deferred_event_ages }),
      ...(body.over_limit === undefined ? {} : { overLimit: body.over_limit }),
      ...(body.retention_days === undefined ? {} : { retentionDays: body.retention_days }),
    };
    await transactor.transact(projectId, (tx) => {
      if (conditional) tx.expectSendingSettings(projectId, stored);
      tx.setSendingSettings(projectId, given);
    });
    return showSettings({ ...settings, ...given });
  });
}
