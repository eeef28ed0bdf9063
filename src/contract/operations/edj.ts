/** Topics, subscribers, events and their deliveries: /edj/v1. */
import Type from 'typebox';
import { exampleSelf } from '../example-ids.ts';
import { Kind, kindName, withSettings } from '../kinds.ts';
import { op } from '../operation.ts';
import { closed, PageQuery, ResourceName, WholeQuery } from '../parts.ts';
import { Delivery, Event, NewSubscriber, Subscriber, Topic, WholeEvent } from '../resources/edj.ts';
import { PublishTask, TaskQuery } from '../resources/tasks.ts';

const topic = { id: 'topic' } as const;
const subscriber = { ...topic, subscriber: 'subscriber' } as const;
const Name = closed({ name: ResourceName });
const NewSubscriberBody = withSettings('subscriber', { type: kindName('subscriber') });
const EventsQuery = closed({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
  cursor: Type.Optional(Type.String({ maxLength: 500 })),
  after: Type.Optional(
    Type.String({ maxLength: 36, description: 'an event id: those after it, oldest first' }),
  ),
  wait: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 30, description: 'seconds to wait for the next event' }),
  ),
  full: Type.Optional(Type.Boolean({ description: 'with `content.body`' })),
});
const EventQuery = closed({
  as: Type.Optional(
    Type.Literal('hook', { description: 'the octets a hook gets, with the fields only hooks still have' }),
  ),
  inline: Type.Optional(
    Type.Boolean({ description: 'attachments with their content, as for a subscriber with `inline`' }),
  ),
});
const Publish = Type.Object(
  {
    procedure: Type.Literal('publish'),
    arguments: closed({
      self: Type.String({ maxLength: 2048, description: 'URL of the topic' }),
      message: Type.String({ maxLength: 1_000_000 }),
    }),
  },
  { additionalProperties: false, description: 'publishes a text to a topic' },
);

export const listTopics = op({
  id: 'edj.topics.list',
  method: 'GET',
  path: '/edj/v1/topics',
  summary: 'topics, newest first',
  query: PageQuery,
  answers: { 200: { list: Topic } },
});
export const createTopic = op({
  id: 'edj.topics.create',
  method: 'POST',
  path: '/edj/v1/topics',
  summary: 'makes a topic',
  body: Name,
  answers: { 201: Topic },
  examples: { orders: { summary: 'a topic', value: { name: 'orders' } } },
});
export const getTopic = op({
  id: 'edj.topics.get',
  method: 'GET',
  path: '/edj/v1/topics/{id}',
  summary: 'one topic',
  params: topic,
  answers: { 200: Topic },
});
export const updateTopic = op({
  id: 'edj.topics.update',
  method: 'PATCH',
  path: '/edj/v1/topics/{id}',
  summary: 'renames a topic',
  params: topic,
  body: Name,
  answers: { 200: Topic },
  examples: { name: { summary: 'another name', value: { name: 'inbox of the shop' } } },
});
export const deleteTopic = op({
  id: 'edj.topics.delete',
  method: 'DELETE',
  path: '/edj/v1/topics/{id}',
  summary: 'removes a topic with its subscribers and events; 409 while a rule or domain refers to it',
  params: topic,
  answers: { 204: null },
});
export const listSubscribers = op({
  id: 'edj.subscribers.list',
  method: 'GET',
  path: '/edj/v1/topics/{id}/subscribers',
  summary: 'who is told of the events of a topic',
  params: topic,
  query: PageQuery,
  answers: { 200: { list: Subscriber } },
});
export const listSubscriberKinds = op({
  id: 'edj.subscriber_kinds.list',
  method: 'GET',
  path: '/edj/v1/subscriber_kinds',
  permission: 'edj.subscribers.list',
  summary: 'kinds of subscribers, and the settings of each',
  query: WholeQuery,
  answers: { 200: { list: Kind } },
});
export const createSubscriber = op({
  id: 'edj.subscribers.create',
  method: 'POST',
  path: '/edj/v1/topics/{id}/subscribers',
  summary: 'adds a subscriber; its signing secret is shown only in this answer',
  params: topic,
  body: NewSubscriberBody,
  answers: { 201: NewSubscriber },
});
export const getSubscriber = op({
  id: 'edj.subscribers.get',
  method: 'GET',
  path: '/edj/v1/topics/{id}/subscribers/{subscriber}',
  summary: 'one subscriber',
  params: subscriber,
  answers: { 200: Subscriber },
});
export const deleteSubscriber = op({
  id: 'edj.subscribers.delete',
  method: 'DELETE',
  path: '/edj/v1/topics/{id}/subscribers/{subscriber}',
  summary: 'removes a subscriber; what was not delivered to it is dropped',
  params: subscriber,
  answers: { 204: null },
});
export const listDeliveries = op({
  id: 'edj.deliveries.list',
  method: 'GET',
  path: '/edj/v1/subscribers/{id}/deliveries',
  summary: 'deliveries to a subscriber, newest first',
  params: { id: 'subscriber' },
  query: PageQuery,
  answers: { 200: { list: Delivery } },
});
export const listEvents = op({
  id: 'edj.events.list',
  method: 'GET',
  path: '/edj/v1/topics/{id}/events',
  summary: 'events of a topic: newest first, or with `after` those behind it, oldest first',
  description: [
    'Events that show a message lack `content.body`; `full=true` gives it. A page ends at 4 MiB, or behind its first',
    'event where that alone is larger. With `after` (or `wait`) `next_cursor` is the id of the last event looked at',
    'where more follow, good as the next `after` or as `cursor` beside it, and null where none do.',
  ].join(' '),
  params: topic,
  query: EventsQuery,
  answers: { 200: { list: Event } },
  problems: ['too-many-waiting'],
});
export const getEvent = op({
  id: 'edj.events.get',
  method: 'GET',
  path: '/edj/v1/events/{id}',
  summary: 'one event whole',
  description:
    'With `as=hook` the very octets an HTTP hook gets; those of a subscriber with `inline` with `inline=true`.',
  params: { id: 'event' },
  query: EventQuery,
  answers: { 200: { streamed: WholeEvent } },
  problems: ['too-busy'],
});
export const createEdjTask = op({
  id: 'edj.topics.publish',
  permission: { in: 'body', field: 'procedure', of: { publish: 'edj.topics.publish' } },
  method: 'POST',
  path: '/edj/v1/tasks',
  summary: 'publishes a text to a topic',
  query: TaskQuery,
  body: Publish,
  answers: { 200: PublishTask, 202: PublishTask },
  examples: {
    text: {
      summary: 'a text',
      value: {
        procedure: 'publish',
        arguments: { ...exampleSelf('/edj/v1/topics', 'topic'), message: 'The shop opens.' },
      },
    },
  },
});
export const getEdjTask = op({
  id: 'edj.tasks.get',
  method: 'GET',
  path: '/edj/v1/tasks/{id}',
  summary: 'one task',
  params: { id: 'publishTask' },
  answers: { 200: PublishTask },
});
