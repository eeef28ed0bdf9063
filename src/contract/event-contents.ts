/** The schema of the `content` of each event. Times are ISO 8601. event-examples.ts has an example of each. */
import Type, { type Static, type TSchema, type TUnsafe } from 'typebox';
import type { EventName } from './events.ts';
import type { Answered } from './operation.ts';
import { closed, Id, Open, oneOf, orNull, Time, Url, Whole } from './parts.ts';

const Mailboxes = Type.Array(closed({ name: orNull(Type.String()), address: Type.String() }));
const Text = (what: string) =>
  orNull(
    Type.String({ description: `${what}, at most 256 KiB, with LF line ends; null: the message has none` }),
  );
const Parsed = closed(
  {
    subject: orNull(Type.String()),
    date: orNull(Time),
    from: Mailboxes,
    sender: Mailboxes,
    reply_to: Mailboxes,
    to: Mailboxes,
    cc: Mailboxes,
    text: Text('the text'),
    html: Text('the HTML, unchanged'),
    attachments: Type.Array(
      closed({
        name: orNull(Type.String()),
        content_type: Type.String(),
        disposition: orNull(Type.String()),
        content_id: orNull(Type.String({ description: 'without angle brackets' })),
        size: { ...Whole, description: 'octets, decoded' },
      }),
      {
        description: "every part that is not in `text` or `html`, in the order of the event's `attachments`",
      },
    ),
  },
  'the decoded message',
);
/** The domain in an event. null: the message belongs to no domain. */
const Domain = closed({ id: Id, name: Type.String() });
/** The fields of a message that an event shows. */
const Shown = {
  header_list: Type.Array(closed({ raw_name: Type.String(), raw_value: Type.String() })),
  header_map: Type.Record(Type.String(), Type.Array(Type.String()), {
    description: 'values by field name, as first written in the message; values are unfolded',
  }),
  body: Type.Optional(Type.String({ description: 'the part of the message after the header; not in lists' })),
  body_encoding: Type.Optional(Type.Literal('base64', { description: 'present if the body is not UTF-8' })),
  domain: orNull(Domain),
  envelope: closed({ mail_from: Type.String(), recipients: Type.Array(Type.String()) }),
  id: Id,
  message_id: Type.String({ description: 'Message-ID, with angle brackets' }),
  raw_url: Url,
  parsed: Parsed,
  defects: Type.Optional(
    Type.Array(Type.String(), {
      description:
        'errors in the message and what `parsed` leaves out because of its limits; docs/api.md lists them',
    }),
  ),
};
const Incoming = closed({
  ...Shown,
  rule: orNull(
    closed(
      { id: Id, type: oneOf('account', 'all', 'catch_all'), local_part: orNull(Type.String()) },
      "null: no rule matched; the event goes to the domain's default topic",
    ),
  ),
  authentication: Open('the results of the SPF, DKIM and DMARC checks'),
});
const Outgoing = closed({ ...Shown, rule: closed({ id: Id }) });

const delivery = {
  id: { ...Id, description: 'id of the message' },
  message_id: Type.String({ description: 'Message-ID, with angle brackets' }),
  domain: orNull(Domain),
  recipient: closed({ id: Id, address: Type.String() }),
  sender: Type.String(),
  attempt: { ...Whole, description: 'number of the attempt; 0: no attempt was made' },
  remote: Type.Optional(closed({ host: Type.String(), address: Type.String(), port: Whole })),
  tls: Type.Optional(
    orNull(closed({ version: Type.String(), cipher: Type.String(), verified: Type.Boolean() })),
  ),
  reply: Type.Optional(
    closed({ code: Whole, enhanced: orNull(Type.String()), text: Type.String() }, 'the reply of the server'),
  ),
  converted: Type.Optional(
    Type.Boolean({
      description:
        'true: the server lacks 8BITMIME or SMTPUTF8 and got the message in another form than is stored',
    }),
  ),
  classification: Type.Optional(Type.String()),
  cause: Type.Optional(Type.String()),
  next_attempt_at: Type.Optional(Time),
};
export const DeliveryContent = closed(delivery);

const Words = { message: Type.Optional(Type.String()), message_ja: Type.Optional(Type.String()) };
export const DomainContent = closed({
  domain: { ...Type.String(), description: 'A-labels' },
  problems: Type.Optional(
    Type.Array(
      closed({
        item: oneOf('mx', 'spf', 'dkim', 'ownership'),
        status: Type.String(),
        expected: Type.Array(Type.String()),
        found: Type.Array(Type.String()),
        ...Words,
      }),
      { description: 'records that are missing or wrong' },
    ),
  ),
  checked_at: Type.Optional(Time),
  ends_at: Type.Optional(
    Type.String({
      format: 'date-time',
      description: 'when the ownership ends if the record is not published again',
    }),
  ),
  ...Words,
});
export const KeyContent = closed({
  domain: { ...Type.String(), description: 'A-labels' },
  stage: Type.Enum(['pending', 'active', 'retired'], { description: 'the new state of the key' }),
  selector: Type.String(),
  record: closed({ name: Type.String(), type: oneOf('CNAME', 'TXT'), value: Type.String() }),
  message: Type.String(),
  message_ja: Type.String(),
});

const window = oneOf('minute', 'day');
export const LimitContent = closed({
  window,
  scope: oneOf('project', 'domain'),
  domain: orNull(Domain),
  limit: Whole,
  used: { ...Whole, description: 'recipients counted in the window' },
  at: Time,
  room_returns_at: Type.String({
    format: 'date-time',
    description:
      'limit.approaching: when the oldest counted recipient leaves the window; limit.exceeded: when the message that did not fit would fit',
  }),
});
const Limits = closed({ per_minute: Whole, per_day: Whole }, '0: no limit');
export const LimitRaisedContent = closed({
  scope: Type.Literal('project'),
  before: Limits,
  after: Limits,
  windows: Type.Array(
    closed({
      window,
      limit: Whole,
      used: Whole,
      room_returns_at: orNull(Type.String({ format: 'date-time', description: 'null: there is room now' })),
    }),
  ),
  request: orNull(closed({ id: Id }, 'the request that was approved; null: there was no request')),
});
const Published = closed({ message: Type.String() });

export const EVENT_CONTENTS = {
  incoming: Incoming,
  outgoing: Outgoing,
  accepted: DeliveryContent,
  delivered: DeliveryContent,
  deferred: DeliveryContent,
  bounced: DeliveryContent,
  expired: DeliveryContent,
  held: DeliveryContent,
  cancelled: DeliveryContent,
  'domain.verified': DomainContent,
  'domain.dns_error': DomainContent,
  'domain.dns_recovered': DomainContent,
  'dkim.rotated': KeyContent,
  'limit.approaching': LimitContent,
  'limit.exceeded': LimitContent,
  'limit.raised': LimitRaisedContent,
  publish: Published,
} as const satisfies Record<EventName, TSchema>;

/** The content of an event with this name. */
export type EventContent<N extends EventName> = Answered<(typeof EVENT_CONTENTS)[N]>;
/** The content of an event with any name. */
export const AnyContent = Type.Union([...new Set<TSchema>(Object.values(EVENT_CONTENTS))], {
  description: 'as the event of that name has it: see `webhooks`',
}) as unknown as TUnsafe<Static<(typeof EVENT_CONTENTS)[EventName]>>;
