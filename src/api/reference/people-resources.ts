/** Resources of people and access as they are rendered (people-views.ts, roles.ts, audit.ts, project-export.ts). */
import Type, { type TSchema } from 'typebox';
import { LANGUAGES } from '../../iam/people-types.ts';
import { closed, Id, oneOf, orNull, Time, Url, Whole, Words } from './parts.ts';

const Open = (description: string) => Type.Object({}, { additionalProperties: true, description });
const Roles = Type.Array(Type.String(), { description: 'names of roles, or single operations' });
const Operations = Type.Array(Type.String());
const Email = Type.String({ description: 'in lower case' });
const Day = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\d$', description: 'a day of UTC' });
const Csrf = { csrf_token: Type.String({ description: 'for the header Hikyaku-CSRF of every change' }) };
const ShownOnce = orNull(
  Type.String({ description: 'shown only now; null where an earlier answer is repeated' }),
);
const Account = {
  id: Id,
  email: Email,
  name: Type.String(),
  language: oneOf(...LANGUAGES),
  instance_roles: Type.Array(Type.String(), { description: 'of the instance: operator, or none' }),
  created_at: Time,
};
const Passkey = { id: Id, self: Url, name: Type.String(), created_at: Time, last_used_at: orNull(Time) };
const Invitation = {
  id: Id,
  self: Url,
  email: Email,
  roles: Roles,
  invited_by: Type.String({ description: 'an e-mail address, or the name of an API client' }),
  created_at: Time,
  expires_at: Time,
};
const Session = Type.Union(
  [
    closed({ state: Type.Literal('signed_out') }),
    closed({
      state: Type.Literal('second_factor'),
      methods: Type.Array(oneOf('passkey', 'totp', 'recovery')),
      ...Csrf,
    }),
    closed({
      state: Type.Literal('set_up'),
      member: closed(Account),
      missing: Type.Array(oneOf('password', 'second_factor')),
      ...Csrf,
    }),
    closed({
      state: Type.Literal('signed_in'),
      member: closed(Account),
      projects: Type.Array(
        closed({ id: Id, self: Url, name: Type.String(), roles: Roles, closed_at: orNull(Time) }),
      ),
      ...Csrf,
    }),
  ],
  { description: 'how far the caller has come' },
);
const AuditEvent = closed({
  id: Id,
  actor: closed({
    type: oneOf('api_client', 'member', 'command', 'unknown'),
    id: orNull(Id),
    name: Type.Optional(
      orNull(
        Type.String({
          description:
            "as it is called now: a member's e-mail, an API client's name; in lists, not in exports",
        }),
      ),
    ),
  }),
  operation: Type.String(),
  target: Type.String({ description: 'path of what was changed or made' }),
  address: orNull(Type.String()),
  fields: Type.Array(Type.String(), { description: 'names of the fields of the body, never values' }),
  outcome: oneOf('succeeded', 'failed'),
  at: Time,
});

export const PEOPLE_RESOURCES = {
  Session,
  Account: closed({
    ...Account,
    has_password: Type.Boolean(),
    has_totp: Type.Boolean(),
    passkeys: Type.Array(closed(Passkey)),
    recovery_codes_left: Whole,
  }),
  ChangedAccount: closed(Account),
  NewTotp: closed(
    { secret: Type.String(), uri: Type.String({ description: 'otpauth:, for a QR code' }) },
    'shown only now',
  ),
  Passkey: closed(Passkey),
  NewPasskey: closed({ ...Passkey, session: Session }),
  /** WebAuthn Level 3 §5.4, as JSON. */
  PasskeyCreation: Type.Object(
    {
      challenge: Type.String(),
      rp: closed({ id: Type.String(), name: Type.String() }),
      user: closed({ id: Type.String(), name: Type.String(), displayName: Type.String() }),
      excludeCredentials: Type.Array(Open('a passkey there is')),
    },
    { additionalProperties: true, description: 'PublicKeyCredentialCreationOptionsJSON (WebAuthn)' },
  ),
  /** WebAuthn Level 3 §5.5, as JSON. */
  PasskeyRequest: Type.Object(
    {
      challenge: Type.String(),
      rpId: Type.String(),
      allowCredentials: Type.Array(Open('a passkey there is')),
    },
    { additionalProperties: true, description: 'PublicKeyCredentialRequestOptionsJSON (WebAuthn)' },
  ),
  RecoveryCodes: closed({ codes: Type.Array(Type.String()) }, 'shown only now'),
  OwnSession: closed({
    id: Id,
    self: Url,
    state: oneOf('second_factor', 'set_up', 'signed_in'),
    current: Type.Boolean({ description: 'the one that asks' }),
    created_at: Time,
    last_used_at: Time,
    expires_at: Time,
    address: Type.String(),
    agent: Type.String(),
  }),
  Member: closed({ id: Id, self: Url, email: Email, name: Type.String(), roles: Roles, created_at: Time }),
  MemberReset: closed({ email: Email, sign_in_url: Url }, 'the link is shown only now'),
  Invitation: closed(Invitation),
  NewInvitation: closed({
    ...Invitation,
    mailed: Type.Boolean({ description: 'the link is on its way to the address' }),
    sign_in_url: ShownOnce,
  }),
  Role: closed({
    id: Id,
    self: Url,
    name: Type.String(),
    predefined: Type.Literal(false),
    operations: Operations,
    created_at: Time,
  }),
  ListedRole: Type.Union([
    closed({
      id: Id,
      self: Url,
      name: Type.String(),
      predefined: Type.Literal(false),
      operations: Operations,
      created_at: Time,
    }),
    closed({
      id: Type.Null(),
      name: Type.String(),
      predefined: Type.Literal(true),
      operations: Operations,
    }),
  ]),
  PolicyOperation: closed({
    name: Type.String(),
    operator: Type.Boolean({ description: "of the instance's operators alone" }),
  }),
  AuditEvent,
  Project: closed({
    id: Id,
    self: Url,
    name: Type.String(),
    sandbox: Type.Boolean(),
    closed_at: orNull(Time),
    created_at: Time,
  }),
  ListedProject: closed({
    id: Id,
    self: Url,
    name: Type.String(),
    sandbox: Type.Boolean(),
    closed_at: orNull(Time),
    created_at: Time,
    roles: Type.Optional(Type.Array(Type.String(), { description: 'a member is told his roles in it' })),
  }),
  ProjectExport: closed(
    {
      format: Type.Literal('hikyaku-project'),
      version: Type.Literal(1),
      taken_at: Time,
      project: Open('as GET /iam/v1/projects/{id} has it'),
      domains: Type.Array(Open('as GET /iam/v1/domains/{id} has it')),
      mta_domains: Type.Array(Open('as GET /mta/v1/domains/{id} has it, with its rules and DKIM records')),
      event_rules: Type.Array(Open('as GET /mta/v1/event_rules/{rule} has it')),
      topics: Type.Array(Open('as GET /edj/v1/topics/{id} has it, with its subscribers')),
      api_clients: Type.Array(Open('as GET /iam/v1/api_clients/{id} has it, with its static keys')),
      roles: Type.Array(closed({ name: Type.String(), operations: Operations })),
      members: Type.Array(closed({ email: Email, name: Type.String(), roles: Roles })),
      audit_events: Type.Array(AuditEvent),
    },
    'no secret is in it',
  ),
  StaticKey: closed({
    id: Id,
    self: Url,
    expires_at: orNull(Time),
    last_used_at: orNull(Day),
    created_at: Time,
  }),
  NewStaticKey: closed({
    id: Id,
    self: Url,
    expires_at: orNull(Time),
    last_used_at: orNull(Day),
    created_at: Time,
    secret: ShownOnce,
  }),
  OwnedDomain: closed({
    id: Id,
    self: Url,
    name: Type.String({ description: 'A-labels' }),
    unicode_name: Type.String(),
    warning: orNull(
      closed(
        {
          code: oneOf('mixed_script', 'confusable', 'unusual_script'),
          ...Words,
        },
        'a label that could be taken for another',
      ),
    ),
    verified: Type.Boolean(),
    verified_at: orNull(Time),
    ownership: closed(
      {
        name: Type.String(),
        type: Type.Literal('TXT'),
        value: Type.String(),
        seen_at: orNull(Time),
        checked_at: orNull(Time),
        lost_since: orNull(Time),
        ended: orNull(oneOf('moved', 'lost')),
        message: Type.Optional(Type.String({ description: 'where something is not well' })),
        message_ja: Type.Optional(Type.String()),
      },
      'the record that proves it, and what DNS said of it',
    ),
    next_step: orNull(closed({ code: oneOf('publish_challenge', 'verify_again'), ...Words })),
    created_at: Time,
  }),
} as const satisfies Record<string, TSchema>;
