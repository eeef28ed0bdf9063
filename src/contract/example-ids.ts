/**
 * The ids in examples and path parameters of the OpenAPI documents. They are constants, so a test can replace them
 * by real ids.
 */
const id = (n: number) => `0198c0de-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

export const EXAMPLE = {
  project: id(1),
  apiClient: id(2),
  staticKey: id(3),
  ownedDomain: id(4),
  /** A domain whose ownership is verified. It is not an MTA domain yet. */
  provedDomain: id(5),
  domain: id(6),
  topic: id(7),
  subscriber: id(8),
  incomingRule: id(9),
  outgoingRule: id(10),
  eventRule: id(11),
  projectEventRule: id(12),
  message: id(13),
  sendTask: id(14),
  publishTask: id(15),
  suspension: id(16),
  event: id(17),
  dkimKey: id(18),
  dnsAccount: id(19),
  /** A plan that was made with `dnsAccount` and is not applied yet. */
  dnsPlan: id(20),
  /** A change that can be undone. */
  dnsChange: id(21),
  /** An open request. */
  limitRequest: id(22),
  member: id(41),
  invitation: id(42),
  role: id(43),
} as const;
/** Resources of a member's own account; they belong to no project. */
export const OWN_EXAMPLE = { passkey: id(51), session: id(52) } as const;
/** The recipient in the examples of events. */
export const RECIPIENT_EXAMPLE = id(61);
export type OwnExampleName = keyof typeof OWN_EXAMPLE;
export type ProjectExampleName = keyof typeof EXAMPLE;
export type ExampleName = ProjectExampleName | OwnExampleName;

/** The address that the examples call. A test replaces it by the address of the service. */
export const EXAMPLE_URL = 'https://hikyaku.example';
/** The domain from which the examples send. */
export const EXAMPLE_DOMAIN = 'example.com';
export const exampleSelf = (path: string, name: ProjectExampleName) => ({
  self: `${EXAMPLE_URL}${path}/${EXAMPLE[name]}`,
});
/** Settings of an account at Gehirn DNS. A test replaces them by settings that work. */
export const EXAMPLE_DNS = { token_id: 'example-token-id', secret: 'example-token-secret' };
/** A private key as a caller would give it. A test replaces it by a real key. */
export const EXAMPLE_PRIVATE_KEY =
  '-----BEGIN PRIVATE KEY-----\n(the key itself)\n-----END PRIVATE KEY-----\n';
