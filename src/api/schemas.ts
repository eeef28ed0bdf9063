/** JSON schemas shared by the resources; the OpenAPI documents come from these same objects. */
import Type from 'typebox';

export const Self = Type.Object(
  { self: Type.String({ maxLength: 2048, description: 'absolute URL of the resource' }) },
  { additionalProperties: false },
);
export const PageQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
    cursor: Type.Optional(Type.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
);
/** Of lists that are rarely long: without a limit, as much as one may ask for. */
export const WholeQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 500 })),
    cursor: Type.Optional(Type.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
);
export const TaskQuery = Type.Object(
  {
    is_sync: Type.Optional(Type.Boolean({ description: 'true: answer when the outcome is durable' })),
  },
  { additionalProperties: false },
);
/** Shown to people and put into logs: no control characters, no line or paragraph separators. */
export const ResourceName = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$',
});
export const IdParams = Type.Object({ id: Type.String() });
export const AnyObject = Type.Object({}, { additionalProperties: true });
export const List = Type.Object({
  items: Type.Array(AnyObject),
  next_cursor: Type.Union([Type.String(), Type.Null()]),
});
const Mailboxes = Type.Array(Type.String({ maxLength: 2000 }), {
  maxItems: 1000,
  description: 'RFC 5322 mailboxes',
});
const Ids = Type.Array(Type.String({ maxLength: 998 }), {
  maxItems: 200,
  description: 'RFC 5322 message identifiers',
});

export const SendMessage = Type.Object(
  {
    self: Type.String({
      maxLength: 2048,
      description: 'URL of the MTA domain that sends; its host is not looked at',
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
      Type.Union([Type.Literal('high'), Type.Literal('normal')], {
        description:
          "high: ahead of the project's other mail, at each destination and among what is held over the limit (by SMTP: the header field MT-Priority, 1 to 9)",
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
export const MtaTask = Type.Object(
  { procedure: Type.Literal('send_message'), arguments: SendMessage },
  { additionalProperties: false, description: 'sends one message' },
);
export const EdjTask = Type.Object(
  {
    procedure: Type.Literal('publish'),
    arguments: Type.Object(
      {
        self: Type.String({ maxLength: 2048, description: 'URL of the topic' }),
        message: Type.String({ maxLength: 1_000_000 }),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false, description: 'publishes a text to a topic' },
);
export const Language = Type.Union([Type.Literal('ja'), Type.Literal('en')]);
/** Names of predefined roles, single operations, custom roles of the project. */
export const RoleNames = Type.Array(Type.String({ maxLength: 100 }), { maxItems: 50 });
