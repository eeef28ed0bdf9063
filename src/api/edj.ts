/** /edj/v1: topics, subscribers, deliveries, publishing by hand. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { secretContext } from '../edj/dispatcher.ts';
import { recordPublish } from '../edj/publish.ts';
import type { Topic } from '../edj/types.ts';
import { makeWebhookSecret } from '../edj/webhook-signature.ts';
import type { Task } from '../ledger/types.ts';
import { keptMs } from '../limits/types.ts';
import type { ProjectId } from '../runtime/ids.ts';
import { found, pathId, permitted, selfId, type Views } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { ifMatch } from './etag.ts';
import { sendList } from './pages.ts';
import { invalid } from './problems.ts';
import { AnyObject, EdjTask, IdParams, List, PageQuery, ResourceName, TaskQuery } from './schemas.ts';

const Name = Type.Object({ name: ResourceName }, { additionalProperties: false });
const SubscriberParams = Type.Object({ id: Type.String(), subscriber: Type.String() });
const SubscriberBody = Type.Object(
  {
    type: Type.Literal('http'),
    url: Type.String({ maxLength: 2048 }),
    inline: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
export function edjRoutes(app: FastifyInstance, deps: ApiDeps, views: Views): void {
  const { read, transactor, random, clock } = deps;
  const topicOf = async (request: FastifyRequest, project: ProjectId): Promise<Topic> =>
    found(await read.topic(project, pathId(request)));

  app.get(
    '/topics',
    { schema: { querystring: PageQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'edj.topics.list');
      return sendList(request, reply, (page) => read.topics(projectId, page), views.topic);
    },
  );
  app.post(
    '/topics',
    { config: { operation: 'edj.topics.create' }, schema: { body: Name, response: { 201: AnyObject } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'edj.topics.create');
      const topic = {
        id: random.id<'topic'>(),
        projectId,
        name: (request.body as { name: string }).name,
        createdAt: clock.now(),
      };
      await transactor.transact(projectId, (tx) => tx.insertTopic(topic));
      return reply.code(201).send(views.topic(topic));
    },
  );
  app.get('/topics/:id', { schema: { params: IdParams, response: { 200: AnyObject } } }, async (request) => {
    const { projectId } = permitted(request, 'edj.topics.get');
    return views.topic(await topicOf(request, projectId));
  });
  app.patch(
    '/topics/:id',
    { schema: { params: IdParams, body: Name, response: { 200: AnyObject } } },
    async (request) => {
      const { projectId } = permitted(request, 'edj.topics.update');
      const before = await topicOf(request, projectId);
      const conditional = ifMatch(request, views.topic(before));
      const topic = { ...before, name: (request.body as { name: string }).name };
      await transactor.transact(projectId, (tx) => {
        if (conditional) tx.expectTopic(before);
        tx.updateTopic(topic);
      });
      return views.topic(topic);
    },
  );
  app.delete('/topics/:id', { schema: { params: IdParams } }, async (request, reply) => {
    const { projectId } = permitted(request, 'edj.topics.delete');
    const topic = await topicOf(request, projectId);
    const conditional = ifMatch(request, views.topic(topic));
    await transactor.transact(projectId, (tx) => {
      if (conditional) tx.expectTopic(topic);
      tx.deleteTopic(projectId, topic.id);
    });
    return reply.code(204).send();
  });

  app.get(
    '/topics/:id/subscribers',
    { schema: { params: IdParams, querystring: PageQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'edj.subscribers.list');
      const { id } = await topicOf(request, projectId);
      return sendList(request, reply, (page) => read.subscribers(projectId, id, page), views.subscriber);
    },
  );
  app.post(
    '/topics/:id/subscribers',
    {
      config: { operation: 'edj.subscribers.create' },
      schema: { params: IdParams, body: SubscriberBody, response: { 201: AnyObject } },
    },
    async (request, reply) => {
      const { projectId } = permitted(request, 'edj.subscribers.create');
      const topic = await topicOf(request, projectId);
      const { url: text, inline = false } = request.body as { url: string; inline?: boolean };
      const url = URL.parse(text);
      if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
        throw invalid('url', 'must be an http or https URL without credentials');
      }
      const secret = makeWebhookSecret(random);
      const id = random.id<'subscriber'>();
      const subscriber = {
        id,
        projectId,
        topicId: topic.id,
        type: 'http' as const,
        url: url.href,
        inline,
        sealedSecret: deps.sealer.seal(Buffer.from(secret), secretContext({ id })),
        createdAt: clock.now(),
      };
      await transactor.transact(projectId, (tx) => tx.insertSubscriber(subscriber));
      return reply.code(201).send({ ...views.subscriber(subscriber), secret });
    },
  );
  app.get(
    '/topics/:id/subscribers/:subscriber',
    { schema: { params: SubscriberParams, response: { 200: AnyObject } } },
    async (request) => {
      const { projectId } = permitted(request, 'edj.subscribers.get');
      const topic = await topicOf(request, projectId);
      const subscriber = await read.subscriber(projectId, pathId(request, 'subscriber'));
      return views.subscriber(found(subscriber?.topicId === topic.id ? subscriber : null));
    },
  );
  app.delete(
    '/topics/:id/subscribers/:subscriber',
    { schema: { params: SubscriberParams } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'edj.subscribers.delete');
      const topic = await topicOf(request, projectId);
      const read_ = await read.subscriber(projectId, pathId(request, 'subscriber'));
      const subscriber = found(read_?.topicId === topic.id ? read_ : null);
      const conditional = ifMatch(request, views.subscriber(subscriber));
      await transactor.transact(projectId, (tx) => {
        if (conditional) tx.expectSubscriber(subscriber);
        tx.deleteSubscriber(projectId, subscriber.id);
      });
      return reply.code(204).send();
    },
  );
  app.get(
    '/subscribers/:id/deliveries',
    { schema: { params: IdParams, querystring: PageQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'edj.deliveries.list');
      const { id } = found(await read.subscriber(projectId, pathId(request)));
      return sendList(request, reply, (page) => read.deliveries(projectId, id, page), views.delivery);
    },
  );

  app.post(
    '/tasks',
    {
      config: { operation: 'edj.topics.publish' },
      schema: { querystring: TaskQuery, body: EdjTask, response: { 200: AnyObject, 202: AnyObject } },
    },
    async (request, reply) => {
      const { projectId } = permitted(request, 'edj.topics.publish');
      const { self, message } = (request.body as { arguments: { self: string; message: string } }).arguments;
      const topic = await read.topic(projectId, selfId(self, '/edj/v1/topics', 'arguments.self'));
      if (topic === null) throw invalid('arguments.self', 'there is no such topic');
      const now = clock.now();
      const task: Task = {
        id: random.id(),
        projectId,
        service: 'edj',
        procedure: 'publish',
        status: 'succeeded',
        result: {},
        error: null,
        createdAt: now,
        completedAt: now,
      };
      const kept = keptMs(await read.sendingSettings(projectId));
      let published = task;
      await transactor.transact(projectId, (tx) => {
        const id = recordPublish(
          tx,
          { random, now },
          {
            project: projectId,
            topicId: topic.id,
            service: 'edj',
            name: 'publish',
            content: { message },
            summary: message,
            keptMs: kept,
          },
        );
        published = { ...task, result: { event_id: id } };
        tx.insertTask(published);
      });
      deps.published(projectId, [topic.id]);
      return reply
        .code((request.query as { is_sync?: boolean }).is_sync === true ? 200 : 202)
        .send(views.task(published));
    },
  );
  app.get('/tasks/:id', { schema: { params: IdParams, response: { 200: AnyObject } } }, async (request) => {
    const { projectId } = permitted(request, 'edj.tasks.get');
    const task = await read.task(projectId, pathId(request));
    return views.task(found(task?.service === 'edj' ? task : null));
  });
}
