/** The resources for topics, subscribers, events and deliveries. */
import Type from 'typebox';
import { AnyContent } from '../event-contents.ts';
import { EVENT_NAMES } from '../events.ts';
import { kindName, withShown } from '../kinds.ts';
import { Broken, closed, Id, Open, oneOf, orNull, Time, Url, Whole } from '../parts.ts';

const SubscriberFields = {
  id: Id,
  self: Url,
  type: kindName('subscriber'),
  created_at: Time,
  failing_since: orNull({
    ...Time,
    description: 'it has taken nothing since then, for a minute at least; null: it takes events',
  }),
  paused_at: orNull({
    ...Time,
    description: 'it is sent nothing since then, and its events wait; null: it is not paused',
  }),
};

const Secret = orNull(
  Type.String({ description: 'shown only in this answer; null if the service repeats an earlier answer' }),
);

const EventFields = {
  '@version': Type.Literal('1', { description: 'version of this form' }),
  id: { ...Id, description: 'id of the event; an event that comes again has the same' },
  service: { ...oneOf('mta', 'edj'), description: 'the service that publishes the event' },
  name: { ...oneOf(...EVENT_NAMES), description: 'name of the event' },
  summary: Type.String({ description: 'a text for people, at most 8 KiB, with LF line ends' }),
  content: AnyContent,
  attachments: Type.Array(
    closed({
      content_type: Type.String({ description: 'media type' }),
      filename: Type.Optional(Type.String({ description: 'file name; empty: it has none' })),
      encoding: { ...oneOf('7bit', '8bit', 'base64'), description: 'how `content` is encoded' },
      content: Type.String({ description: 'empty unless the request or the subscriber has `inline`' }),
    }),
    { description: 'attachments of the message' },
  ),
  created_at: { ...Time, description: 'when the event was published' },
  expires_at: Type.Optional({ ...Time, description: 'the event is not delivered after this time' }),
};

export const Topic = closed({ id: Id, self: Url, name: Type.String(), created_at: Time });

/** With those settings of its kind that may be shown. */
export const Subscriber = withShown('subscriber', { ...SubscriberFields, broken: Broken });

export const NewSubscriber = withShown('subscriber', { ...SubscriberFields, secret: Secret });

export const Delivery = closed({
  id: Id,
  event_id: Id,
  state: oneOf('pending', 'retry', 'done', 'dead'),
  attempts: Whole,
  next_attempt_at: orNull(Time),
  last_result: orNull(Open('the status, the beginning of the answer, or the error')),
  created_at: Time,
});

/** What a subscriber would be sent for a sample of an event. */
export const SubscriberPreview = closed({
  event: oneOf(...EVENT_NAMES),
  method: {
    ...oneOf('POST', 'SMTP'),
    description:
      'SMTP: a message; `url` has its recipients, `headers` its header, `body` all after the header',
  },
  url: Type.String(),
  headers: Type.Array(closed({ name: Type.String(), value: Type.String() })),
  body: Type.String({ description: '`***` stands for each secret, also in `url` and `headers`' }),
});
/** How a subscriber answered a sample. */
export const SubscriberTest = closed({
  event: oneOf(...EVENT_NAMES),
  outcome: Type.Enum(['done', 'later', 'refused', 'gone', 'failed'], {
    description:
      'what the answer means. done: the event was taken; later: a delivery would be tried again; refused: this event would not be tried again; gone: the subscriber no longer takes any; failed: there was no answer, so a delivery would be tried again',
  }),
  status: orNull(Whole),
  answer: orNull(
    Type.String({
      description:
        'the first 512 octets, without the secrets; by mail: the id of the message, or why there is none',
    }),
  ),
  error: orNull(closed({ code: Type.String(), detail: Type.String() })),
  duration_ms: Whole,
});

export const Event = closed(EventFields);

export const WholeEvent = closed({
  ...EventFields,
  short: Type.Optional(Type.String({ description: 'the same as `summary`; only in hooks; deprecated' })),
  raw: Type.Optional({ ...AnyContent, description: 'the same as `content`; only in hooks; deprecated' }),
  topic_id: Type.Optional({ ...Id, description: 'id of the topic; only in hooks; deprecated' }),
});
