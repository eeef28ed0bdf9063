/**
 * The types of problems the API answers with (RFC 9457): status, title and meaning. Every operation of the published
 * documents names those it may answer with, and docs/api.md lists them. `detail` says what is wrong this time.
 */
export interface ProblemType {
  readonly status: number;
  readonly title: string;
  readonly meaning: string;
}
export const PROBLEMS = {
  validation: {
    status: 400,
    title: 'Validation failed',
    meaning: 'a field is missing, unknown or not as it should be; `field` names it',
  },
  'invalid-json': {
    status: 400,
    title: 'Invalid JSON',
    meaning: 'the body is not JSON, or has doubled keys, too many or too deep',
  },
  'bad-request': {
    status: 400,
    title: 'Bad request',
    meaning: 'the request cannot be read as HTTP has it',
  },
  'project-needed': {
    status: 400,
    title: 'Project needed',
    meaning: "a member's call names no project in Hikyaku-Project",
  },
  unauthenticated: {
    status: 401,
    title: 'Unauthenticated',
    meaning: 'no valid static key was given, nor the session of a member',
  },
  'sign-in-refused': {
    status: 401,
    title: 'Not signed in',
    meaning: 'e-mail, password, code, passkey or link is not accepted',
  },
  'operation-not-permitted': {
    status: 403,
    title: 'Not permitted',
    meaning: 'the role lacks the operation that `detail` names',
  },
  'members-only': {
    status: 403,
    title: 'Members only',
    meaning: 'it is for people who have signed in, not for API clients',
  },
  'set-up-needed': {
    status: 403,
    title: 'Set-up needed',
    meaning: 'a password and a second factor must be set first',
  },
  'cross-site': {
    status: 403,
    title: 'Not from here',
    meaning: 'a change with a session must come from a page of this service',
  },
  'csrf-token': {
    status: 403,
    title: 'CSRF token',
    meaning: "the header Hikyaku-CSRF lacks the session's token",
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    meaning: 'there is no such resource, or none that you may see',
  },
  'request-timeout': {
    status: 408,
    title: 'Request timeout',
    meaning: 'the request did not come whole in time',
  },
  conflict: {
    status: 409,
    title: 'Conflict',
    meaning: 'the name is taken, the resource is in use, or it changed meanwhile',
  },
  'domain-not-verified': {
    status: 409,
    title: 'Conflict',
    meaning: 'the ownership of the domain is not proved yet',
  },
  'ownership-not-proved': {
    status: 409,
    title: 'Conflict',
    meaning: 'the TXT record does not hold the challenge',
  },
  'ownership-unclear': {
    status: 409,
    title: 'Conflict',
    meaning: 'DNS gave no clear answer about the challenge; try again',
  },
  'idempotency-running': {
    status: 409,
    title: 'Conflict',
    meaning: 'the first call with this Idempotency-Key is still running',
  },
  'idempotency-mismatch': {
    status: 409,
    title: 'Conflict',
    meaning: 'this Idempotency-Key was used with another body',
  },
  'too-many-suspensions': {
    status: 409,
    title: 'Conflict',
    meaning: 'at most 50 suspensions of a project run at once',
  },
  'too-many-keys': {
    status: 409,
    title: 'Conflict',
    meaning: 'as many DKIM keys as a domain may have, or no name free',
  },
  'limit-request-decided': {
    status: 409,
    title: 'Conflict',
    meaning: 'the request for higher limits is not open any more',
  },
  'dns-zone-not-found': {
    status: 409,
    title: 'Conflict',
    meaning: 'no zone of the account has the domain in it',
  },
  'dns-plan-expired': { status: 409, title: 'Conflict', meaning: 'the plan is older than an hour' },
  'mx-replacement-unconfirmed': {
    status: 409,
    title: 'Conflict',
    meaning: '`replace_mx` must say what becomes of MX of others',
  },
  'dns-account-gone': {
    status: 409,
    title: 'Conflict',
    meaning: 'the account that made the change is removed',
  },
  'dns-change-running': { status: 409, title: 'Conflict', meaning: 'the change is still under way' },
  'dns-changed': {
    status: 409,
    title: 'Conflict',
    meaning: 'DNS is not as planned any more; nothing was changed',
  },
  'dns-provider-credentials': {
    status: 409,
    title: 'Conflict',
    meaning: 'the provider does not take the credentials',
  },
  'dns-provider-ambiguous-zone': {
    status: 409,
    title: 'Conflict',
    meaning: 'the account has several zones of that name',
  },
  'dns-provider-blocked-address': {
    status: 409,
    title: 'Conflict',
    meaning: 'the provider is at an address that is not spoken to',
  },
  'dns-provider-refused': {
    status: 409,
    title: 'Conflict',
    meaning: 'the provider refused, for the reason in `detail`',
  },
  'domain-held': {
    status: 409,
    title: 'Conflict',
    meaning: 'another project holds the domain and its record is still there',
  },
  'no-second-factor': { status: 409, title: 'Conflict', meaning: 'the session awaits no second factor' },
  'no-passkey': { status: 409, title: 'Conflict', meaning: 'there is no passkey that could be used here' },
  'sign-in-first': {
    status: 409,
    title: 'Conflict',
    meaning: 'the invited can sign in already, and accept it signed in',
  },
  'last-second-factor': { status: 409, title: 'Conflict', meaning: 'a second factor must remain' },
  'passkeys-need-a-host-name': {
    status: 409,
    title: 'Conflict',
    meaning: 'HIKYAKU_PUBLIC_URL names an address, not a host',
  },
  'last-owner': { status: 409, title: 'Conflict', meaning: 'the project would have no owner' },
  'member-already': {
    status: 409,
    title: 'Conflict',
    meaning: 'the invited is a member of the project already',
  },
  'too-many-invitations': {
    status: 409,
    title: 'Conflict',
    meaning: 'a project has at most 50 open invitations',
  },
  'role-in-use': {
    status: 409,
    title: 'Conflict',
    meaning: 'a member, an API client or an invitation has the role',
  },
  'too-many-roles': { status: 409, title: 'Conflict', meaning: 'a project has at most 200 roles' },
  'project-closed': { status: 409, title: 'Conflict', meaning: 'the project is closed already' },
  'project-open': { status: 409, title: 'Conflict', meaning: 'the project is not closed' },
  'project-over': {
    status: 409,
    title: 'Conflict',
    meaning: 'the project was closed over 30 days ago and is being removed',
  },
  'precondition-failed': {
    status: 412,
    title: 'Precondition failed',
    meaning: 'the resource is no longer the one If-Match names',
  },
  'body-too-large': {
    status: 413,
    title: 'Body too large',
    meaning: 'the body of the request is over 16 MiB',
  },
  'message-too-large': {
    status: 413,
    title: 'Message too large',
    meaning: 'the composed message is over 10,485,760 octets',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'Unsupported media type',
    meaning: 'the body of a request is application/json',
  },
  'sender-domain': {
    status: 422,
    title: 'Sender domain',
    meaning: 'the envelope sender is in no domain of this project',
  },
  'sender-invalid': {
    status: 422,
    title: 'Sender invalid',
    meaning: 'the envelope sender is not an address',
  },
  'author-invalid': {
    status: 422,
    title: 'Author invalid',
    meaning: 'From is not one field with a list of mailboxes',
  },
  'author-domain': {
    status: 422,
    title: 'Author domain',
    meaning: 'From names a domain that is not set up in this project',
  },
  'header-invalid': {
    status: 422,
    title: 'Header invalid',
    meaning: 'the header of the message cannot be read exactly, or not be sent',
  },
  loop: { status: 422, title: 'Mail loop', meaning: 'the message has passed too many hosts' },
  'too-many-failures': {
    status: 429,
    title: 'Too many failures',
    meaning: 'too many failed authentications; see Retry-After',
  },
  'limit-exceeded': {
    status: 429,
    title: 'Sending limit reached',
    meaning: 'the sending limit is reached; see Retry-After',
  },
  'too-many-waiting': {
    status: 429,
    title: 'Too many waiting',
    meaning: '100 requests of the project wait for events; see Retry-After',
  },
  'too-many-in-flight': {
    status: 429,
    title: 'Too many in flight',
    meaning: '250 requests are in flight; see Retry-After',
  },
  'header-too-large': {
    status: 431,
    title: 'Header too large',
    meaning: 'the header of the request is over 16 KiB',
  },
  internal: {
    status: 500,
    title: 'Internal error',
    meaning: 'an error on this side; the log knows it by the id in `detail`',
  },
  'dns-provider-unreachable': {
    status: 502,
    title: 'Provider unreachable',
    meaning: 'the provider gave no answer that is understood; try again',
  },
  'dns-partly-changed': {
    status: 502,
    title: 'Partly changed',
    meaning: 'only a part was changed; `detail` says which',
  },
  'dns-change-unknown': {
    status: 502,
    title: 'Unknown outcome',
    meaning: 'it is not known what was changed',
  },
  'store-unavailable': {
    status: 503,
    title: 'Store unavailable',
    meaning: 'the database cannot be read, or it is read-only or failed; try again later',
  },
  'too-busy': {
    status: 503,
    title: 'Too busy',
    meaning: 'what was asked for could not be made in time; see Retry-After',
  },
  'too-many-connections': {
    status: 503,
    title: 'Too many connections',
    meaning: 'no place for one more connection of this network; see Retry-After',
  },
  'insufficient-storage': {
    status: 507,
    title: 'Insufficient storage',
    meaning: 'it could not be stored; see Retry-After',
  },
} as const satisfies Record<string, ProblemType>;

export type ProblemName = keyof typeof PROBLEMS;
