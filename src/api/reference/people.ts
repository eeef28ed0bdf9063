/** Signing in and members' own accounts, under /iam/v1, as the reference has them. */
import type { ProblemName } from '../problem-types.ts';
import type { Reference } from './reference.ts';

/** Without a key or a session: what is proved is in the body, or in the session that awaits it. */
const open = { security: [] } as const;
/** The session of a member. */
const member = { security: [{ session: [] }] } as const;
const session = { 200: 'Session' } as const;
const FACTOR: readonly ProblemName[] = ['unauthenticated', 'no-second-factor', 'csrf-token'];
const REFUSED: readonly ProblemName[] = ['sign-in-refused', 'too-many-failures'];
const SIX_DIGITS = { summary: 'of the app', value: { code: '123456' } };

const signIn: Reference = {
  'GET /iam/v1/session': {
    id: 'iam.sessions.current',
    summary: 'how far the caller has come, and the CSRF token',
    ...open,
    answers: session,
  },
  'POST /iam/v1/session': {
    id: 'iam.sessions.password',
    summary: 'e-mail and password; the second factor comes next',
    ...open,
    answers: session,
    problems: REFUSED,
    examples: {
      member: {
        summary: 'a member',
        value: { email: 'owner@example.test', password: 'four lanterns on the quay' },
      },
    },
  },
  'DELETE /iam/v1/session': {
    id: 'iam.sessions.delete',
    summary: 'signs out',
    ...open,
    answers: { 204: null },
    problems: ['csrf-token'],
  },
  'POST /iam/v1/session/totp': {
    id: 'iam.sessions.totp',
    summary: 'the second factor: a one-time code, taken once',
    ...open,
    answers: session,
    problems: [...FACTOR, ...REFUSED],
    examples: { code: SIX_DIGITS },
  },
  'POST /iam/v1/session/recovery': {
    id: 'iam.sessions.recovery',
    summary: 'the second factor: a recovery code, taken once',
    ...open,
    answers: session,
    problems: [...FACTOR, ...REFUSED],
    examples: { code: { summary: 'as it was shown', value: { code: 'abcd-efgh-ijkl-mnop' } } },
  },
  'POST /iam/v1/session/passkey/options': {
    id: 'iam.sessions.passkey_options',
    summary: 'what navigator.credentials.get() wants',
    ...open,
    answers: { 200: 'PasskeyRequest' },
    problems: [...FACTOR, 'no-passkey'],
  },
  'POST /iam/v1/session/passkey': {
    id: 'iam.sessions.passkey',
    summary: 'the second factor: a passkey',
    ...open,
    answers: session,
    problems: [...FACTOR, ...REFUSED],
    examples: {
      assertion: {
        summary: 'an AuthenticationResponseJSON',
        value: { response: { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: {} } },
      },
    },
  },
  'POST /iam/v1/session/link': {
    id: 'iam.sessions.link',
    summary: 'opens a one-time link: of the first owner, of an invitation, of a reset',
    ...open,
    answers: session,
    problems: [...REFUSED, 'sign-in-first'],
    examples: {
      owner: {
        summary: 'the first owner',
        value: { token: 'the token behind #/link/', email: 'owner@example.test', name: 'An Owner' },
      },
      invited: { summary: 'who was invited', value: { token: 'the token behind #/link/', language: 'ja' } },
    },
  },
};

const passkey = { id: 'passkey' } as const;
const account: Reference = {
  'GET /iam/v1/me': {
    id: 'iam.me.get',
    summary: 'the own account and what it has for signing in',
    ...member,
    answers: { 200: 'Account' },
  },
  'PATCH /iam/v1/me': {
    id: 'iam.me.update',
    summary: 'changes the fields that are given',
    ...member,
    answers: { 200: 'ChangedAccount' },
    examples: { language: { summary: 'name and language', value: { name: 'The Owner', language: 'ja' } } },
  },
  'PUT /iam/v1/me/password': {
    id: 'iam.me.password',
    summary: 'sets the password; all other sessions end',
    ...member,
    answers: session,
    problems: ['too-many-failures'],
    examples: {
      first: { summary: 'where there is none', value: { new: 'four lanterns on the quay' } },
      other: {
        summary: 'another one',
        value: { current: 'four lanterns on the quay', new: 'five lanterns on the quay' },
      },
    },
  },
  'POST /iam/v1/me/totp': {
    id: 'iam.me.totp.begin',
    summary: 'makes a secret for one-time codes; it counts once a code was confirmed',
    ...member,
    answers: { 200: 'NewTotp' },
  },
  'POST /iam/v1/me/totp/confirm': {
    id: 'iam.me.totp.confirm',
    summary: 'the first code of the new secret',
    ...member,
    answers: session,
    examples: { code: SIX_DIGITS },
  },
  'DELETE /iam/v1/me/totp': {
    id: 'iam.me.totp.delete',
    summary: 'removes one-time codes; 409 where nothing else would remain',
    ...member,
    answers: { 204: null },
    problems: ['last-second-factor'],
  },
  'POST /iam/v1/me/passkeys/options': {
    id: 'iam.me.passkeys.options',
    summary: 'what navigator.credentials.create() wants',
    ...member,
    answers: { 200: 'PasskeyCreation' },
    problems: ['passkeys-need-a-host-name'],
  },
  'POST /iam/v1/me/passkeys': {
    id: 'iam.me.passkeys.create',
    summary: 'adds a passkey; the answer holds a new session',
    ...member,
    answers: { 201: 'NewPasskey' },
    examples: {
      registration: {
        summary: 'a RegistrationResponseJSON',
        value: {
          name: 'laptop',
          response: { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: {} },
        },
      },
    },
  },
  'GET /iam/v1/me/passkeys': {
    id: 'iam.me.passkeys.list',
    summary: 'the own passkeys',
    ...member,
    answers: { 200: { list: 'Passkey' } },
  },
  'PATCH /iam/v1/me/passkeys/{id}': {
    id: 'iam.me.passkeys.update',
    summary: 'renames a passkey',
    ...member,
    params: passkey,
    answers: { 200: 'Passkey' },
    examples: { name: { summary: 'another name', value: { name: 'phone' } } },
  },
  'DELETE /iam/v1/me/passkeys/{id}': {
    id: 'iam.me.passkeys.delete',
    summary: 'removes a passkey; 409 where nothing else would remain',
    ...member,
    params: passkey,
    answers: { 204: null },
    problems: ['last-second-factor'],
  },
  'POST /iam/v1/me/recovery_codes': {
    id: 'iam.me.recovery_codes.create',
    summary: 'ten new recovery codes instead of those there were; shown only in this answer',
    ...member,
    answers: { 200: 'RecoveryCodes' },
  },
  'GET /iam/v1/me/sessions': {
    id: 'iam.me.sessions.list',
    summary: 'the own sessions, newest first',
    ...member,
    answers: { 200: { list: 'OwnSession' } },
  },
  'DELETE /iam/v1/me/sessions/{id}': {
    id: 'iam.me.sessions.delete',
    summary: 'ends one of the own sessions',
    ...member,
    params: { id: 'session' },
    answers: { 204: null },
  },
  'DELETE /iam/v1/me/sessions': {
    id: 'iam.me.sessions.delete_others',
    summary: 'ends all own sessions but this one',
    ...member,
    answers: { 204: null },
  },
  'POST /iam/v1/invitations/accept': {
    id: 'iam.invitations.accept',
    summary: 'a member accepts an invitation that was sent to the own address',
    ...member,
    answers: { 200: 'Member' },
    problems: ['member-already'],
    examples: { token: { summary: 'a link', value: { token: 'the token behind #/link/' } } },
  },
};

export const peopleReference: Reference = { ...signIn, ...account };
