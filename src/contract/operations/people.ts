/** Signing in, and the own account of a member: /iam/v1. */
import Type from 'typebox';
import { op } from '../operation.ts';
import { closed, oneOf, ResourceName, WholeQuery } from '../parts.ts';
import type { ProblemName } from '../problems.ts';
import {
  Account,
  ChangedAccount,
  Member,
  NewPasskey,
  NewTotp,
  OwnSession,
  Passkey,
  PasskeyCreation,
  PasskeyRequest,
  RecoveryCodes,
  Session,
} from '../resources/people.ts';
import { LANGUAGES } from '../values.ts';

const passkey = { id: 'passkey' } as const;
const FACTOR = [
  'unauthenticated',
  'no-second-factor',
  'csrf-token',
] as const satisfies readonly ProblemName[];
const REFUSED = ['sign-in-refused', 'too-many-failures'] as const satisfies readonly ProblemName[];
const SIX_DIGITS = { summary: 'a code from the app', value: { code: '123456' } };
const Language = oneOf(...LANGUAGES);
const Code = closed({ code: Type.String({ maxLength: 100 }) });
/** WebAuthn Level 3 §5.1, as JSON. The library reads the other fields and refuses what is not valid. */
const PasskeyResponse = Type.Object(
  {
    id: Type.String({ maxLength: 4096 }),
    rawId: Type.String({ maxLength: 4096 }),
    type: Type.Literal('public-key'),
    response: Type.Object({}, { additionalProperties: true }),
  },
  { additionalProperties: true },
);
const Introduction = closed({
  token: Type.String({ maxLength: 100 }),
  email: Type.Optional(Type.String({ maxLength: 500 })),
  name: Type.Optional(ResourceName),
  language: Type.Optional(Language),
});

export const currentSession = op({
  id: 'iam.sessions.current',
  method: 'GET',
  path: '/iam/v1/session',
  summary: 'returns how far the caller has signed in, and the CSRF token',
  access: 'open',
  answers: { 200: Session },
});
export const signInByPassword = op({
  id: 'iam.sessions.password',
  method: 'POST',
  path: '/iam/v1/session',
  summary: 'first step of signing in: e-mail address and password',
  access: 'open',
  step: 'iam.sessions.password',
  body: closed({ email: Type.String({ maxLength: 500 }), password: Type.String({ maxLength: 5000 }) }),
  answers: { 200: Session },
  problems: REFUSED,
  examples: {
    member: {
      summary: 'a member',
      value: { email: 'owner@example.test', password: 'four lanterns on the quay' },
    },
  },
});
export const signOut = op({
  id: 'iam.sessions.delete',
  method: 'DELETE',
  path: '/iam/v1/session',
  summary: 'signs out',
  access: 'open',
  step: 'iam.sessions.delete',
  answers: { 204: null },
  problems: ['csrf-token'],
});
export const signInByTotp = op({
  id: 'iam.sessions.totp',
  method: 'POST',
  path: '/iam/v1/session/totp',
  summary: 'second step of signing in: a one-time code; each code works once',
  access: 'open',
  step: 'iam.sessions.totp',
  body: Code,
  answers: { 200: Session },
  problems: [...FACTOR, ...REFUSED],
  examples: { code: SIX_DIGITS },
});
export const signInByRecoveryCode = op({
  id: 'iam.sessions.recovery',
  method: 'POST',
  path: '/iam/v1/session/recovery',
  summary: 'second step of signing in: a recovery code; each code works once',
  access: 'open',
  step: 'iam.sessions.recovery',
  body: Code,
  answers: { 200: Session },
  problems: [...FACTOR, ...REFUSED],
  examples: { code: { summary: 'a recovery code', value: { code: 'abcd-efgh-ijkl-mnop' } } },
});
export const signInPasskeyOptions = op({
  id: 'iam.sessions.passkey_options',
  method: 'POST',
  path: '/iam/v1/session/passkey/options',
  summary: 'returns the options for navigator.credentials.get()',
  access: 'open',
  step: 'iam.sessions.passkey_options',
  answers: { 200: PasskeyRequest },
  problems: [...FACTOR, 'no-passkey'],
});
export const signInByPasskey = op({
  id: 'iam.sessions.passkey',
  method: 'POST',
  path: '/iam/v1/session/passkey',
  summary: 'second step of signing in: a passkey',
  access: 'open',
  step: 'iam.sessions.passkey',
  body: closed({ response: PasskeyResponse }),
  answers: { 200: Session },
  problems: [...FACTOR, ...REFUSED],
  examples: {
    assertion: {
      summary: 'an AuthenticationResponseJSON',
      value: { response: { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: {} } },
    },
  },
});
export const openLink = op({
  id: 'iam.sessions.link',
  method: 'POST',
  path: '/iam/v1/session/link',
  summary: 'opens a one-time link for the first owner, an invitation or a reset',
  access: 'open',
  step: 'iam.sessions.link',
  body: Introduction,
  answers: { 200: Session },
  problems: [...REFUSED, 'sign-in-first'],
  examples: {
    owner: {
      summary: 'the first owner',
      value: { token: 'the part of the link after #/link/', email: 'owner@example.test', name: 'An Owner' },
    },
    invited: {
      summary: 'an invited person',
      value: { token: 'the part of the link after #/link/', language: 'ja' },
    },
  },
});
export const getMe = op({
  id: 'iam.me.get',
  method: 'GET',
  path: '/iam/v1/me',
  setUp: true,
  summary: 'returns the own account and its ways to sign in',
  access: 'account',
  answers: { 200: Account },
});
export const updateMe = op({
  id: 'iam.me.update',
  method: 'PATCH',
  path: '/iam/v1/me',
  summary: 'changes the given fields of the own account',
  access: 'account',
  step: 'iam.me.update',
  body: closed({ name: Type.Optional(ResourceName), language: Type.Optional(Language) }),
  answers: { 200: ChangedAccount },
  examples: { language: { summary: 'name and language', value: { name: 'The Owner', language: 'ja' } } },
});
export const setPassword = op({
  id: 'iam.me.password',
  method: 'PUT',
  path: '/iam/v1/me/password',
  setUp: true,
  summary: 'sets the password; all other sessions end',
  access: 'account',
  step: 'iam.me.password',
  body: closed({
    current: Type.Optional(Type.String({ maxLength: 5000 })),
    new: Type.String({ maxLength: 5000 }),
  }),
  answers: { 200: Session },
  problems: ['too-many-failures'],
  examples: {
    first: { summary: 'the first password', value: { new: 'four lanterns on the quay' } },
    other: {
      summary: 'a new password',
      value: { current: 'four lanterns on the quay', new: 'five lanterns on the quay' },
    },
  },
});
export const confirm = op({
  id: 'iam.me.confirm',
  method: 'POST',
  path: '/iam/v1/me/confirmation',
  summary:
    'proves again who the caller is, by the password or a one-time code; then ways to sign in may be changed for ten minutes',
  access: 'account',
  step: 'iam.me.confirm',
  body: closed({
    password: Type.Optional(Type.String({ maxLength: 5000 })),
    code: Type.Optional(Type.String({ maxLength: 100 })),
  }),
  answers: { 200: Session },
  problems: ['too-many-failures'],
  examples: {
    password: { summary: 'the password', value: { password: 'four lanterns on the quay' } },
    code: { summary: 'a code from the app', value: { code: '123456' } },
  },
});
export const beginTotp = op({
  id: 'iam.me.totp.begin',
  method: 'POST',
  path: '/iam/v1/me/totp',
  setUp: true,
  summary: 'creates a secret for one-time codes; it takes effect when its first code is confirmed',
  access: 'account',
  step: 'iam.me.totp',
  answers: { 200: NewTotp },
  problems: ['confirmation-needed'],
});
export const confirmTotp = op({
  id: 'iam.me.totp.confirm',
  method: 'POST',
  path: '/iam/v1/me/totp/confirm',
  setUp: true,
  summary: 'confirms the new secret with its first code',
  access: 'account',
  step: 'iam.me.totp',
  body: Code,
  answers: { 200: Session },
  problems: ['confirmation-needed'],
  examples: { code: SIX_DIGITS },
});
export const deleteTotp = op({
  id: 'iam.me.totp.delete',
  method: 'DELETE',
  path: '/iam/v1/me/totp',
  summary: 'removes one-time codes; 409 if no second factor would remain',
  access: 'account',
  step: 'iam.me.totp',
  answers: { 204: null },
  problems: ['confirmation-needed', 'last-second-factor'],
});
export const newPasskeyOptions = op({
  id: 'iam.me.passkeys.options',
  method: 'POST',
  path: '/iam/v1/me/passkeys/options',
  setUp: true,
  summary: 'returns the options for navigator.credentials.create()',
  access: 'account',
  step: 'iam.me.passkeys',
  answers: { 200: PasskeyCreation },
  problems: ['confirmation-needed', 'passkeys-need-a-host-name'],
});
export const createPasskey = op({
  id: 'iam.me.passkeys.create',
  method: 'POST',
  path: '/iam/v1/me/passkeys',
  setUp: true,
  summary: 'adds a passkey; the answer holds a new session',
  access: 'account',
  step: 'iam.me.passkeys',
  body: closed({ name: ResourceName, response: PasskeyResponse }),
  answers: { 201: NewPasskey },
  problems: ['confirmation-needed'],
  examples: {
    registration: {
      summary: 'a RegistrationResponseJSON',
      value: {
        name: 'laptop',
        response: { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: {} },
      },
    },
  },
});
export const listPasskeys = op({
  id: 'iam.me.passkeys.list',
  method: 'GET',
  path: '/iam/v1/me/passkeys',
  summary: 'lists the own passkeys',
  access: 'account',
  query: WholeQuery,
  answers: { 200: { list: Passkey } },
});
export const updatePasskey = op({
  id: 'iam.me.passkeys.update',
  method: 'PATCH',
  path: '/iam/v1/me/passkeys/{id}',
  summary: 'renames a passkey',
  access: 'account',
  step: 'iam.me.passkeys',
  params: passkey,
  body: closed({ name: ResourceName }),
  answers: { 200: Passkey },
  examples: { name: { summary: 'another name', value: { name: 'phone' } } },
});
export const deletePasskey = op({
  id: 'iam.me.passkeys.delete',
  method: 'DELETE',
  path: '/iam/v1/me/passkeys/{id}',
  summary: 'removes a passkey; 409 if no second factor would remain',
  access: 'account',
  step: 'iam.me.passkeys',
  params: passkey,
  answers: { 204: null },
  problems: ['confirmation-needed', 'last-second-factor'],
});
export const createRecoveryCodes = op({
  id: 'iam.me.recovery_codes.create',
  method: 'POST',
  path: '/iam/v1/me/recovery_codes',
  summary: 'replaces all recovery codes by ten new ones; only this answer shows them',
  access: 'account',
  step: 'iam.me.recovery_codes',
  answers: { 200: RecoveryCodes },
  problems: ['confirmation-needed'],
});
export const listOwnSessions = op({
  id: 'iam.me.sessions.list',
  method: 'GET',
  path: '/iam/v1/me/sessions',
  summary: 'lists the own sessions, newest first',
  access: 'account',
  query: WholeQuery,
  answers: { 200: { list: OwnSession } },
});
export const deleteOwnSession = op({
  id: 'iam.me.sessions.delete',
  method: 'DELETE',
  path: '/iam/v1/me/sessions/{id}',
  summary: 'ends one of the own sessions',
  access: 'account',
  step: 'iam.me.sessions',
  params: { id: 'session' },
  answers: { 204: null },
});
export const deleteOtherSessions = op({
  id: 'iam.me.sessions.delete_others',
  method: 'DELETE',
  path: '/iam/v1/me/sessions',
  summary: 'ends all own sessions except this one',
  access: 'account',
  step: 'iam.me.sessions',
  answers: { 204: null },
});
export const acceptInvitation = op({
  id: 'iam.invitations.accept',
  method: 'POST',
  path: '/iam/v1/invitations/accept',
  summary: 'accepts an invitation that was sent to the own e-mail address',
  access: 'account',
  step: 'iam.invitations.accept',
  body: closed({ token: Type.String({ maxLength: 100 }) }),
  answers: { 200: Member },
  problems: ['member-already'],
  examples: {
    token: { summary: 'the token of a link', value: { token: 'the part of the link after #/link/' } },
  },
});
