/** Rows for the conformance suite: complete and valid; each field can be replaced. */
import type { DkimKey, MtaDomain } from '../../domains/mta-domains.ts';
import { newTopic } from '../../edj/new-topic.ts';
import type { EventRow, Subscriber, Topic } from '../../edj/topics.ts';
import type { Invitation, Member, Passkey } from '../../iam/people-records.ts';
import type { ApiClient, OwnedDomain, Project, StaticKey } from '../../iam/projects.ts';
import type { AuditEvent } from '../../ledger/audit.ts';
import { createRandom } from '../../runtime/random.ts';
import type { RecipientRow, StoredMessage } from '../../spool/messages.ts';
import type { Store } from '../store.ts';

const random = createRandom();
export const NOW = Date.UTC(2026, 0, 1);
export const newId: typeof random.id = () => random.id();

export const project = (over: Partial<Project> = {}): Project => ({
  id: newId(),
  name: 'one',
  sandbox: false,
  createdAt: NOW,
  closedAt: null,
  ...over,
});
export const client = (p: Project, over: Partial<ApiClient> = {}): ApiClient => ({
  id: newId(),
  projectId: p.id,
  name: 'mailer',
  roles: ['sender'],
  createdAt: NOW,
  ...over,
});
export const key = (c: ApiClient): StaticKey => ({
  id: newId(),
  projectId: c.projectId,
  apiClientId: c.id,
  expiresAt: null,
  createdAt: NOW,
  lastUsedAt: null,
  verifier: {
    keyedHash: Buffer.from('hash'),
    scram: {
      salt: Buffer.from('salt'),
      iterations: 4096,
      storedKey: Buffer.from('stored'),
      serverKey: Buffer.from('server'),
    },
  },
});
export const owned = (p: Project, name: string, over: Partial<OwnedDomain> = {}): OwnedDomain => ({
  id: newId(),
  projectId: p.id,
  name: name as OwnedDomain['name'],
  challenge: 'challenge',
  verifiedAt: null,
  proof: null,
  createdAt: NOW,
  ...over,
});
export const topic = (p: Project, name = 'inbox'): Topic => newTopic(newId(), p.id, name, NOW);
export const domain = (o: OwnedDomain, t: Topic, over: Partial<MtaDomain> = {}): MtaDomain => ({
  id: newId(),
  projectId: o.projectId,
  ownedDomainId: o.id,
  name: o.name,
  defaultTopicId: t.id,
  receiving: true,
  mxSeen: false,
  dkimEnabled: false,
  dkimRotationDays: 180,
  limitPerMinute: null,
  limitPerDay: 7,
  dns: null,
  createdAt: NOW,
  ...over,
});
export const dkimKey = (d: MtaDomain, over: Partial<DkimKey> = {}): DkimKey => ({
  id: newId(),
  projectId: d.projectId,
  domainId: d.id,
  selector: 's',
  algorithm: 'rsa-sha256',
  publicRecord: 'v=DKIM1',
  sealedPrivateKey: Buffer.from('x'),
  state: 'active',
  seenSince: null,
  changedAt: NOW,
  createdAt: NOW,
  ...over,
});
export const subscriber = (t: Topic): Subscriber => ({
  id: newId(),
  projectId: t.projectId,
  topicId: t.id,
  type: 'http',
  settings: { url: 'https://hook.example.com/', inline: false },
  sealedSettings: Buffer.from('sealed'),
  createdAt: NOW,
});
export const event = (t: Topic, over: Partial<EventRow> = {}): EventRow => ({
  id: newId(),
  projectId: t.projectId,
  topicId: t.id,
  service: 'mta',
  name: 'accepted',
  createdAt: NOW,
  expiresAt: null,
  keepUntil: NOW + 30 * 86_400_000,
  messageId: null,
  content: { a: 1 },
  summary: 'text',
  ...over,
});
export const message = (p: Pick<Project, 'id'>, over: Partial<StoredMessage> = {}): StoredMessage => ({
  id: newId(),
  projectId: p.id,
  domainId: null,
  direction: 'outgoing',
  source: 'api',
  mailFrom: 'a@example.com',
  messageIdHeader: '<1@example.com>',
  prefix: Buffer.from('Received: x\r\n'),
  raw: Buffer.from('Subject: x\r\n\r\nbody\r\n'),
  smtputf8: false,
  eightBit: false,
  acceptedAt: NOW,
  expiresAt: NOW + 1000,
  keepUntil: NOW + 30 * 86_400_000,
  facts: { recipients: ['b@example.net'] },
  ...over,
});
export const recipient = (m: StoredMessage, over: Partial<RecipientRow> = {}): RecipientRow => ({
  id: newId(),
  messageId: m.id,
  projectId: m.projectId,
  address: 'b@example.net',
  domain: 'example.net',
  lane: 'example.net',
  state: 'queued',
  attempts: 0,
  heldSince: null,
  heldMs: 0,
  moves: 0,
  dsn: null,
  nextAttemptAt: NOW,
  lastResult: null,
  createdAt: NOW,
  settledAt: null,
  ...over,
});
export const member = (over: Partial<Member> = {}): Member => ({
  id: newId(),
  email: 'a@example.com',
  name: 'A',
  language: 'en',
  instanceRoles: [],
  password: null,
  totp: null,
  createdAt: NOW,
  ...over,
});
export const passkey = (m: Member, over: Partial<Passkey> = {}): Passkey => ({
  id: newId(),
  memberId: m.id,
  credentialId: 'credential',
  name: 'laptop',
  publicKey: Buffer.from('cose'),
  counter: 1,
  transports: ['internal'],
  createdAt: NOW,
  lastUsedAt: null,
  ...over,
});
export const invitation = (p: Project, over: Partial<Invitation> = {}): Invitation => ({
  id: newId(),
  projectId: p.id,
  email: 'b@example.com',
  roles: ['reader'],
  hash: 'hash',
  invitedBy: 'a@example.com',
  createdAt: NOW,
  expiresAt: NOW + 10,
  ...over,
});
/** An id of that moment. Ids of the same millisecond are in no particular order. */
export const idAt = <K extends string>(ms: number) => createRandom(() => ms).id<K>();
export const auditEvent = (over: Partial<AuditEvent> & Pick<AuditEvent, 'projectId'>): AuditEvent => ({
  id: newId(),
  actor: { kind: 'key', id: newId() },
  operation: 'iam.api_clients.create',
  target: '/iam/v1/api_clients',
  address: '192.0.2.1',
  at: NOW,
  fields: ['name', 'roles'],
  outcome: 'succeeded',
  ...over,
});
/** A store with one project. */
export async function withProject(store: Store, over: Partial<Project> = {}): Promise<Project> {
  const made = project(over);
  await store.transact(made.id, (tx) => tx.insertProject(made));
  return made;
}

/** Every due delivery, nine at most. */
/** So many deliveries of each subscriber. */
export const atMost = (most: number) => ({ of: () => most, most, full: [] });
export const CLAIM = {
  perSubscriber: atMost(9),
  limit: 9,
  perProject: () => 9,
  round: { after: null, until: null },
  exclude: new Set<never>(),
};
