/** The resources for people, roles, projects, the audit log, API clients and domain ownership. */
import Type from 'typebox';
import { closed, Id, Open, oneOf, orNull, Time, Url, Whole, Words } from '../parts.ts';
import { LANGUAGES } from '../values.ts';

const Roles = Type.Array(Type.String(), { description: 'names of roles or of single operations' });
const Operations = Type.Array(Type.String());
const Email = Type.String({ description: 'in lower case' });
const Day = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\d$', description: 'a day in UTC' });
const Csrf = {
  csrf_token: Type.String({
    description: 'for the header Hikyaku-CSRF of every request that changes something',
  }),
};
const ShownOnce = orNull(
  Type.String({ description: 'shown only in this answer; null if the service repeats an earlier answer' }),
);
const AccountFields = {
  id: Id,
  email: Email,
  name: Type.String(),
  language: oneOf(...LANGUAGES),
  instance_roles: Type.Array(Type.String(), {
    description: 'roles for the whole instance: `operator`, or an empty list',
  }),
  created_at: Time,
};
const PasskeyFields = {
  id: Id,
  self: Url,
  name: Type.String(),
  created_at: Time,
  last_used_at: orNull(Time),
};
const InvitationFields = {
  id: Id,
  self: Url,
  email: Email,
  roles: Roles,
  invited_by: Type.String({ description: 'an e-mail address, or the name of an API client' }),
  created_at: Time,
  expires_at: Time,
};
export const Session = Type.Union(
  [
    closed({ state: Type.Literal('signed_out') }),
    closed({
      state: Type.Literal('second_factor'),
      methods: Type.Array(oneOf('passkey', 'totp', 'recovery')),
      ...Csrf,
    }),
    closed({
      state: Type.Literal('set_up'),
      member: closed(AccountFields),
      missing: Type.Array(oneOf('password', 'second_factor')),
      ...Csrf,
    }),
    closed({
      state: Type.Literal('signed_in'),
      member: closed(AccountFields),
      projects: Type.Array(
        closed({ id: Id, self: Url, name: Type.String(), roles: Roles, closed_at: orNull(Time) }),
      ),
      ...Csrf,
    }),
  ],
  { description: 'how far the caller has signed in' },
);
export const AuditEvent = closed({
  id: Id,
  actor: closed({
    type: oneOf('api_client', 'member', 'command', 'unknown'),
    id: orNull(Id),
    name: Type.Optional(
      orNull(
        Type.String({
          description:
            'the present e-mail address of the member, or the present name of the API client; in lists, not in exports',
        }),
      ),
    ),
  }),
  operation: Type.String(),
  target: Type.String({ description: 'path of the resource that was changed or created, or was to be' }),
  address: orNull(Type.String()),
  fields: Type.Array(Type.String(), { description: 'names of the fields in the body, never their values' }),
  outcome: oneOf('succeeded', 'failed'),
  reason: orNull(
    Type.String({
      description:
        'why the caller was refused: the type of the problem and its detail; null for everything else that succeeded or failed',
    }),
  ),
  times: Type.Integer({
    minimum: 1,
    description:
      'how many attempts of the caller at the operation this entry stands for; 1 unless they were refused',
  }),
  at: Time,
});

export const Account = closed({
  ...AccountFields,
  has_password: Type.Boolean(),
  has_totp: Type.Boolean(),
  passkeys: Type.Array(closed(PasskeyFields)),
  recovery_codes_left: Whole,
  confirmed_until: Type.String({
    format: 'date-time',
    description: 'until then, ways to sign in may be changed without another confirmation',
  }),
});
export const ChangedAccount = closed(AccountFields);
export const NewTotp = closed(
  { secret: Type.String(), uri: Type.String({ description: 'otpauth: URI, for a QR code' }) },
  'shown only in this answer',
);
export const Passkey = closed(PasskeyFields);
export const NewPasskey = closed({ ...PasskeyFields, session: Session });
/** WebAuthn Level 3 §5.4, as JSON. */
export const PasskeyCreation = Type.Object(
  {
    challenge: Type.String(),
    rp: closed({ id: Type.String(), name: Type.String() }),
    user: closed({ id: Type.String(), name: Type.String(), displayName: Type.String() }),
    excludeCredentials: Type.Array(Open('an existing passkey')),
  },
  { additionalProperties: true, description: 'PublicKeyCredentialCreationOptionsJSON (WebAuthn)' },
);
/** WebAuthn Level 3 §5.5, as JSON. */
export const PasskeyRequest = Type.Object(
  {
    challenge: Type.String(),
    rpId: Type.String(),
    allowCredentials: Type.Array(Open('an existing passkey')),
  },
  { additionalProperties: true, description: 'PublicKeyCredentialRequestOptionsJSON (WebAuthn)' },
);
export const RecoveryCodes = closed({ codes: Type.Array(Type.String()) }, 'shown only in this answer');
export const OwnSession = closed({
  id: Id,
  self: Url,
  state: oneOf('second_factor', 'set_up', 'signed_in'),
  current: Type.Boolean({ description: 'true: the session of this request' }),
  created_at: Time,
  last_used_at: Time,
  expires_at: Time,
  address: Type.String(),
  agent: Type.String(),
});
export const Member = closed({
  id: Id,
  self: Url,
  email: Email,
  name: Type.String(),
  roles: Roles,
  created_at: Time,
});
export const MemberReset = closed(
  { email: Email, sign_in_url: Url },
  'the link is shown only in this answer',
);
export const Invitation = closed(InvitationFields);
export const NewInvitation = closed({
  ...InvitationFields,
  mailed: Type.Boolean({ description: 'true: the service has accepted a mail with the link for sending' }),
  sign_in_url: ShownOnce,
});
export const Role = closed({
  id: Id,
  self: Url,
  name: Type.String(),
  predefined: Type.Literal(false),
  operations: Operations,
  created_at: Time,
});
export const ListedRole = Type.Union([
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
]);
export const PolicyOperation = closed({
  name: Type.String(),
  operator: Type.Boolean({ description: 'true: only operators of the instance may hold it' }),
});
export const Project = closed({
  id: Id,
  self: Url,
  name: Type.String(),
  sandbox: Type.Boolean(),
  closed_at: orNull(Time),
  created_at: Time,
});
export const ListedProject = closed({
  id: Id,
  self: Url,
  name: Type.String(),
  sandbox: Type.Boolean(),
  closed_at: orNull(Time),
  created_at: Time,
  roles: Type.Optional(
    Type.Array(Type.String(), {
      description: 'roles of the calling member in this project; absent for an API client',
    }),
  ),
});
export const ProjectExport = closed(
  {
    format: Type.Literal('hikyaku-project'),
    version: Type.Literal(1),
    taken_at: Time,
    project: Open('as GET /iam/v1/projects/{id} returns it'),
    domains: Type.Array(Open('as GET /iam/v1/domains/{id} returns it')),
    mta_domains: Type.Array(Open('as GET /mta/v1/domains/{id} returns it, with its rules and DKIM records')),
    event_rules: Type.Array(Open('as GET /mta/v1/event_rules/{rule} returns it')),
    topics: Type.Array(Open('as GET /edj/v1/topics/{id} returns it, with its subscribers')),
    api_clients: Type.Array(Open('as GET /iam/v1/api_clients/{id} returns it, with its static keys')),
    roles: Type.Array(closed({ name: Type.String(), operations: Operations })),
    members: Type.Array(closed({ email: Email, name: Type.String(), roles: Roles })),
    audit_events: Type.Array(AuditEvent),
  },
  'the settings of the project, without secrets',
);
export const StaticKey = closed({
  id: Id,
  self: Url,
  expires_at: orNull(Time),
  last_used_at: orNull(Day),
  created_at: Time,
});
export const NewStaticKey = closed({
  id: Id,
  self: Url,
  expires_at: orNull(Time),
  last_used_at: orNull(Day),
  created_at: Time,
  secret: ShownOnce,
});
export const OwnedDomain = closed({
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
      'a label that looks like another one',
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
      message: Type.Optional(Type.String({ description: 'present if there is a problem' })),
      message_ja: Type.Optional(Type.String()),
    },
    'the TXT record that proves the ownership, and the results of its checks',
  ),
  next_step: orNull(closed({ code: oneOf('publish_challenge', 'verify_again'), ...Words })),
  created_at: Time,
});
export const ApiClient = closed({
  id: Id,
  self: Url,
  name: Type.String(),
  roles: Type.Array(Type.String()),
  created_at: Time,
});
