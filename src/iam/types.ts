/**
 * Who owns and who may: projects, API clients, static keys, owned domains. Interfaces the store implements. What concerns
 * people (members, sessions, roles) is in people-types.ts.
 */
import type { Domain } from '../mail/domain.ts';
import type { ApiClientId, MemberId, OwnedDomainId, ProjectId, RoleId, StaticKeyId } from '../runtime/ids.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';

export interface Project {
  readonly id: ProjectId;
  readonly name: string;
  /** The sandbox project's mail never leaves the machine. */
  readonly sandbox: boolean;
  readonly createdAt: number;
  /** Nothing is sent or received and no key works since then; null: open. */
  readonly closedAt: number | null;
}
/** A custom role of a project: a name for some operations. */
export interface Role {
  readonly id: RoleId;
  readonly projectId: ProjectId;
  /** Never that of a predefined role or an operation; does not change. */
  readonly name: string;
  readonly operations: readonly string[];
  readonly createdAt: number;
}
export interface ApiClient {
  readonly id: ApiClientId;
  readonly projectId: ProjectId;
  readonly name: string;
  /** Names of predefined roles (iam/policy.ts), single operations, or custom roles of the project. */
  readonly roles: readonly string[];
  readonly createdAt: number;
}
export interface StaticKey {
  readonly id: StaticKeyId;
  readonly projectId: ProjectId;
  readonly apiClientId: ApiClientId;
  /** ms; null = no end */
  readonly expiresAt: number | null;
  readonly createdAt: number;
  /** ms of the UTC day on which it was last used; null: never. */
  readonly lastUsedAt: number | null;
  readonly verifier: KeyVerifier;
}
/** What is kept instead of the secret. */
export interface KeyVerifier {
  /** HMAC-SHA-256(instance secret, secret), for PLAIN, LOGIN and Basic. */
  readonly keyedHash: Buffer;
  /** SCRAM-SHA-256 (RFC 5802, 7677), 4,096 rounds. */
  readonly scram: {
    readonly salt: Buffer;
    readonly iterations: number;
    readonly storedKey: Buffer;
    readonly serverKey: Buffer;
  };
}
/** Who acts: a program or a person. */
export type Actor =
  | {
      readonly kind: 'key';
      readonly apiClientId: ApiClientId;
      /** null for a trusted network's client */
      readonly keyId: StaticKeyId | null;
    }
  | { readonly kind: 'member'; readonly memberId: MemberId };
/** Who is calling, once a key or a member has been proved, in one project. */
export interface Principal {
  readonly projectId: ProjectId;
  readonly actor: Actor;
  readonly operations: ReadonlySet<string>;
  readonly sandbox: boolean;
}
export interface OwnedDomain {
  readonly id: OwnedDomainId;
  readonly projectId: ProjectId;
  readonly name: Domain;
  /** Value the customer publishes as TXT at `_hikyaku-challenge.<name>`. */
  readonly challenge: string;
  readonly verifiedAt: number | null;
  /** What DNS says of the challenge; null = never seen there: not proved yet, or taken as proved by the operator. */
  readonly proof: OwnershipProof | null;
  readonly createdAt: number;
}
/** Times are ms. Only clear answers of DNS change it. */
export interface OwnershipProof {
  readonly seenAt: number;
  readonly checkedAt: number;
  /** First of the clear absences since it was last seen, and how many there were. */
  readonly lostSince: number | null;
  readonly lostChecks: number;
  /** The ownership ended: DNS gave the domain to another project, or the challenge was gone for too long. */
  readonly ended: { readonly at: number; readonly reason: 'moved' | 'lost' } | null;
}

/** An API client with what decides about its calls: its project and the custom roles it names. */
export interface ClientOwner {
  readonly client: ApiClient;
  readonly project: Project;
  readonly roles: readonly Role[];
}
export interface IamReader {
  /** Global directory look-ups. */
  findKey(id: StaticKeyId): Promise<({ key: StaticKey } & ClientOwner) | null>;
  findApiClient(id: ApiClientId): Promise<ClientOwner | null>;
  project(id: ProjectId): Promise<Project | null>;
  projects(page: PageRequest): Promise<Page<Project>>;
  /** API clients with the role `operator` in open projects, oldest first. */
  operatorClients(): Promise<readonly ApiClient[]>;
  projectByName(name: string): Promise<Project | null>;
  apiClients(project: ProjectId, page: PageRequest): Promise<Page<ApiClient>>;
  apiClient(project: ProjectId, id: ApiClientId): Promise<ApiClient | null>;
  staticKeys(project: ProjectId, client: ApiClientId, page: PageRequest): Promise<Page<StaticKey>>;
  ownedDomains(project: ProjectId, page: PageRequest): Promise<Page<OwnedDomain>>;
  ownedDomain(project: ProjectId, id: OwnedDomainId): Promise<OwnedDomain | null>;
  ownedDomainByName(project: ProjectId, name: Domain): Promise<OwnedDomain | null>;
  /** Whichever project has proved it: at most one. */
  verifiedOwner(name: Domain): Promise<OwnedDomain | null>;
  /** Proved domains of all projects in id order: those after `after`, at most `limit`. */
  verifiedDomains(after: OwnedDomainId | null, limit: number): Promise<readonly OwnedDomain[]>;
}
export interface IamTx {
  insertProject(project: Project): void;
  /** Name and whether it is closed. StaleError when it is gone. */
  updateProject(project: Project): void;
  /** ConflictError 'api_client.name' on a second of one name in the project. */
  insertApiClient(client: ApiClient): void;
  updateApiClient(client: ApiClient): void;
  deleteApiClient(project: ProjectId, id: ApiClientId): void;
  insertStaticKey(key: StaticKey): void;
  deleteStaticKey(project: ProjectId, id: StaticKeyId): void;
  /** Notes the day of its last use; no change of the directory. */
  noteKeyUse(project: ProjectId, id: StaticKeyId, day: number): void;
  /** ConflictError 'owned_domain.name' on a second of one name in the project. */
  insertOwnedDomain(domain: OwnedDomain): void;
  /** ConflictError 'owned_domain.verified' where another project has proved the name. */
  verifyOwnedDomain(project: ProjectId, id: OwnedDomainId, at: number, proof?: OwnershipProof): void;
  /** StaleError where it is not a proved one. */
  noteProof(project: ProjectId, id: OwnedDomainId, proof: OwnershipProof): void;
  /** It is proved no longer. StaleError where it is not a proved one. */
  releaseOwnedDomain(project: ProjectId, id: OwnedDomainId, proof: OwnershipProof): void;
  deleteOwnedDomain(project: ProjectId, id: OwnedDomainId): void;
}
/** Conditions of a transaction: it fails with StaleError unless the row is, at the commit, as it is given here. */
export interface IamExpectations {
  expectApiClient(client: ApiClient): void;
  expectOwnedDomain(domain: OwnedDomain): void;
}
