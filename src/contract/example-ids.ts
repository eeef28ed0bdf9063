/** The ids that stand in examples and path parameters of the documents. Constants, so that a test can put real ones in their place. */
const id = (n: number) => `0198c0de-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

export const EXAMPLE = {
  project: id(1),
  apiClient: id(2),
  staticKey: id(3),
  ownedDomain: id(4),
  /** Its ownership is proved, and it is no MTA domain yet. */
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
  /** Not used yet; made with that account. */
  dnsPlan: id(20),
  /** Can be undone. */
  dnsChange: id(21),
  /** It is open. */
  limitRequest: id(22),
  member: id(41),
  invitation: id(42),
  role: id(43),
} as const;
/** What belongs to a member's own account, in no project. */
export const OWN_EXAMPLE = { passkey: id(51), session: id(52) } as const;
export type OwnExampleName = keyof typeof OWN_EXAMPLE;
export type ProjectExampleName = keyof typeof EXAMPLE;
export type ExampleName = ProjectExampleName | OwnExampleName;

/** The address the examples call; a test puts the service's own in its place. */
export const EXAMPLE_URL = 'https://hikyaku.example';
/** The domain the examples send from. */
export const EXAMPLE_DOMAIN = 'example.com';
export const exampleSelf = (path: string, name: ProjectExampleName) => ({
  self: `${EXAMPLE_URL}${path}/${EXAMPLE[name]}`,
});
/** Settings of an account at Gehirn DNS; a test puts those of one that answers in their place. */
export const EXAMPLE_DNS = { token_id: 'example-token-id', secret: 'example-token-secret' };
/** As a caller would give it; a test puts a real key in its place. */
export const EXAMPLE_PRIVATE_KEY =
  '-----BEGIN PRIVATE KEY-----\n(the key itself)\n-----END PRIVATE KEY-----\n';
