/** Topics, subscribers, events and their deliveries: /edj/v1. */
import Type from 'typebox';
import { EVENT_NAMES } from '../events.ts';
import { exampleSelf } from '../example-ids.ts';
import { Kind, kindName, withSettings, withSomeSettings } from '../kinds.ts';
import { op } from '../operation.ts';
import { closed, PageQuery, ResourceName, WholeQuery } from '../parts.ts';
import {
  Delivery,
  Event,
  NewSubscriber,
  Subscriber,
  SubscriberPreview,
  SubscriberTest,
  Topic,
  WholeEvent,
} from '../resources/edj.ts';
import { PublishTask, TaskQuery } from '../resources/tasks.ts';

const topic = { id: 'topic' } as const;
const subscriber = { ...topic, subscriber: 'subscriber' } as const;
const Name = closed({ name: ResourceName });
const NewSubscriberBody = withSettings('subscriber', { type: kindName('subscriber') });
const EventsQuery = closed({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
  cursor: Type.Optional(Type.String({ maxLength: 500 })),
  after: Type.Optional(
    Type.String({
      maxLength: 36,
      description: 'an event id: the answer holds the events after it, oldest first',
    }),
  ),
  wait: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 30, description: 'seconds to wait for the next event' }),
  ),
  full: Type.Optional(Type.Boolean({ description: 'true: with `content.body`' })),
});
const SampleQuery = closed({
  event: Type.Optional(
    Type.Enum([...EVENT_NAMES], { default: 'incoming', description: 'the event of which a sample is made' }),
  ),
});
const EventQuery = closed({
  as: Type.Optional(
    Type.Literal('hook', {
      description: 'returns the octets that an HTTP hook gets, with the fields that only hooks still have',
    }),
  ),
  inline: Type.Optional(
    Type.Boolean({ description: 'true: attachments with their content, as for a subscriber with `inline`' }),
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
  summary: 'lists topics, newest first',
  query: PageQuery,
  answers: { 200: { list: Topic } },
});
export const createTopic = op({
  id: 'edj.topics.create',
  method: 'POST',
  path: '/edj/v1/topics',
  summary: 'creates a topic',
  body: Name,
  answers: { 201: Topic },
  examples: { orders: { summary: 'a topic', value: { name: 'orders' } } },
});
export const getTopic = op({
  id: 'edj.topics.get',
  method: 'GET',
  path: '/edj/v1/topics/{id}',
  summary: 'returns one topic',
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
  summary: 'removes a topic with its subscribers and events; 409 while a rule or a domain uses it',
  params: topic,
  answers: { 204: null },
});
export const listSubscribers = op({
  id: 'edj.subscribers.list',
  method: 'GET',
  path: '/edj/v1/topics/{id}/subscribers',
  summary: 'lists the subscribers of a topic',
  params: topic,
  query: PageQuery,
  answers: { 200: { list: Subscriber } },
});
export const listSubscriberKinds = op({
  id: 'edj.subscriber_kinds.list',
  method: 'GET',
  path: '/edj/v1/subscriber_kinds',
  permission: 'edj.subscribers.list',
  summary: 'lists the kinds of subscribers, with the settings of each',
  query: WholeQuery,
  answers: { 200: { list: Kind } },
});
export const createSubscriber = op({
  id: 'edj.subscribers.create',
  method: 'POST',
  path: '/edj/v1/topics/{id}/subscribers',
  summary: 'adds a subscriber; only this answer shows its signing secret',
  params: topic,
  body: NewSubscriberBody,
  answers: { 201: NewSubscriber },
});
export const getSubscriber = op({
  id: 'edj.subscribers.get',
  method: 'GET',
  path: '/edj/v1/topics/{id}/subscribers/{subscriber}',
  summary: 'returns one subscriber',
  params: subscriber,
  answers: { 200: Subscriber },
});
export const updateSubscriber = op({
  id: 'edj.subscribers.update',
  method: 'PATCH',
  path: '/edj/v1/topics/{id}/subscribers/{subscriber}',
  summary: 'changes settings of a subscriber, pauses it or resumes it',
  description:
    'The settings of its kind are those of `POST`; what is not given stays. While it is paused, its events wait, as long as the project keeps them; then they are sent, the oldest first.',
  params: subscriber,
  body: withSomeSettings('subscriber', {
    paused: Type.Optional(
      Type.Boolean({ description: 'true: it is sent nothing; false: it is sent events' }),
    ),
  }),
  answers: { 200: Subscriber },
  problems: ['conflict'],
  examples: {
    url: { summary: 'another URL', value: { url: 'https://hook.example/other' } },
    pause: { summary: 'a pause', value: { paused: true } },
  },
});
export const deleteSubscriber = op({
  id: 'edj.subscribers.delete',
  method: 'DELETE',
  path: '/edj/v1/topics/{id}/subscribers/{subscriber}',
  summary: 'removes a subscriber; the service drops its undelivered events',
  params: subscriber,
  answers: { 204: null },
});
export const previewSubscriber = op({
  id: 'edj.subscribers.preview',
  method: 'POST',
  path: '/edj/v1/topics/{id}/subscriber_previews',
  summary: 'shows what a subscriber with these settings would be sent, without adding or calling it',
  params: topic,
  query: SampleQuery,
  body: NewSubscriberBody,
  answers: { 200: SubscriberPreview },
});
export const getSubscriberPreview = op({
  id: 'edj.subscriber_previews.get',
  method: 'GET',
  path: '/edj/v1/topics/{id}/subscribers/{subscriber}/preview',
  permission: 'edj.subscribers.get',
  summary: 'shows what the subscriber would be sent',
  params: subscriber,
  query: SampleQuery,
  answers: { 200: SubscriberPreview },
  problems: ['conflict'],
});
export const testSubscriber = op({
  id: 'edj.subscribers.test',
  method: 'POST',
  path: '/edj/v1/topics/{id}/subscribers/{subscriber}/test',
  summary: 'sends the subscriber a sample now and returns its answer; six times a minute in a project',
  description:
    'The sample says that it is a test. It is not a delivery: the service neither stores nor repeats it.',
  params: subscriber,
  query: SampleQuery,
  answers: { 200: SubscriberTest },
  problems: ['too-many-tests'],
});
export const listDeliveries = op({
  id: 'edj.deliveries.list',
  method: 'GET',
  path: '/edj/v1/subscribers/{id}/deliveries',
  summary: 'lists the deliveries to a subscriber, newest first',
  params: { id: 'subscriber' },
  query: PageQuery,
  answers: { 200: { list: Delivery } },
});
export const listEvents = op({
  id: 'edj.events.list',
  method: 'GET',
  path: '/edj/v1/topics/{id}/events',
  summary: 'lists the events of a topic, newest first; with `after`, those after that event, oldest first',
  description: [
    'Events of messages lack `content.body`; `full=true` adds it. A page ends at 4 MiB, but holds at least one event.',
    'With `after` (or `wait`), `next_cursor` is the id of the last event on the page if more events follow: use it as',
    'the next `after`, or as `cursor` beside the same `after`. It is null if no more events follow.',
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
  summary: 'returns one whole event',
  description:
    'With `as=hook`, returns exactly the octets that an HTTP hook gets. Add `inline=true` for those of a subscriber with `inline`.',
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
  summary: 'returns one task',
  params: { id: 'publishTask' },
  answers: { 200: PublishTask },
});
