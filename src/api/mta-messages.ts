/** /mta/v1: messages with their trace, and tasks. */

import * as ops from '../contract/operations/mta-mail.ts';
import type { Resources } from '../contract/resources/index.ts';
import type { Task } from '../ledger/tasks.ts';
import { attemptsAt } from '../spool/attempts.ts';
import type { AttemptRow, RecipientRow, StoredMessage } from '../spool/messages.ts';
import { goneSignal } from './client-gone.ts';
import { found, selfId, type Views } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { etagOfJson } from './etag.ts';
import { answered, type Handle } from './handle.ts';
import { JSON_TYPE, list, listJson, listOf, MOST_ITEMS, pageOf } from './pages.ts';
import { problemBody } from './problems.ts';
import { rawMessage } from './raw-message.ts';
import { submitProblem } from './submit-problems.ts';
import { iso } from './times.ts';

export function mtaMessageRoutes(handle: Handle, deps: ApiDeps, views: Views): void {
  const { read, transactor, random, clock } = deps;
  const head = (m: Omit<StoredMessage, 'raw' | 'prefix'>, size: number): Resources['MessageHead'] => ({
    id: m.id,
    self: `${deps.publicUrl()}/mta/v1/messages/${m.id}`,
    direction: m.direction,
    source: m.source,
    message_id: m.messageIdHeader,
    mail_from: m.mailFrom,
    domain: m.domainId === null ? null : { self: `${deps.publicUrl()}/mta/v1/domains/${m.domainId}` },
    size,
    accepted_at: iso(m.acceptedAt),
    expires_at: iso(m.expiresAt),
    facts: m.facts,
  });

  handle(ops.listMessages, async ({ projectId }) => {
    return list(
      (page) => read.messages(projectId, page),
      (message) => head(message, message.size),
    );
  });
  const recipient = ({
    row,
    attempts,
  }: {
    row: RecipientRow;
    attempts: readonly AttemptRow[];
  }): Resources['Message']['recipients'][number] => ({
    id: row.id,
    address: row.address,
    state: row.state,
    attempts: attemptsAt(row, attempts).map(({ number, at, outcome, detail }) => ({
      number,
      at: iso(at),
      outcome,
      detail: detail as object,
    })),
    next_attempt_at: iso(row.nextAttemptAt),
    last_result: row.lastResult as object | null,
    settled_at: iso(row.settledAt),
  });
  handle(ops.getMessage, async ({ query, params, projectId, request, reply }) => {
    const message = found(await read.shown(projectId, params.id));
    const signal = goneSignal(reply);
    const recipients = listOf(request);
    const asked = pageOf(query, recipients, MOST_ITEMS);
    async function* tagged(): AsyncGenerator<string> {
      const json = await listJson({
        ...asked,
        name: 'recipients',
        list: recipients,
        beside: head(message, message.size),
        view: recipient,
        signal,
        async read(asked) {
          const page = await read.recipientPage(projectId, message.id, asked);
          const ids = page.items.map(({ id }) => id);
          const attempts = await read.attempts(projectId, message.id, ids);
          return { ...page, items: page.items.map((row) => ({ row, attempts })) };
        },
      });
      reply.header('etag', etagOfJson(json));
      yield json;
    }
    return reply.streamed(tagged(), {
      type: JSON_TYPE,
      signal,
      share: projectId,
      ids: { message: message.id },
    });
  });
  handle(ops.getRawMessage, async ({ params, projectId, reply }) => {
    const message = found(await read.shown(projectId, params.id));
    const signal = goneSignal(reply);
    const { size, pieces } = rawMessage(read, message, deps.shown);
    reply
      .header('content-disposition', `attachment; filename="${message.id}.eml"`)
      .header('content-length', size);
    return reply.streamed(pieces(signal), {
      type: 'message/rfc822',
      signal,
      share: projectId,
      ids: { message: message.id },
    });
  });
  handle(ops.createMtaTask, async ({ body, query, principal, request }) => {
    const { self, ...input } = body.arguments;
    const sync = query.is_sync === true;
    const now = clock.now();
    const status = sync ? 200 : 202;
    const taskOf = (over: Pick<Task, 'status' | 'result' | 'error'>): Task => ({
      id: random.id(),
      projectId: principal.projectId,
      service: 'mta',
      procedure: 'send_message',
      createdAt: now,
      completedAt: now,
      ...over,
    });
    let task: Task | null = null;
    const domainId = selfId<'mta-domain'>(self, '/mta/v1/domains', 'arguments.self');
    const result = await deps.submit(
      principal,
      domainId,
      input,
      (tx, { id, messageIdHeader, recipients }) => {
        const accepted = { id, message_id: messageIdHeader, recipients };
        task ??= taskOf({ status: 'succeeded', result: accepted, error: null });
        // The task and the answer for the Idempotency-Key are stored as durably as the message.
        tx.insertTask(task);
        if (request.idempotencyKey !== null)
          tx.completeIdempotency(principal.projectId, request.idempotencyKey, {
            status,
            body: JSON.stringify(views.sendTask(task)),
          });
      },
    );
    if (result.kind === 'refused') {
      const problem = submitProblem(result.refusal);
      if (sync) throw problem;
      const refused = taskOf({ status: 'failed', result: null, error: JSON.parse(problemBody(problem)) });
      task = refused;
      await transactor.transact(principal.projectId, (tx) => tx.insertTask(refused));
    }
    return answered(status, views.sendTask(task!));
  });
  handle(ops.getMtaTask, async ({ params, projectId }) => {
    const task = await read.task(projectId, params.id);
    return views.sendTask(found(task?.service === 'mta' ? task : null));
  });
}
