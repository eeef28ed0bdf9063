/** /mta/v1: messages and their trace, tasks. */
import type { FastifyInstance } from 'fastify';
import type { SubmitInput } from '../intake/submit.ts';
import type { Task } from '../ledger/types.ts';
import { attemptsAt } from '../spool/attempts.ts';
import type { AttemptRow, RecipientRow, StoredMessage } from '../spool/types.ts';
import { goneSignal } from './client-gone.ts';
import { found, pathId, permitted, selfId, type Views } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { etagOfJson } from './etag.ts';
import { JSON_TYPE, listJson, MOST_ITEMS, pageOf, sendList } from './pages.ts';
import { Problem, problemBody } from './problems.ts';
import { rawMessage } from './raw-message.ts';
import { AnyObject, IdParams, List, MtaTask, PageQuery, TaskQuery, WholeQuery } from './schemas.ts';

export function mtaMessageRoutes(app: FastifyInstance, deps: ApiDeps, views: Views): void {
  const { read, transactor, random, clock } = deps;
  const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  const head = (m: Omit<StoredMessage, 'raw' | 'prefix'>, size: number) => ({
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

  app.get(
    '/messages',
    { schema: { querystring: PageQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'mta.messages.list');
      return sendList(
        request,
        reply,
        (page) => read.messages(projectId, page),
        (message) => head(message, message.size),
      );
    },
  );
  const recipient = ({ row, attempts }: { row: RecipientRow; attempts: readonly AttemptRow[] }) => ({
    id: row.id,
    address: row.address,
    state: row.state,
    attempts: attemptsAt(row, attempts).map(({ number, at, outcome, detail }) => ({
      number,
      at: iso(at),
      outcome,
      detail,
    })),
    next_attempt_at: iso(row.nextAttemptAt),
    last_result: row.lastResult,
    settled_at: iso(row.settledAt),
  });
  app.get(
    '/messages/:id',
    { schema: { params: IdParams, querystring: WholeQuery, response: { 200: AnyObject } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'mta.messages.get');
      const message = found(await read.shown(projectId, pathId(request)));
      const signal = goneSignal(reply);
      const asked = pageOf(request, MOST_ITEMS);
      async function* tagged(): AsyncGenerator<string> {
        const json = await listJson({
          ...asked,
          name: 'recipients',
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
    },
  );
  app.get(
    '/messages/:id/raw',
    { schema: { params: IdParams, produces: ['message/rfc822'] } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'mta.messages.get');
      const message = found(await read.shown(projectId, pathId(request)));
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
    },
  );
  app.post(
    '/tasks',
    {
      config: { operation: 'mta.domains.send' },
      schema: { querystring: TaskQuery, body: MtaTask, response: { 200: AnyObject, 202: AnyObject } },
    },
    async (request, reply) => {
      const principal = permitted(request, 'mta.domains.send');
      const { self, ...input } = (request.body as { arguments: SubmitInput & { self: string } }).arguments;
      const sync = (request.query as { is_sync?: boolean }).is_sync === true;
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
          // The task and the answer for the Idempotency-Key are as durable as the mail itself.
          tx.insertTask(task);
          if (request.idempotencyKey !== null)
            tx.completeIdempotency(principal.projectId, request.idempotencyKey, {
              status,
              body: JSON.stringify(views.task(task)),
            });
        },
      );
      if (result.kind === 'refused') {
        const problem = new Problem(result.status, result.type, result.title, result.detail, {
          ...(result.field === undefined ? {} : { field: result.field }),
          ...(result.retryAfterSeconds === undefined
            ? {}
            : { headers: { 'retry-after': String(result.retryAfterSeconds) } }),
        });
        if (sync) throw problem;
        const refused = taskOf({ status: 'failed', result: null, error: JSON.parse(problemBody(problem)) });
        task = refused;
        await transactor.transact(principal.projectId, (tx) => tx.insertTask(refused));
      }
      return reply.code(status).send(views.task(task!));
    },
  );
  app.get('/tasks/:id', { schema: { params: IdParams, response: { 200: AnyObject } } }, async (request) => {
    const { projectId } = permitted(request, 'mta.tasks.get');
    const task = await read.task(projectId, pathId(request));
    return views.task(found(task?.service === 'mta' ? task : null));
  });
}
