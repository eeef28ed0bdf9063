/** What an event says of the message it shows, as the documents have it. */
import Type from 'typebox';
import { closed, orNull, Time, Whole } from './parts.ts';

const Mailboxes = Type.Array(closed({ name: orNull(Type.String()), address: Type.String() }));
const Text = (what: string) =>
  orNull(Type.String({ description: `${what}, at most 256 KiB, line ends as LF; null: there is none` }));

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
    html: Text('the HTML, as it came'),
    attachments: Type.Array(
      closed({
        name: orNull(Type.String()),
        content_type: Type.String(),
        disposition: orNull(Type.String()),
        content_id: orNull(Type.String({ description: 'without angle brackets' })),
        size: { ...Whole, description: 'octets, decoded' },
      }),
      {
        description:
          'every part that is not shown as text or HTML, in the order of `attachments` of the event',
      },
    ),
  },
  'the message decoded; of events that show one',
);

export const EventContent = Type.Object(
  {
    parsed: Type.Optional(Parsed),
    defects: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'what is not as it should be with the message, or was left out of `parsed`; docs/api.md lists them',
      }),
    ),
  },
  { additionalProperties: true, description: 'as the event of that name has it' },
);
