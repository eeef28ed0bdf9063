/** /edj/v1: topics, subscribers, deliveries, and publishing through the API. */

import * as ops from '../contract/operations/edj.ts';
import { subscriberKindOf } from '../edj/kinds/kinds.ts';
import { resealed, sealNew } from '../edj/kinds/sealed.ts';
import { recordPublish } from '../edj/publish.ts';
import type { Subscriber, Topic } from '../edj/topics.ts';
import type { Task } from '../ledger/tasks.ts';
import { keptMs } from '../limits/usage.ts';
import type { ProjectId, TopicId } from '../runtime/ids.ts';
import { found, selfId, type Views } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { checkSubscriberSender } from './edj-sender.ts';
import { answered, type Handle } from './handle.ts';
import { kindList, settingsOf } from './kinds.ts';
import { list } from './pages.ts';
import { invalid } from './problems.ts';
import { targetOf } from './subscriber-target.ts';

export function edjRoutes(handle: Handle, deps: ApiDeps, views: Views): void {
  const { read, transactor, random, clock } = deps;
  const topicOf = async (project: ProjectId, id: TopicId): Promise<Topic> =>
    found(await read.topic(project, id));

  /** The secret settings that are not given stay. */
  async function changedSettings(before: Subscriber, given: Readonly<Record<string, unknown>>) {
    const { kind, settings, sealed } = targetOf(deps.sealer, before);
    const { secret: _, ...secrets } = sealed;
    const all = settingsOf(kind, { ...settings, ...secrets, ...given }, '', deps.allowPrivateTargets);
    await checkSubscriberSender(read, kind, all, before.projectId);
    return resealed(deps.sealer, before, kind, all);
  }

  handle(ops.listTopics, async ({ projectId }) => {
    return list((page) => read.topics(projectId, page), views.topic);
  });
  handle(ops.createTopic, async ({ body, projectId }) => {
    const topic = {
      id: random.id<'topic'>(),
      projectId,
      name: body.name,
      createdAt: clock.now(),
    };
    await transactor.transact(projectId, (tx) => tx.insertTopic(topic));
    return views.topic(topic);
  });
  handle(ops.getTopic, async ({ params, projectId }) => {
    return views.topic(await topicOf(projectId, params.id));
  });
  handle(ops.updateTopic, async ({ body, params, projectId, ifMatch }) => {
    const before = await topicOf(projectId, params.id);
    const conditional = ifMatch(views.topic(before));
    const topic = { ...before, name: body.name };
    await transactor.transact(projectId, (tx) => {
      if (conditional) tx.expectTopic(before);
      tx.updateTopic(topic);
    });
    return views.topic(topic);
  });
  handle(ops.deleteTopic, async ({ params, projectId, ifMatch }) => {
    const topic = await topicOf(projectId, params.id);
    const conditional = ifMatch(views.topic(topic));
    await transactor.transact(projectId, (tx) => {
      if (conditional) tx.expectTopic(topic);
      tx.deleteTopic(projectId, topic.id);
    });
  });

  handle(ops.listSubscribers, async ({ params, projectId }) => {
    const { id } = await topicOf(projectId, params.id);
    return list((page) => read.subscribers(projectId, id, page), views.subscriber);
  });
  handle(ops.listSubscriberKinds, async () => kindList('subscriber'));
  handle(ops.createSubscriber, async ({ body, params, projectId }) => {
    const topic = await topicOf(projectId, params.id);
    const { type, ...given } = body;
    const kind = subscriberKindOf(type)!;
    const settings = settingsOf(kind, given, '', deps.allowPrivateTargets);
    await checkSubscriberSender(read, kind, settings, projectId);
    const id = random.id<'subscriber'>();
    const { told, ...sealed } = sealNew(deps, { id }, kind, settings);
    const subscriber = { id, projectId, topicId: topic.id, type, ...sealed, createdAt: clock.now() };
    await transactor.transact(projectId, (tx) => tx.insertSubscriber(subscriber));
    return { ...views.subscriber(subscriber), secret: null, ...told };
  });
  handle(ops.getSubscriber, async ({ params, projectId }) => {
    const topic = await topicOf(projectId, params.id);
    const subscriber = await read.subscriber(projectId, params.subscriber);
    return views.subscriber(found(subscriber?.topicId === topic.id ? subscriber : null));
  });
  handle(ops.updateSubscriber, async ({ body, params, projectId, ifMatch }) => {
    const topic = await topicOf(projectId, params.id);
    const read_ = await read.subscriber(projectId, params.subscriber);
    const before = found(read_?.topicId === topic.id ? read_ : null);
    const conditional = ifMatch(views.subscriber(before));
    const { paused, ...given } = body;
    const hasSettings = Object.keys(given).length > 0;
    const changed = hasSettings ? { ...before, ...(await changedSettings(before, given)) } : before;
    const isPaused = before.pausedAt !== undefined;
    const now = clock.now();
    const { pausedAt, ...running } = changed;
    const after =
      paused === undefined ? changed : paused ? { ...running, pausedAt: pausedAt ?? now } : running;
    await transactor.transact(projectId, (tx) => {
      // New settings were judged by what was read, and what cannot be read cannot be compared.
      if ((conditional || hasSettings) && before.broken !== true) tx.expectSubscriber(before);
      if (hasSettings) tx.updateSubscriber(changed);
      if (paused === true && !isPaused) tx.pauseSubscriber(projectId, before.id, now);
      if (paused === false && isPaused) tx.resumeSubscriber(projectId, before.id, now);
    });
    // What waited while it was paused is due.
    if (paused === false) deps.published(projectId, [topic.id]);
    return views.subscriber(after);
  });
  handle(ops.deleteSubscriber, async ({ params, projectId, ifMatch }) => {
    const topic = await topicOf(projectId, params.id);
    const read_ = await read.subscriber(projectId, params.subscriber);
    const subscriber = found(read_?.topicId === topic.id ? read_ : null);
    const conditional = ifMatch(views.subscriber(subscriber));
    await transactor.transact(projectId, (tx) => {
      // What cannot be read cannot be compared either.
      if (conditional && subscriber.broken !== true) tx.expectSubscriber(subscriber);
      tx.deleteSubscriber(projectId, subscriber.id);
    });
  });
  handle(ops.listDeliveries, async ({ params, projectId }) => {
    const { id } = found(await read.subscriber(projectId, params.id));
    return list((page) => read.deliveries(projectId, id, page), views.delivery);
  });

  handle(ops.createEdjTask, async ({ body, query, projectId }) => {
    const { self: topicUrl, message } = body.arguments;
    const topic = await read.topic(projectId, selfId(topicUrl, '/edj/v1/topics', 'arguments.self'));
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
    return answered(query.is_sync === true ? 200 : 202, views.publishTask(published));
  });
  handle(ops.getEdjTask, async ({ params, projectId }) => {
    const task = await read.task(projectId, params.id);
    return views.publishTask(found(task?.service === 'edj' ? task : null));
  });
}
