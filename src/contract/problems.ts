/**
 * The problem types of the API (RFC 9457): status, title and meaning. Each operation of the OpenAPI documents names the
 * types that it may return; docs/api.md lists all of them. A problem's `detail` says what is wrong in this case.
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
    meaning: 'a field is missing, unknown or invalid; `field` names it',
  },
  'invalid-json': {
    status: 400,
    title: 'Invalid JSON',
    meaning: 'the body is not valid JSON, repeats a key, has a forbidden key, or is too large or too deep',
  },
  'bad-request': {
    status: 400,
    title: 'Bad request',
    meaning: 'the request is not valid HTTP',
  },
  'project-needed': {
    status: 400,
    title: 'Project needed',
    meaning: 'a member must name the project in the header Hikyaku-Project',
  },
  unauthenticated: {
    status: 401,
    title: 'Unauthenticated',
    meaning: 'the request has neither a valid static key nor a valid session',
  },
  'sign-in-refused': {
    status: 401,
    title: 'Not signed in',
    meaning: 'the e-mail address, password, code, passkey or link is wrong or no longer valid',
  },
  'operation-not-permitted': {
    status: 403,
    title: 'Not permitted',
    meaning: "the caller's roles lack the operation that `detail` names",
  },
  'members-only': {
    status: 403,
    title: 'Members only',
    meaning: 'only a member who is signed in may do this, not an API client',
  },
  'suspended-by-operator': {
    status: 403,
    title: 'Suspended by the operator',
    meaning: 'the operator of the service made the suspension, so the project cannot end it',
  },
  'confirmation-needed': {
    status: 403,
    title: 'Confirmation needed',
    meaning: 'the member must prove again who they are, because the last proof is older than ten minutes',
  },
  'set-up-needed': {
    status: 403,
    title: 'Set-up needed',
    meaning: 'the member must first set a password and a second factor',
  },
  'cross-site': {
    status: 403,
    title: 'Not from here',
    meaning: 'a request that changes something with a session must come from a page of this service',
  },
  'csrf-token': {
    status: 403,
    title: 'CSRF token',
    meaning: "the header Hikyaku-CSRF does not hold the session's CSRF token",
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    meaning: 'the resource does not exist, or you may not see it',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    meaning: 'the path does not have this method; the header `Allow` lists those that it has',
  },
  'request-timeout': {
    status: 408,
    title: 'Request timeout',
    meaning: 'the whole request did not arrive in time',
  },
  conflict: {
    status: 409,
    title: 'Conflict',
    meaning: 'the name is taken, the resource is in use, or it changed in the meantime',
  },
  'domain-not-verified': {
    status: 409,
    title: 'Conflict',
    meaning: 'the ownership of the domain is not verified yet',
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
    meaning: 'this Idempotency-Key was used with another request',
  },
  'too-many-suspensions': {
    status: 409,
    title: 'Conflict',
    meaning: 'a project has at most 50 active suspensions of its own; the operator has at most 500',
  },
  'too-many-keys': {
    status: 409,
    title: 'Conflict',
    meaning: 'the domain has the maximum number of DKIM keys, or no name is free for another key',
  },
  'limit-request-decided': {
    status: 409,
    title: 'Conflict',
    meaning: 'the request for higher limits is no longer open',
  },
  'dns-zone-not-found': {
    status: 409,
    title: 'Conflict',
    meaning: 'no zone of the account contains the domain',
  },
  'dns-plan-expired': { status: 409, title: 'Conflict', meaning: 'the plan is older than an hour' },
  'mx-replacement-unconfirmed': {
    status: 409,
    title: 'Conflict',
    meaning: 'the domain has MX records of other services; `replace_mx` must say whether to replace them',
  },
  'dns-account-gone': {
    status: 409,
    title: 'Conflict',
    meaning: 'the account that made the change was removed',
  },
  'dns-change-running': { status: 409, title: 'Conflict', meaning: 'the change is still in progress' },
  'dns-changed': {
    status: 409,
    title: 'Conflict',
    meaning: 'DNS has changed since the plan or the change was made; nothing was changed',
  },
  'dns-provider-credentials': {
    status: 409,
    title: 'Conflict',
    meaning: 'the provider does not accept the credentials',
  },
  'dns-provider-ambiguous-zone': {
    status: 409,
    title: 'Conflict',
    meaning: 'the account has several zones with this name',
  },
  'dns-provider-blocked-address': {
    status: 409,
    title: 'Conflict',
    meaning: 'the service does not connect to this address of the provider',
  },
  'dns-provider-refused': {
    status: 409,
    title: 'Conflict',
    meaning: 'the provider refused the request; `detail` gives the reason',
  },
  'domain-held': {
    status: 409,
    title: 'Conflict',
    meaning: 'another project holds the domain, and its TXT record is still published',
  },
  'no-second-factor': {
    status: 409,
    title: 'Conflict',
    meaning: 'the session is not waiting for a second factor',
  },
  'no-passkey': { status: 409, title: 'Conflict', meaning: 'the member has no passkey that works here' },
  'sign-in-first': {
    status: 409,
    title: 'Conflict',
    meaning: 'the invited person already has an account and must sign in to accept the invitation',
  },
  'last-second-factor': { status: 409, title: 'Conflict', meaning: 'a second factor must remain' },
  'passkeys-need-a-host-name': {
    status: 409,
    title: 'Conflict',
    meaning: 'HIKYAKU_PUBLIC_URL has an IP address instead of a host name',
  },
  'last-owner': { status: 409, title: 'Conflict', meaning: 'the project would have no owner' },
  'member-already': {
    status: 409,
    title: 'Conflict',
    meaning: 'the invited person is already a member of the project',
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
  'project-closed': { status: 409, title: 'Conflict', meaning: 'the project is already closed' },
  'project-open': { status: 409, title: 'Conflict', meaning: 'the project is not closed' },
  'project-over': {
    status: 409,
    title: 'Conflict',
    meaning: 'the project was closed more than 30 days ago and is being removed',
  },
  'precondition-failed': {
    status: 412,
    title: 'Precondition failed',
    meaning: "If-Match does not hold the resource's current entity tag",
  },
  'body-too-large': {
    status: 413,
    title: 'Body too large',
    meaning: 'the body of the request is larger than 16 MiB',
  },
  'message-too-large': {
    status: 413,
    title: 'Message too large',
    meaning: 'the composed message is larger than 10,485,760 octets',
  },
  'uri-too-long': {
    status: 414,
    title: 'URI too long',
    meaning: 'the path and the query of the request are larger than 8 KiB, or a part of the path is too long',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'Unsupported media type',
    meaning: 'the content type of the body must be application/json',
  },
  'expectation-failed': {
    status: 417,
    title: 'Expectation failed',
    meaning: 'the header Expect holds anything other than `100-continue`',
  },
  'sender-domain': {
    status: 422,
    title: 'Sender domain',
    meaning:
      'the sender is not an address of the sending domain, or its domain is not set up in this project',
  },
  'sender-invalid': {
    status: 422,
    title: 'Sender invalid',
    meaning: 'the envelope sender is not a valid address',
  },
  'author-invalid': {
    status: 422,
    title: 'Author invalid',
    meaning: 'the message must have exactly one From field with a list of mailboxes',
  },
  'author-domain': {
    status: 422,
    title: 'Author domain',
    meaning: 'From names a domain that is not set up in this project',
  },
  'header-invalid': {
    status: 422,
    title: 'Header invalid',
    meaning: 'the header of the message is not valid or cannot be sent',
  },
  loop: { status: 422, title: 'Mail loop', meaning: 'the message has passed through too many hosts' },
  'too-many-failures': {
    status: 429,
    title: 'Too many failures',
    meaning: 'too many failed authentications; see Retry-After',
  },
  'limit-exceeded': {
    status: 429,
    title: 'Sending limit reached',
    meaning: 'a sending limit is reached; see Retry-After',
  },
  'too-many-waiting': {
    status: 429,
    title: 'Too many waiting',
    meaning: 'the project already has 100 requests that wait for events; see Retry-After',
  },
  'too-many-tests': {
    status: 429,
    title: 'Too many tests',
    meaning: 'the project has tested its subscribers too often within a minute; see Retry-After',
  },
  'too-many-in-flight': {
    status: 429,
    title: 'Too many in flight',
    meaning: 'the service is already handling 250 requests; see Retry-After',
  },
  'header-too-large': {
    status: 431,
    title: 'Header too large',
    meaning: 'the header of the request is larger than 16 KiB',
  },
  internal: {
    status: 500,
    title: 'Internal error',
    meaning: 'the service failed; `detail` holds an id that is also in the log',
  },
  'dns-provider-unreachable': {
    status: 502,
    title: 'Provider unreachable',
    meaning: 'the provider gave no answer, or one that the service does not understand; try again',
  },
  'dns-partly-changed': {
    status: 502,
    title: 'Partly changed',
    meaning: 'only some records were changed; `detail` says which',
  },
  'dns-change-unknown': {
    status: 502,
    title: 'Unknown outcome',
    meaning: 'the service does not know which records were changed',
  },
  'store-unavailable': {
    status: 503,
    title: 'Store unavailable',
    meaning:
      'the database cannot be read, has failed, or did not answer in time; repeat the request with the same Idempotency-Key',
  },
  'too-busy': {
    status: 503,
    title: 'Too busy',
    meaning: 'the service had no capacity for the request in time; see Retry-After',
  },
  'too-many-connections': {
    status: 503,
    title: 'Too many connections',
    meaning: 'the service accepts no further connection from this network now; see Retry-After',
  },
  'insufficient-storage': {
    status: 507,
    title: 'Insufficient storage',
    meaning: 'the disk is full or nearly full; see Retry-After',
  },
} as const satisfies Record<string, ProblemType>;

export type ProblemName = keyof typeof PROBLEMS;
