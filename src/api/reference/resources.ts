/**
 * The resources as they are rendered (api/context.ts), one schema each; the OpenAPI documents refer to them by name. No
 * field is left out: a schema with `additionalProperties: false` says that there are no others.
 */
import Type, { type TSchema } from 'typebox';
import { DELIVERY_EVENTS, PROJECT_EVENTS } from '../../events/catalogue.ts';
import { DOMAIN_RESOURCES } from './domain-resources.ts';
import { EventContent } from './event-content.ts';
import { LIMIT_RESOURCES } from './limit-resources.ts';
import { closed, Id, Link, oneOf, orNull, Time, Url, Whole } from './parts.ts';
import { PEOPLE_RESOURCES } from './people-resources.ts';

/** What was made from replies of others: any JSON object. */
const Open = (description: string) => Type.Object({}, { additionalProperties: true, description });

const Head = {
  id: Id,
  self: Url,
  direction: oneOf('incoming', 'outgoing'),
  source: oneOf('smtp', 'api', 'mx', 'hosted', 'dsn', 'edj'),
  message_id: Type.String({ description: 'Message-ID, with angle brackets' }),
  mail_from: Type.String({ description: 'envelope sender; empty: the null reverse-path' }),
  domain: orNull(Link),
  size: Whole,
  accepted_at: Time,
  expires_at: Time,
  facts: Open('of the session or call: recipients, peerAddress, helo, tls, authentication, …'),
};
const RecipientState = oneOf(
  'queued',
  'deferred',
  'held',
  'delivered',
  'bounced',
  'expired',
  'suppressed',
  'cancelled',
);
const Recipient = closed({
  id: Id,
  address: Type.String(),
  state: RecipientState,
  attempts: Type.Array(
    closed({
      number: Whole,
      at: Time,
      outcome: oneOf('delivered', 'deferred', 'bounced'),
      detail: Open('remote, tls, reply, cause, status, classification, ambiguous'),
    }),
  ),
  next_attempt_at: orNull(Time),
  last_result: orNull(Open('the last outcome, or why it waits')),
  settled_at: orNull(Time),
});
const Subscriber = {
  id: Id,
  self: Url,
  type: Type.Literal('http'),
  url: Url,
  inline: Type.Boolean({ description: 'attachments carry their content' }),
  created_at: Time,
};
const Secret = orNull(
  Type.String({ description: 'shown only now; null where an earlier answer is repeated' }),
);
const QueueFilter = closed({
  site: orNull(Type.String()),
  domain: orNull(Type.String()),
  sender: orNull(Type.String()),
  sent_with: orNull(
    Type.String({ description: 'id of the domain it was sent with, there still or removed' }),
  ),
  accepted_before: orNull(Time),
  state: orNull(oneOf('queued', 'deferred', 'held')),
});
const Rule = { id: Id, topic: Link, self: Url, created_at: Time };
const Problem = Type.Object(
  {
    type: Type.String({ description: '/problems/ and the name of the type' }),
    title: Type.String(),
    status: Whole,
    detail: Type.String(),
    field: Type.Optional(Type.String({ description: 'JSON path of what is wrong' })),
  },
  { additionalProperties: false, description: 'RFC 9457' },
);
const task = (result: TSchema) =>
  closed({
    id: Id,
    self: Url,
    procedure: Type.String(),
    status: oneOf('queued', 'succeeded', 'failed'),
    result: orNull(result),
    error: orNull(Problem),
    created_at: Time,
    completed_at: orNull(Time),
  });

const Event = {
  '@version': Type.Literal('1'),
  id: Id,
  service: oneOf('mta', 'edj'),
  name: Type.String(),
  summary: Type.String(),
  content: EventContent,
  attachments: Type.Array(
    closed({
      content_type: Type.String(),
      filename: Type.Optional(Type.String()),
      encoding: oneOf('7bit', '8bit', 'base64'),
      content: Type.String({ description: 'empty unless asked for inline' }),
    }),
  ),
  created_at: Time,
  expires_at: Type.Optional(Time),
};

export const RESOURCES = {
  ...DOMAIN_RESOURCES,
  ...LIMIT_RESOURCES,
  Problem,
  ...PEOPLE_RESOURCES,
  ApiClient: closed({
    id: Id,
    self: Url,
    name: Type.String(),
    roles: Type.Array(Type.String()),
    created_at: Time,
  }),
  IncomingRule: closed({
    ...Rule,
    type: oneOf('account', 'all', 'catch_all'),
    local_part: orNull(Type.String()),
  }),
  OutgoingRule: closed(Rule),
  EventRule: closed({ ...Rule, names: Type.Array(oneOf(...DELIVERY_EVENTS, ...PROJECT_EVENTS)) }),
  MessageHead: closed(Head),
  Message: closed({
    ...Head,
    recipients: Type.Array(Recipient),
    next_cursor: Type.Union([Type.String(), Type.Null()], {
      description:
        'as `cursor`: where the recipients go on, which end at `limit` (500) and at 4 MiB like the page of a list',
    }),
  }),
  SendTask: task(
    closed({
      id: Id,
      message_id: Type.String(),
      recipients: Type.Array(closed({ id: Id, address: Type.String(), state: RecipientState })),
    }),
  ),
  PublishTask: task(closed({ event_id: Id })),
  Queues: closed({
    depth: closed({ queued: Whole, deferred: Whole, held: Whole }),
    items: Type.Array(
      closed({
        site: Type.String(),
        queued: Whole,
        deferred: Whole,
        held: Whole,
        active: Whole,
        next_due_at: orNull(Time),
        unreachable: orNull(Type.String()),
      }),
    ),
    next_cursor: orNull(Type.String()),
  }),
  WaitingRecipient: closed({
    id: Id,
    address: Type.String(),
    state: oneOf('queued', 'deferred', 'held'),
    site: Type.String(),
    reason: Type.String(),
    attempts: Whole,
    next_attempt_at: orNull(Time),
    message: closed({ id: Id, self: Url, mail_from: Type.String(), accepted_at: Time, expires_at: Time }),
  }),
  QueueResult: closed({ matched: Whole, changed: Whole, in_flight: Whole, suspension: orNull(Id) }),
  QueueOperation: closed({
    id: Id,
    action: oneOf('retry', 'cancel', 'bounce', 'suspend', 'resume'),
    filter: QueueFilter,
    actor: Type.String(),
    at: Time,
    changed: Whole,
  }),
  Suspension: closed({
    id: Id,
    filter: QueueFilter,
    reason: Type.String(),
    actor: Type.String(),
    created_at: Time,
    expires_at: Time,
  }),
  Settings: closed({
    retry_for_seconds: Whole,
    deferred_event_ages: Type.Array(Whole),
    over_limit: oneOf('reject', 'hold'),
    retention_days: Whole,
  }),
  Topic: closed({ id: Id, self: Url, name: Type.String(), created_at: Time }),
  Subscriber: closed(Subscriber),
  NewSubscriber: closed({ ...Subscriber, secret: Secret }),
  Delivery: closed({
    id: Id,
    event_id: Id,
    state: oneOf('pending', 'retry', 'done', 'dead'),
    attempts: Whole,
    next_attempt_at: orNull(Time),
    last_result: orNull(Open('status, first part of the answer, error')),
    created_at: Time,
  }),
  Event: closed(Event),
  WholeEvent: closed({
    ...Event,
    short: Type.Optional(Type.String({ description: '`summary`, for hooks; deprecated' })),
    raw: Type.Optional(EventContent),
    topic_id: Type.Optional(Id),
  }),
} as const satisfies Record<string, TSchema>;

export type ResourceName = keyof typeof RESOURCES;
