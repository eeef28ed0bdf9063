/** Messages, tasks, the queue and the project's mail settings: /mta/v1. */
import Type from 'typebox';
import { EXAMPLE, EXAMPLE_DOMAIN, exampleSelf } from '../example-ids.ts';
import { op } from '../operation.ts';
import { oneOf, PageQuery, WholeQuery } from '../parts.ts';
import {
  Message,
  MessageHead,
  QueueOperation,
  QueueResult,
  Queues,
  SendTask,
  Settings,
  Suspension,
  WaitingRecipient,
} from '../resources/mail.ts';
import { TaskQuery } from '../resources/tasks.ts';
import { MAX_RETENTION_DAYS, MIN_RETENTION_DAYS } from '../values.ts';

const message = { id: 'message' } as const;
const { self } = exampleSelf('/mta/v1/domains', 'domain');
const Mailboxes = Type.Array(Type.String({ maxLength: 2000 }), {
  maxItems: 1000,
  description: 'RFC 5322 mailboxes',
});
const Ids = Type.Array(Type.String({ maxLength: 998 }), {
  maxItems: 200,
  description: 'RFC 5322 message identifiers',
});

const SendMessage = Type.Object(
  {
    self: Type.String({
      maxLength: 2048,
      description: 'URL of the MTA domain that sends; the service ignores its host',
    }),
    from: Type.Optional(Mailboxes),
    sender: Type.Optional(Type.String({ maxLength: 2000 })),
    reply_to: Type.Optional(Mailboxes),
    to: Type.Optional(Mailboxes),
    cc: Type.Optional(Mailboxes),
    bcc: Type.Optional(Mailboxes),
    message_id: Type.Optional(Type.String({ maxLength: 998 })),
    in_reply_to: Type.Optional(Ids),
    references: Type.Optional(Ids),
    subject: Type.String({ maxLength: 10_000 }),
    priority: Type.Optional(
      Type.Enum(['high', 'normal'], {
        description:
          "high: sent before the project's other mail, both at each destination and among mail that is held over a limit (with SMTP: the header field MT-Priority, 1 to 9)",
      }),
    ),
    content_type: Type.String({ maxLength: 1000, description: 'text/* or multipart/*' }),
    additional_header: Type.Optional(
      Type.Record(Type.String(), Type.Array(Type.String({ maxLength: 100_000 }), { maxItems: 100 }), {
        maxProperties: 100,
      }),
    ),
    body: Type.String(),
    attachments: Type.Optional(
      Type.Array(
        Type.Object(
          {
            filename: Type.Optional(Type.String({ maxLength: 1000 })),
            content_type: Type.String({ minLength: 1, maxLength: 1000 }),
            content: Type.String({ description: 'base64' }),
          },
          { additionalProperties: false },
        ),
        { maxItems: 500 },
      ),
    ),
  },
  { additionalProperties: false },
);
const Send = Type.Object(
  { procedure: Type.Literal('send_message'), arguments: SendMessage },
  { additionalProperties: false, description: 'sends one message' },
);
const State = oneOf('queued', 'deferred', 'held');
const FilterFields = {
  site: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 500,
      description: 'destination site, as the queue list shows it',
    }),
  ),
  domain: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description: "the recipients' domain, in any spelling; no pattern",
    }),
  ),
  sender: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 500,
      description: 'the whole envelope sender, no pattern; <> for the empty one',
    }),
  ),
  accepted_before: Type.Optional(Type.String({ format: 'date-time' })),
  state: Type.Optional(State),
};
export const QueueFilterInput = Type.Object(FilterFields, { additionalProperties: false });
const WaitingQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
    cursor: Type.Optional(Type.String({ maxLength: 2000 })),
    ...FilterFields,
  },
  { additionalProperties: false },
);
const QueueScopeQuery = Type.Object(
  { instance: Type.Optional(Type.Boolean({ description: 'for operators: the mail of all projects' })) },
  { additionalProperties: false },
);
export const QueueRequest = Type.Object(
  {
    action: oneOf('retry', 'cancel', 'bounce', 'suspend', 'resume'),
    filter: Type.Optional(QueueFilterInput),
    all: Type.Optional(
      Type.Boolean({
        description:
          'true: everything that waits in the project. cancel, bounce and suspend need it if there is no filter; together with a filter it is refused',
      }),
    ),
    dry_run: Type.Optional(Type.Boolean({ description: 'true: only counts, and changes nothing' })),
    reason: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$',
      }),
    ),
    until: Type.Optional(
      Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
        description:
          'suspend: when the suspension ends, at most 366 days from now; null: when it is resumed; default: after 24 hours',
      }),
    ),
    expires_at: Type.Optional(
      Type.String({ format: 'date-time', description: 'suspend: the older name of `until`' }),
    ),
    suspension: Type.Optional(
      Type.String({
        description:
          'resume: the id of the suspension, from the answer to suspend. With a filter or `all` instead, resume ends all suspensions that concern only mail of the filter. Those that the operator of the service made stay',
      }),
    ),
  },
  { additionalProperties: false },
);
const SettingsChange = Type.Object(
  {
    retry_for_seconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 7 * 24 * 3600 })),
    deferred_event_ages: Type.Optional(
      Type.Array(Type.Integer({ minimum: 0, maximum: 7 * 24 * 3600 }), { maxItems: 50 }),
    ),
    over_limit: Type.Optional(oneOf('reject', 'hold')),
    retention_days: Type.Optional(
      Type.Integer({
        minimum: MIN_RETENTION_DAYS,
        maximum: MAX_RETENTION_DAYS,
        description:
          'days for which new messages, events, deliveries and tasks are kept; a message that can still wait in the queue is kept until it no longer can',
      }),
    ),
  },
  { additionalProperties: false },
);

export const listMessages = op({
  id: 'mta.messages.list',
  method: 'GET',
  path: '/mta/v1/messages',
  summary: 'lists messages, newest first',
  query: PageQuery,
  answers: { 200: { list: MessageHead } },
});
export const getMessage = op({
  id: 'mta.messages.get',
  method: 'GET',
  path: '/mta/v1/messages/{id}',
  summary: 'returns the trace of one message: recipients, attempts, results',
  params: message,
  query: WholeQuery,
  answers: { 200: { streamed: Message, tagged: true } },
  problems: ['too-busy'],
});
export const getRawMessage = op({
  id: 'mta.messages.raw.get',
  method: 'GET',
  path: '/mta/v1/messages/{id}/raw',
  permission: 'mta.messages.get',
  summary: 'returns the message itself',
  params: message,
  answers: { 200: { octets: 'message/rfc822' } },
});
export const createMtaTask = op({
  id: 'mta.domains.send',
  permission: { in: 'body', field: 'procedure', of: { send_message: 'mta.domains.send' } },
  method: 'POST',
  path: '/mta/v1/tasks',
  summary: 'sends one message',
  description:
    'With `is_sync=true`, the service answers when the message is stored durably, or with the error. Otherwise it answers at once with a task. Sending also needs the operations mta.domains.list and mta.domains.get.',
  query: TaskQuery,
  body: Send,
  answers: { 200: SendTask, 202: SendTask },
  problems: [
    'not-found',
    'message-too-large',
    'too-busy',
    'sender-domain',
    'sender-invalid',
    'author-invalid',
    'author-domain',
    'header-invalid',
    'loop',
    'limit-exceeded',
  ],
  examples: {
    text: {
      summary: 'plain text',
      value: {
        procedure: 'send_message',
        arguments: {
          self,
          from: [`Shop <shop@${EXAMPLE_DOMAIN}>`],
          to: ['Customer <customer@example.net>'],
          subject: 'Your order',
          content_type: 'text/plain; charset=UTF-8',
          body: 'Thank you.\n',
        },
      },
    },
    attachment: {
      summary: 'with an attachment and an additional header field',
      value: {
        procedure: 'send_message',
        arguments: {
          self,
          from: [`shop@${EXAMPLE_DOMAIN}`],
          to: ['customer@example.net'],
          bcc: [`archive@${EXAMPLE_DOMAIN}`],
          subject: '領収書',
          content_type: 'text/html; charset=UTF-8',
          additional_header: { 'Auto-Submitted': ['auto-generated'] },
          body: '<p>Thank you.</p>',
          attachments: [{ filename: 'receipt.txt', content_type: 'text/plain', content: 'MSBib29r' }],
        },
      },
    },
  },
});
export const getMtaTask = op({
  id: 'mta.tasks.get',
  method: 'GET',
  path: '/mta/v1/tasks/{id}',
  summary: 'returns one task',
  params: { id: 'sendTask' },
  answers: { 200: SendTask },
});
export const listQueues = op({
  id: 'mta.queues.list',
  method: 'GET',
  path: '/mta/v1/queues',
  summary: 'returns the queue by destination site',
  query: PageQuery,
  answers: { 200: { streamed: Queues } },
  problems: ['too-busy'],
});
export const listWaitingRecipients = op({
  id: 'mta.queues.recipients.list',
  method: 'GET',
  path: '/mta/v1/queues/recipients',
  permission: 'mta.queues.list',
  summary: 'lists the recipients that wait, each with its reason',
  query: WaitingQuery,
  answers: { 200: { list: WaitingRecipient, filtered: true } },
});
export const updateQueue = op({
  id: 'mta.queues.update',
  permission: {
    in: 'query',
    field: 'instance',
    of: { false: 'mta.queues.update', true: { operator: 'mta.queues.update_all' } },
  },
  method: 'POST',
  path: '/mta/v1/queues',
  summary:
    'retries, cancels, bounces or suspends the recipients that match a filter, or resumes suspensions; with `instance`, operators act on all projects',
  query: QueueScopeQuery,
  body: QueueRequest,
  answers: { 200: QueueResult },
  problems: ['not-found', 'too-many-suspensions', 'suspended-by-operator'],
  examples: {
    count: {
      summary: 'only count',
      value: { action: 'retry', filter: { domain: 'example.net' }, dry_run: true },
    },
    suspend: {
      summary: 'hold mail to a domain',
      value: { action: 'suspend', filter: { domain: 'example.org' }, reason: 'maintenance' },
    },
    hold: {
      summary: 'hold all mail of the project until it is resumed',
      value: { action: 'suspend', all: true, until: null, dry_run: true },
    },
    resume: {
      summary: 'end a suspension',
      value: { action: 'resume', suspension: EXAMPLE.suspension },
    },
  },
});
export const listQueueOperations = op({
  id: 'mta.queues.operations.list',
  method: 'GET',
  path: '/mta/v1/queues/operations',
  permission: 'mta.queues.list',
  summary: 'lists the operations on the queue, and who requested each',
  query: PageQuery,
  answers: { 200: { list: QueueOperation } },
});
export const listSuspensions = op({
  id: 'mta.queues.suspensions.list',
  method: 'GET',
  path: '/mta/v1/queues/suspensions',
  permission: 'mta.queues.list',
  summary: 'lists the active suspensions',
  query: WholeQuery,
  answers: { 200: { list: Suspension } },
});
export const getSettings = op({
  id: 'mta.settings.get',
  method: 'GET',
  path: '/mta/v1/settings',
  summary:
    "returns the project's settings for retries, limits and retention, and where programs connect to send",
  answers: { 200: Settings },
});
export const updateSettings = op({
  id: 'mta.settings.update',
  method: 'PATCH',
  path: '/mta/v1/settings',
  summary: 'changes the given fields',
  body: SettingsChange,
  answers: { 200: Settings },
  examples: {
    patience: {
      summary: 'retry for two days, keep for ninety',
      value: { retry_for_seconds: 172_800, retention_days: 90 },
    },
  },
});
