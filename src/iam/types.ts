/** Who owns and who may: projects, API clients, static keys, owned domains. Interfaces the store implements. */
import type { Domain } from '../mail/domain.ts';
import type { ApiClientId, OwnedDomainId, ProjectId, StaticKeyId } from '../runtime/ids.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';

export interface Project {
  readonly id: ProjectId;
  readonly name: string;
  /** The sandbox project's mail never leaves the machine. */
  readonly sandbox: boolean;
  readonly createdAt: number;
}
export interface ApiClient {
  readonly id: ApiClientId;
  readonly projectId: ProjectId;
  readonly name: string;
  /** Role names: predefined ones (iam/policy.ts) for now. */
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
/** Who is calling, once a key has been proved. */
export interface Principal {
  readonly projectId: ProjectId;
  readonly apiClientId: ApiClientId;
  /** null for a trusted network's client */
  readonly keyId: StaticKeyId | null;
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
  readonly createdAt: number;
}

export interface IamReader {
  /** Global directory look-ups. */
  findKey(id: StaticKeyId): Promise<{ key: StaticKey; client: ApiClient; project: Project } | null>;
  findApiClient(id: ApiClientId): Promise<{ client: ApiClient; project: Project } | null>;
  project(id: ProjectId): Promise<Project | null>;
  projects(page: PageRequest): Promise<Page<Project>>;
  projectByName(name: string): Promise<Project | null>;
  apiClients(project: ProjectId, page: PageRequest): Promise<Page<ApiClient>>;
  apiClient(project: ProjectId, id: ApiClientId): Promise<ApiClient | null>;
  staticKeys(project: ProjectId, client: ApiClientId, page: PageRequest): Promise<Page<StaticKey>>;
  ownedDomains(project: ProjectId, page: PageRequest): Promise<Page<OwnedDomain>>;
  ownedDomain(project: ProjectId, id: OwnedDomainId): Promise<OwnedDomain | null>;
  ownedDomainByName(project: ProjectId, name: Domain): Promise<OwnedDomain | null>;
  /** Whichever project has proved it: at most one. */
  verifiedOwner(name: Domain): Promise<OwnedDomain | null>;
}
export interface IamTx {
  insertProject(project: Project): void;
  /** ConflictError 'api_client.name' on a second of one name in the project. */
  insertApiClient(client: ApiClient): void;
  updateApiClient(client: ApiClient): void;
  deleteApiClient(project: ProjectId, id: ApiClientId): void;
  insertStaticKey(key: StaticKey): void;
  deleteStaticKey(project: ProjectId, id: StaticKeyId): void;
  /** ConflictError 'owned_domain.name' on a second of one name in the project. */
  insertOwnedDomain(domain: OwnedDomain): void;
  /** ConflictError 'owned_domain.verified' where another project has proved the name. */
  verifyOwnedDomain(project: ProjectId, id: OwnedDomainId, at: number): void;
  deleteOwnedDomain(project: ProjectId, id: OwnedDomainId): void;
}
/** Conditions of a transaction: it fails with StaleError unless the row is, at the commit, as it is given here. */
export interface IamExpectations {
  expectApiClient(client: ApiClient): void;
  expectOwnedDomain(domain: OwnedDomain): void;
}
