/**
 * Makes a project with a domain that is ready to send and receive. Used by `bootstrap` and for the sandbox of
 * a first start.
 */
import { makeDkimKeys } from '../domains/dkim-keys.ts';
import type { DomainReader, DomainTx, MtaDomain } from '../domains/mta-domains.ts';
import { challengeRecord } from '../domains/ownership.ts';
import { DEFAULT_ROTATION_DAYS } from '../domains/rotation.ts';
import { newTopic } from '../edj/new-topic.ts';
import type { EdjReader, EdjTx, Topic } from '../edj/topics.ts';
import type { ApiClient, IamReader, IamTx, OwnedDomain, Project } from '../iam/projects.ts';
import { createStaticKey } from '../iam/static-keys.ts';
import type { AuditTx } from '../ledger/audit.ts';
import type { Domain } from '../mail/domain.ts';
import type { RuleTx } from '../rules/rules.ts';
import type { Clock } from '../runtime/clock.ts';
import { parseId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { Transactor } from '../runtime/transactor.ts';
import { findProject } from './find-project.ts';
import { UsageError } from './usage.ts';

export interface SetupDeps {
  readonly read: IamReader & DomainReader & EdjReader;
  readonly transactor: Transactor<IamTx & DomainTx & EdjTx & RuleTx & AuditTx>;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
}
export interface SetupRequest {
  readonly project: string;
  readonly sandbox: boolean;
  readonly domain: Domain;
  /** Treats ownership as proved and our MX as seen, and enables DKIM. */
  readonly verified: boolean;
  /** The service publishes the DKIM keys in its own zone (domains/delegation.ts). */
  readonly delegated: boolean;
  readonly role: string;
}
export interface SetUp {
  readonly project: Project;
  readonly owned: OwnedDomain;
  /** null until the ownership is proved. */
  readonly ready: {
    readonly domain: MtaDomain;
    readonly topic: Topic;
    readonly client: ApiClient;
    readonly key: { readonly id: string; readonly secret: string };
  } | null;
  readonly ownership: {
    readonly name: string;
    readonly type: string;
    readonly value: string;
    readonly verified: boolean;
  };
}

/**
 * Keeps what exists; makes a new key at each call. Throws ConflictError if another project has the domain.
 */
export async function setUp(deps: SetupDeps, request: SetupRequest): Promise<SetUp> {
  const { read, transactor, random, clock, sealer } = deps;
  const now = clock.now();
  let project = await findProject(read, request.project);
  if (project === null) {
    // Nobody names a project like this: it is the id of a project of another store.
    if (parseId<'project'>(request.project) !== null)
      throw new UsageError(`there is no project with the id '${request.project}'`);
    const made: Project = {
      id: random.id(),
      name: request.project,
      sandbox: request.sandbox,
      createdAt: now,
      closedAt: null,
    };
    await transactor.transact(made.id, (tx) => tx.insertProject(made));
    project = made;
  }
  const { id: projectId } = project;
  let owned = await read.ownedDomainByName(projectId, request.domain);
  if (owned === null) {
    const made: OwnedDomain = {
      id: random.id(),
      projectId,
      name: request.domain,
      challenge: random.bytes(24).toString('hex'),
      verifiedAt: null,
      proof: null,
      createdAt: now,
    };
    await transactor.transact(projectId, (tx) => tx.insertOwnedDomain(made));
    owned = made;
  }
  if (owned.verifiedAt === null && request.verified) {
    const { id } = owned;
    await transactor.transact(projectId, (tx) => tx.verifyOwnedDomain(projectId, id, now));
    owned = { ...owned, verifiedAt: now };
  }
  const ownership = { ...challengeRecord(owned), verified: owned.verifiedAt !== null };
  if (owned.verifiedAt === null) return { project, owned, ready: null, ownership };

  const existing = await read.findDomain(request.domain);
  let domain = existing?.projectId === projectId ? existing : null;
  const topicName = request.domain;
  let topic =
    domain === null
      ? await read.topicByName(projectId, topicName)
      : await read.topic(projectId, domain.defaultTopicId);
  const clients = (await read.apiClients(projectId, { limit: 500, cursor: null })).items;
  const clientName = `bootstrap-${request.role}`;
  const client: ApiClient = clients.find(({ name }) => name === clientName) ?? {
    id: random.id(),
    projectId,
    name: clientName,
    roles: [request.role],
    createdAt: now,
  };
  const { key, secret } = await createStaticKey(
    { random, sealer, now },
    { projectId, apiClientId: client.id, expiresAt: null },
  );
  const domainId = domain?.id ?? random.id<'mta-domain'>();
  const dkimKeys =
    domain === null
      ? await makeDkimKeys({ random, sealer, clock }, { projectId, domainId }, request.delegated)
      : [];
  const made = topic === null ? newTopic(random.id(), projectId, topicName, now) : null;
  topic = topic ?? made!;
  const newDomain: MtaDomain | null =
    domain === null
      ? {
          id: domainId,
          projectId,
          ownedDomainId: owned.id,
          name: request.domain,
          defaultTopicId: topic.id,
          receiving: true,
          mxSeen: request.verified,
          dkimEnabled: request.verified,
          dkimRotationDays: DEFAULT_ROTATION_DAYS,
          limitPerMinute: null,
          limitPerDay: null,
          dns: null,
          createdAt: now,
        }
      : null;
  domain = domain ?? newDomain!;
  const topicId = topic.id;
  await transactor.transact(projectId, (tx) => {
    if (made !== null) tx.insertTopic(made);
    if (newDomain !== null) {
      tx.insertDomain(newDomain);
      for (const dkimKey of dkimKeys) tx.insertDkimKey(dkimKey);
      tx.insertRule({
        id: random.id(),
        projectId,
        topicId,
        createdAt: now,
        family: 'incoming',
        domainId,
        type: 'catch_all',
        localPart: null,
      });
    }
    if (!clients.includes(client)) tx.insertApiClient(client);
    tx.insertStaticKey(key);
    tx.insertAuditEvent({
      id: random.id(),
      projectId,
      actor: { kind: 'command', id: null },
      operation: 'command.bootstrap',
      target: `/iam/v1/projects/${projectId}`,
      address: null,
      at: now,
      fields: ['domain', 'project', 'role'],
      outcome: 'succeeded',
    });
  });
  return { project, owned, ready: { domain, topic, client, key: { id: key.id, secret } }, ownership };
}
