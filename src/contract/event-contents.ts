/** The schema of the `content` of each event. Times are ISO 8601. event-examples.ts has an example of each. */
import Type, { type Static, type TSchema, type TUnsafe } from 'typebox';
import type { EventName } from './events.ts';
import type { Answered } from './operation.ts';
import { closed, Id, Open, oneOf, orNull, Time, Url, Whole } from './parts.ts';
import { CLASSIFICATIONS } from './values.ts';

/** The schema with another description. */
const told = <S extends TSchema>(schema: S, description: string): S => ({ ...schema, description });
const text = (description: string) => Type.String({ description });
const mailboxes = (field: string) =>
  Type.Array(
    closed({
      name: orNull(Type.String(), 'display name, decoded'),
      address: text('the address'),
    }),
    { description: `the mailboxes of ${field}; empty: there are none` },
  );
const Text = (what: string) =>
  orNull(text(`${what}, at most 256 KiB, with LF line ends; null: the message has none`));
const Parsed = closed(
  {
    subject: orNull(Type.String(), 'decoded; null: the message has none'),
    date: orNull(Time, 'the time in Date; null: the message has none that can be read'),
    from: mailboxes('From'),
    sender: mailboxes('Sender'),
    reply_to: mailboxes('Reply-To'),
    to: mailboxes('To'),
    cc: mailboxes('Cc'),
    text: Text('the text'),
    html: Text('the HTML, unchanged'),
    attachments: Type.Array(
      closed({
        name: orNull(Type.String(), 'file name; null: it has none'),
        content_type: text('media type'),
        disposition: orNull(Type.String(), '`attachment`, `inline` or another word of the message'),
        content_id: orNull(Type.String({ description: 'without angle brackets' })),
        size: told(Whole, 'octets, decoded'),
      }),
      {
        description: "every part that is not in `text` or `html`, in the order of the event's `attachments`",
      },
    ),
  },
  'the decoded message',
);
const OF_DOMAIN = 'the domain of the project; null: the message belongs to none';
const Domain = closed({ id: told(Id, 'id of the domain in `/mta/v1/domains`'), name: text('A-labels') });
/** The fields of a message that an event shows. */
const Shown = {
  header_list: Type.Array(
    closed({
      raw_name: text('name as written in the message'),
      raw_value: text('value as written, with its white space and folds'),
    }),
    { description: 'the header fields in their order, undecoded' },
  ),
  header_map: Type.Record(Type.String(), Type.Array(Type.String()), {
    description: 'values by field name, as first written in the message; values are unfolded',
  }),
  body: Type.Optional(Type.String({ description: 'the part of the message after the header; not in lists' })),
  body_encoding: Type.Optional(Type.Literal('base64', { description: 'present if the body is not UTF-8' })),
  domain: orNull(Domain, OF_DOMAIN),
  envelope: closed(
    {
      mail_from: text('address of MAIL FROM; empty: the null return path'),
      recipients: Type.Array(Type.String(), {
        description: 'addresses of RCPT TO; `incoming`: those that the rule matches',
      }),
    },
    'the SMTP envelope',
  ),
  id: told(Id, 'id of the message'),
  message_id: text('Message-ID, with angle brackets'),
  raw_url: told(Url, 'GET returns the whole message; permission `mta.messages.get`'),
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
      {
        id: told(Id, 'id of the rule'),
        type: told(oneOf('account', 'all', 'catch_all'), 'kind of the rule'),
        local_part: orNull(Type.String(), 'of an account rule'),
      },
      "the receive rule that matched; null: none did, and the event goes to the domain's default topic",
    ),
  ),
  authentication: Open('the results of the SPF, DKIM and DMARC checks'),
});
const Outgoing = closed({
  ...Shown,
  rule: closed({ id: told(Id, 'id of the rule') }, 'the send rule'),
});

export const DeliveryContent = closed({
  id: told(Id, 'id of the message'),
  message_id: text('Message-ID, with angle brackets'),
  domain: orNull(Domain, OF_DOMAIN),
  recipient: closed(
    { id: told(Id, 'id of the recipient within the message'), address: text('the address') },
    'the recipient',
  ),
  sender: text('address of MAIL FROM; empty: the null return path'),
  sequence: told(
    Whole,
    'grows with each event of this recipient, with gaps; a receiver sorts by it. `accepted` has 1',
  ),
  attempt: told(Whole, 'number of the attempt; 0: no attempt was made'),
  remote: Type.Optional(
    closed(
      { host: text('host name'), address: text('IP address'), port: told(Whole, 'TCP port') },
      'the server that was asked; absent: no server was reached, or none was needed',
    ),
  ),
  tls: Type.Optional(
    orNull(
      closed({
        version: text('such as `TLSv1.3`'),
        cipher: text('cipher suite, as OpenSSL calls it'),
        verified: Type.Boolean({ description: 'whether the certificate is valid for the host' }),
      }),
      'TLS of the connection; null: it had none',
    ),
  ),
  reply: Type.Optional(
    closed(
      {
        code: told(Whole, 'reply code (RFC 5321)'),
        enhanced: orNull(Type.String(), 'enhanced status code (RFC 3463); null: the reply has none'),
        text: text('the rest of the reply'),
      },
      'the reply of the server',
    ),
  ),
  converted: Type.Optional(
    Type.Boolean({
      description:
        'true: the server lacks 8BITMIME or SMTPUTF8 and got the message in another form than is stored',
    }),
  ),
  classification: Type.Optional(told(oneOf(...CLASSIFICATIONS), 'what the reply, or its absence, means')),
  cause: Type.Optional(text('why, in words')),
  next_attempt_at: Type.Optional(told(Time, 'when the service tries again')),
});

const message = text('what to do, in English');
const message_ja = text('the same in Japanese');
const Words = { message: Type.Optional(message), message_ja: Type.Optional(message_ja) };
export const DomainContent = closed({
  domain: { ...Type.String(), description: 'A-labels' },
  problems: Type.Optional(
    Type.Array(
      closed({
        item: told(oneOf('mx', 'spf', 'dkim', 'ownership'), 'what the record is for'),
        status: text('what is wrong, in one word'),
        expected: Type.Array(Type.String(), { description: 'what should be there' }),
        found: Type.Array(Type.String(), { description: 'what is there' }),
        ...Words,
      }),
      { description: 'records that are missing or wrong' },
    ),
  ),
  checked_at: Type.Optional(told(Time, 'time of the check')),
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
  selector: text('selector of the key'),
  record: closed(
    {
      name: text('name of the record'),
      type: told(oneOf('CNAME', 'TXT'), 'its type'),
      value: text('its value'),
    },
    'the DNS record of the key',
  ),
  message,
  message_ja,
});

const window = told(oneOf('minute', 'day'), '60 seconds or 24 hours');
export const LimitContent = closed({
  window,
  scope: told(oneOf('project', 'domain'), 'whose limit it is'),
  domain: orNull(Domain, 'null: it is the limit of the project'),
  limit: told(Whole, 'recipients that the window allows'),
  used: told(Whole, 'recipients counted in the window'),
  at: told(Time, 'when it happened'),
  room_returns_at: Type.String({
    format: 'date-time',
    description:
      'limit.approaching: when the oldest counted recipient leaves the window; limit.exceeded: when the message that did not fit would fit',
  }),
});
const limits = (description: string) =>
  closed(
    {
      per_minute: told(Whole, 'recipients in 60 seconds; 0: no limit'),
      per_day: told(Whole, 'recipients in 24 hours; 0: no limit'),
    },
    description,
  );
export const LimitRaisedContent = closed({
  scope: Type.Literal('project', { description: 'whose limits they are' }),
  before: limits('the limits until now'),
  after: limits('the limits now'),
  windows: Type.Array(
    closed({
      window,
      limit: told(Whole, 'recipients that the window allows; 0: no limit'),
      used: told(Whole, 'recipients counted in the window'),
      room_returns_at: orNull(Type.String({ format: 'date-time', description: 'null: there is room now' })),
    }),
    { description: 'the windows whose limit was raised' },
  ),
  request: orNull(
    closed({ id: told(Id, 'id of the request') }),
    'the request that was approved; null: there was no request',
  ),
});
const Published = closed({ message: text('the published text') });

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
