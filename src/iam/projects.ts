/**
 * Owners and API clients: projects, API clients, static keys, owned domains. Interfaces that the store
 * implements. people-types.ts has what concerns people (members, sessions, roles).
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
  /**
   * Since this time the project sends and receives nothing and no key of it works; null if the project is
   * open.
   */
  readonly closedAt: number | null;
}
/** A custom role of a project: a name for a set of operations. */
export interface Role {
  readonly id: RoleId;
  readonly projectId: ProjectId;
  /** Never the name of a predefined role or an operation; it does not change. */
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
  /** ms; null means that it does not expire. */
  readonly expiresAt: number | null;
  readonly createdAt: number;
  /** ms of the UTC day on which the key was last used; null if never. */
  readonly lastUsedAt: number | null;
  readonly verifier: KeyVerifier;
}
/** What the store has instead of the secret. */
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
      /** null for the API client of a trusted network */
      readonly keyId: StaticKeyId | null;
    }
  | { readonly kind: 'member'; readonly memberId: MemberId };
/** The caller in one project, after a key or a member has been proved. */
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
  /** The value that the customer publishes as TXT at `_hikyaku-challenge.<name>`. */
  readonly challenge: string;
  readonly verifiedAt: number | null;
  /**
   * What DNS says about the challenge. null if DNS has never shown it: the ownership is not proved yet, or
   * the operator declared it proved.
   */
  readonly proof: OwnershipProof | null;
  readonly createdAt: number;
}
/** Times are ms. Only definite answers of DNS change it. */
export interface OwnershipProof {
  readonly seenAt: number;
  readonly checkedAt: number;
  /** The first definite absence since the challenge was last seen, and the number of absences. */
  readonly lostSince: number | null;
  readonly lostChecks: number;
  /**
   * Set if the ownership ended: DNS gave the domain to another project, or the challenge was gone for too
   * long.
   */
  readonly ended: { readonly at: number; readonly reason: 'moved' | 'lost' } | null;
}

/**
 * An API client with what decides about its calls: its project and the project's custom roles that it names.
 */
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
  /** Oldest first, at most 100: a name may belong to several projects. */
  projectsByName(name: string): Promise<readonly Project[]>;
  apiClients(project: ProjectId, page: PageRequest): Promise<Page<ApiClient>>;
  apiClient(project: ProjectId, id: ApiClientId): Promise<ApiClient | null>;
  staticKeys(project: ProjectId, client: ApiClientId, page: PageRequest): Promise<Page<StaticKey>>;
  ownedDomains(project: ProjectId, page: PageRequest): Promise<Page<OwnedDomain>>;
  ownedDomain(project: ProjectId, id: OwnedDomainId): Promise<OwnedDomain | null>;
  ownedDomainByName(project: ProjectId, name: Domain): Promise<OwnedDomain | null>;
  /** The project that has proved the name; at most one. */
  verifiedOwner(name: Domain): Promise<OwnedDomain | null>;
  /** Proved domains of all projects in order of id: at most `limit`, after the id `after`. */
  verifiedDomains(after: OwnedDomainId | null, limit: number): Promise<readonly OwnedDomain[]>;
}
export interface IamTx {
  insertProject(project: Project): void;
  /** StaleError if the project is gone. */
  renameProject(id: ProjectId, name: string): void;
  /** StaleError unless the project is open. */
  closeProject(id: ProjectId, at: number): void;
  /** StaleError unless the project was closed at this time. */
  reopenProject(id: ProjectId, closedAt: number): void;
  /** ConflictError 'api_client.name' if the project already has the name. */
  insertApiClient(client: ApiClient): void;
  /** Writes the fields that are given. StaleError if the client is gone. */
  updateApiClient(
    client: Pick<ApiClient, 'projectId' | 'id'> & Partial<Pick<ApiClient, 'name' | 'roles'>>,
  ): void;
  deleteApiClient(project: ProjectId, id: ApiClientId): void;
  insertStaticKey(key: StaticKey): void;
  deleteStaticKey(project: ProjectId, id: StaticKeyId): void;
  /** Stores the keyed hash of a key that has none. Does nothing if it has one. */
  setKeyedHash(project: ProjectId, id: StaticKeyId, keyedHash: Buffer): void;
  /** Stores the day of the key's last use; the directory does not change. */
  noteKeyUse(project: ProjectId, id: StaticKeyId, day: number): void;
  /** ConflictError 'owned_domain.name' if the project already has the name. */
  insertOwnedDomain(domain: OwnedDomain): void;
  /** ConflictError 'owned_domain.verified' if another project has proved the name. */
  verifyOwnedDomain(project: ProjectId, id: OwnedDomainId, at: number, proof?: OwnershipProof): void;
  /** StaleError if it is not a proved domain. */
  noteProof(project: ProjectId, id: OwnedDomainId, proof: OwnershipProof): void;
  /**
   * The domain is no longer proved. If it is still set up for mail then (somebody did so meanwhile, or its project is
   * closed), that is removed, too. StaleError if it is not a proved domain.
   */
  releaseOwnedDomain(project: ProjectId, id: OwnedDomainId, proof: OwnershipProof): void;
  deleteOwnedDomain(project: ProjectId, id: OwnedDomainId): void;
}
/**
 * Conditions of a transaction. It fails with StaleError if, at the commit, the row differs from the one given
 * here.
 */
export interface IamExpectations {
  expectApiClient(client: ApiClient): void;
  /** Only that it has these roles. */
  expectClientRoles(client: Pick<ApiClient, 'projectId' | 'id' | 'roles'>): void;
  expectOwnedDomain(domain: OwnedDomain): void;
}
