/** /edj/v1 as the reference has it. */
import { exampleSelf } from './example-ids.ts';
import type { Reference } from './reference.ts';

const topic = { id: 'topic' } as const;
const subscriber = { ...topic, subscriber: 'subscriber' } as const;

export const edjReference: Reference = {
  'GET /edj/v1/topics': {
    id: 'edj.topics.list',
    summary: 'topics, newest first',
    answers: { 200: { list: 'Topic' } },
  },
  'POST /edj/v1/topics': {
    id: 'edj.topics.create',
    summary: 'makes a topic',
    answers: { 201: 'Topic' },
    examples: { orders: { summary: 'a topic', value: { name: 'orders' } } },
  },
  'GET /edj/v1/topics/{id}': {
    id: 'edj.topics.get',
    summary: 'one topic',
    params: topic,
    answers: { 200: 'Topic' },
  },
  'PATCH /edj/v1/topics/{id}': {
    id: 'edj.topics.update',
    summary: 'renames a topic',
    params: topic,
    answers: { 200: 'Topic' },
    examples: { name: { summary: 'another name', value: { name: 'inbox of the shop' } } },
  },
  'DELETE /edj/v1/topics/{id}': {
    id: 'edj.topics.delete',
    summary: 'removes a topic with its subscribers and events; 409 while a rule or domain refers to it',
    params: topic,
    answers: { 204: null },
  },
  'GET /edj/v1/topics/{id}/subscribers': {
    id: 'edj.subscribers.list',
    summary: 'who is told of the events of a topic',
    params: topic,
    answers: { 200: { list: 'Subscriber' } },
  },
  'POST /edj/v1/topics/{id}/subscribers': {
    id: 'edj.subscribers.create',
    summary: 'adds an HTTP hook; its signing secret is shown only in this answer',
    params: topic,
    answers: { 201: 'NewSubscriber' },
    examples: {
      hook: { summary: 'an HTTP hook', value: { type: 'http', url: 'https://hook.example/mail' } },
    },
  },
  'GET /edj/v1/topics/{id}/subscribers/{subscriber}': {
    id: 'edj.subscribers.get',
    summary: 'one subscriber',
    params: subscriber,
    answers: { 200: 'Subscriber' },
  },
  'DELETE /edj/v1/topics/{id}/subscribers/{subscriber}': {
    id: 'edj.subscribers.delete',
    summary: 'removes a subscriber; what was not delivered to it is dropped',
    params: subscriber,
    answers: { 204: null },
  },
  'GET /edj/v1/subscribers/{id}/deliveries': {
    id: 'edj.deliveries.list',
    summary: 'deliveries to a subscriber, newest first',
    params: { id: 'subscriber' },
    answers: { 200: { list: 'Delivery' } },
  },
  'GET /edj/v1/topics/{id}/events': {
    id: 'edj.events.list',
    summary: 'events of a topic: newest first, or with `after` those behind it, oldest first',
    description: [
      'Events that show a message lack `content.body`; `full=true` gives it. A page ends at 4 MiB, or behind its first',
      'event where that alone is larger. With `after` (or `wait`) `next_cursor` is the id of the last event looked at',
      'where more follow, good as the next `after` or as `cursor` beside it, and null where none do.',
    ].join(' '),
    params: topic,
    answers: { 200: { list: 'Event' } },
    problems: ['too-many-waiting'],
  },
  'GET /edj/v1/events/{id}': {
    id: 'edj.events.get',
    summary: 'one event whole',
    description:
      'With `as=hook` the very octets an HTTP hook gets; those of a subscriber with `inline` with `inline=true`.',
    params: { id: 'event' },
    answers: { 200: 'WholeEvent' },
    problems: ['too-busy'],
  },
  'POST /edj/v1/tasks': {
    id: 'edj.topics.publish',
    summary: 'publishes a text to a topic',
    answers: { 200: 'PublishTask', 202: 'PublishTask' },
    examples: {
      text: {
        summary: 'a text',
        value: {
          procedure: 'publish',
          arguments: { ...exampleSelf('/edj/v1/topics', 'topic'), message: 'The shop opens.' },
        },
      },
    },
  },
  'GET /edj/v1/tasks/{id}': {
    id: 'edj.tasks.get',
    summary: 'one task',
    params: { id: 'publishTask' },
    answers: { 200: 'PublishTask' },
  },
};
