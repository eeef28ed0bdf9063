/** The resources for messages, the queue, rules and settings. */
import Type from 'typebox';
import { DELIVERY_EVENTS, PROJECT_EVENTS } from '../events.ts';
import { closed, Id, Link, Open, oneOf, orNull, Time, Url, Whole } from '../parts.ts';
import { task } from './tasks.ts';

const Head = {
  id: Id,
  self: Url,
  direction: oneOf('incoming', 'outgoing'),
  source: oneOf('smtp', 'api', 'mx', 'hosted', 'dsn', 'edj', 'notice'),
  message_id: Type.String({ description: 'Message-ID, with angle brackets' }),
  mail_from: Type.String({ description: 'envelope sender; empty: the null reverse-path' }),
  domain: orNull(Link),
  size: Whole,
  accepted_at: Time,
  expires_at: Time,
  facts: Open(
    'facts about the SMTP session or API call: recipients, peerAddress, helo, tls, authentication, …',
  ),
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
      detail: Open('remote, tls, reply, converted, cause, status, classification, ambiguous'),
    }),
  ),
  next_attempt_at: orNull(Time),
  last_result: orNull(Open('the result of the last attempt, or the reason why the recipient waits')),
  settled_at: orNull(Time),
});
const QueueFilter = closed({
  site: orNull(Type.String()),
  domain: orNull(Type.String()),
  sender: orNull(Type.String()),
  sent_with: orNull(
    Type.String({
      description: 'id of the domain that the message was sent with; the domain may have been removed',
    }),
  ),
  accepted_before: orNull(Time),
  state: orNull(oneOf('queued', 'deferred', 'held')),
});
const Rule = { id: Id, topic: Link, self: Url, created_at: Time };

export const IncomingRule = closed({
  ...Rule,
  type: oneOf('account', 'all', 'catch_all'),
  local_part: orNull(Type.String()),
});
export const OutgoingRule = closed(Rule);
export const EventRule = closed({ ...Rule, names: Type.Array(oneOf(...DELIVERY_EVENTS, ...PROJECT_EVENTS)) });
export const MessageHead = closed(Head);
export const Message = closed({
  ...Head,
  recipients: Type.Array(Recipient),
  next_cursor: Type.Union([Type.String(), Type.Null()], {
    description:
      'the `cursor` for the next recipients; null: there are no more. A page of recipients ends at `limit` (500) or at 4 MiB, like a page of a list',
  }),
});
export const SendTask = task(
  closed({
    id: Id,
    message_id: Type.String(),
    recipients: Type.Array(closed({ id: Id, address: Type.String(), state: RecipientState })),
  }),
);
export const Queues = closed({
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
});
export const WaitingRecipient = closed({
  id: Id,
  address: Type.String(),
  state: oneOf('queued', 'deferred', 'held'),
  site: Type.String(),
  reason: Type.String(),
  attempts: Whole,
  next_attempt_at: orNull(Time),
  message: closed({ id: Id, self: Url, mail_from: Type.String(), accepted_at: Time, expires_at: Time }),
});
const End = Type.Union([Time, Type.Null()], { description: 'null: it lasts until it is resumed' });
export const QueueResult = closed({
  matched: Type.Integer({ minimum: 0, description: 'waiting recipients that the request means' }),
  changed: Type.Integer({ minimum: 0, description: 'recipients that were changed' }),
  in_flight: Type.Integer({ minimum: 0, description: 'recipients that were being tried, and left alone' }),
  suspension: Type.Union([Id, Type.Null()], { description: 'suspend: its id' }),
  expires_at: Type.Union([Time, Type.Null()], {
    description: 'suspend: when it ends; null: when it is resumed',
  }),
  resumed: Type.Integer({ minimum: 0, description: 'resume: suspensions that ended' }),
});
export const QueueOperation = closed({
  id: Id,
  action: oneOf('retry', 'cancel', 'bounce', 'suspend', 'resume'),
  filter: QueueFilter,
  actor: Type.String(),
  at: Time,
  changed: Whole,
});
export const Suspension = closed({
  id: Id,
  filter: QueueFilter,
  reason: Type.String(),
  actor: Type.String(),
  by_operator: Type.Boolean({
    description: 'the operator of the service made it; only the operator can end it',
  }),
  created_at: Time,
  expires_at: End,
});
/** Where and how programs and mail clients connect to send. */
const Connect = closed({
  api_url: Type.String({ description: 'base URL of the HTTP API; HTTP Basic with a static key' }),
  smtp_host: Type.String({ description: 'host name of the SMTP submission service' }),
  smtp_ports: Type.Array(
    closed({
      port: Whole,
      tls: oneOf('implicit', 'starttls'),
    }),
    {
      description:
        '`implicit`: TLS from the first octet; `starttls`: STARTTLS before AUTH. The first is the best',
    },
  ),
  tls_min_version: oneOf('TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'),
  auth_mechanisms: Type.Array(oneOf('PLAIN', 'LOGIN')),
  user_name: Type.Literal('static_key.id', { description: 'the user name is the id of a static key' }),
  password: Type.Literal('static_key.secret', { description: 'the password is the secret of that key' }),
});
export const Settings = closed({
  retry_for_seconds: Whole,
  deferred_event_ages: Type.Array(Whole),
  over_limit: oneOf('reject', 'hold'),
  retention_days: Whole,
  connect: Connect,
});
