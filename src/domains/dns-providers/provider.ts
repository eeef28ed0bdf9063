/**
 * Providers of DNS behind one interface: find the zone of a name, read record sets exactly, change several together.
 * Invariants: a value is never repaired or reordered; what is not asked to change is not touched; a provider that finds
 * other records than a change says changes nothing. Fails: DnsProviderError, whose message is for people and never
 * holds a credential; whoever calls `apply` reads back afterwards, since a lost answer leaves open what happened.
 */
import type { RECORD_TYPES } from '../../contract/values.ts';
import type { DnsAccountId, DnsChangeId, DnsPlanId, DomainId, ProjectId } from '../../runtime/ids.ts';
import type { Page, PageRequest } from '../../runtime/transactor.ts';

export type RecordType = (typeof RECORD_TYPES)[number];

/** `name` is absolute, lower case, without final dot. */
export interface SetKey {
  readonly name: string;
  readonly type: RecordType;
}
/** All records of one name and type (RFC 2181 §5). */
export interface RecordSet extends SetKey {
  /** Seconds. */
  readonly ttl: number;
  /**
   * At least one, in the provider's order, in presentation form: host names without final dot (the root is `.`), TXT as
   * quoted character-strings with `\DDD` (record-values.ts).
   */
  readonly values: readonly string[];
  /** Why this set is not changed through here, e.g. that it is an alias. */
  readonly fixed?: string;
  /** What the provider keeps beside a value (comments, tags), given back with it when it is restored. */
  readonly extras?: Readonly<Record<string, unknown>>;
}
/** What becomes of one set; no values = there is no such set. */
export interface SetChange extends SetKey {
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Seconds; null where there is no set. */
  readonly ttl: { readonly before: number | null; readonly after: number | null };
  readonly extras?: Readonly<Record<string, unknown>>;
}
export interface Zone {
  /** The provider's. */
  readonly id: string;
  /** Lower case, without final dot. */
  readonly name: string;
}
export type ApplyOutcome =
  /** `revert`: the provider's own way back, for `revert` below; `propagated` false: not yet at all of its servers. */
  | { readonly kind: 'applied'; readonly revert: string | null; readonly propagated: boolean }
  /** Nothing was changed: DNS is not what `before` says. */
  | { readonly kind: 'changed'; readonly detail: string };

export interface DnsProvider {
  /** Asks something harmless with the credentials. */
  check(): Promise<void>;
  /** The zone with the longest name that `name` lies in, or null. */
  findZone(name: string): Promise<Zone | null>;
  /** The sets that exist among `keys`. */
  read(zone: Zone, keys: readonly SetKey[]): Promise<readonly RecordSet[]>;
  /** All changes or none, where the provider can. */
  apply(zone: Zone, changes: readonly SetChange[]): Promise<ApplyOutcome>;
  /** Goes back the provider's own way, exactly; null: that way is closed, `apply` the reverse. */
  revert?(zone: Zone, changes: readonly SetChange[], revert: string): Promise<ApplyOutcome | null>;
  /** Ends connections that are kept. */
  close?(): void;
}
export type DnsProviderErrorCode =
  /** The provider does not take the credentials, or they may not do this. */
  | 'credentials'
  /** Several zones of the account have the same name. */
  | 'ambiguous-zone'
  | 'blocked-address'
  /** No answer, or none that can be understood: try again. */
  | 'unreachable'
  /** It answered no. */
  | 'refused';
export class DnsProviderError extends Error {
  override name = 'DnsProviderError';
  readonly code: DnsProviderErrorCode;
  constructor(code: DnsProviderErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface DnsAccount {
  readonly id: DnsAccountId;
  readonly projectId: ProjectId;
  /** A name of kinds.ts, or one that another version of the program knows. */
  readonly provider: string;
  readonly name: string;
  /** What may be shown. */
  readonly settings: Readonly<Record<string, string>>;
  /** All settings as JSON, sealed (runtime/sealing.ts) for this account alone. */
  readonly sealedSettings: Buffer;
  readonly createdAt: number;
}
/** One line for people, in both languages. */
export interface Words {
  readonly message: string;
  readonly message_ja: string;
}
export interface PlannedChange extends SetChange, Words {
  readonly purpose: string;
}
/** A set that stays as it is although something else was wished, and why. */
export interface Remark extends SetKey, Words {
  readonly purpose: string;
  readonly found: readonly string[];
}
export interface DnsPlan {
  readonly changes: readonly PlannedChange[];
  /** Left as the customer has it; nothing needs to be done. */
  readonly kept: readonly Remark[];
  /** Cannot be set from here; somebody must do something first. */
  readonly conflicts: readonly Remark[];
  /** MX values that go away and are not ours: asks for `replace_mx`. */
  readonly foreignMx: readonly string[];
}
export interface StoredPlan {
  readonly id: DnsPlanId;
  readonly projectId: ProjectId;
  readonly domainId: DomainId;
  readonly accountId: DnsAccountId;
  readonly zone: Zone;
  readonly plan: DnsPlan;
  readonly createdAt: number;
}
/** `applying`: not finished yet, or its end was never learnt. */
export type ChangeState = 'applying' | 'applied' | 'partial' | 'failed' | 'unknown';
/** One row of the history. Rows are kept, also beyond the domain and the account. */
export interface DnsChange {
  readonly id: DnsChangeId;
  readonly projectId: ProjectId;
  readonly domainId: DomainId;
  readonly accountId: DnsAccountId;
  readonly kind: 'apply' | 'undo';
  /** The change that an undo takes back. */
  readonly undoes: DnsChangeId | null;
  readonly zone: Zone;
  readonly changes: readonly SetChange[];
  readonly state: ChangeState;
  /** Sets that were really changed, known once it is over. */
  readonly done: readonly SetKey[] | null;
  readonly cause: string | null;
  readonly revert: string | null;
  readonly actor: string;
  readonly createdAt: number;
  readonly completedAt: number | null;
}

export interface DnsAccountReader {
  dnsAccount(project: ProjectId, id: DnsAccountId): Promise<DnsAccount | null>;
  dnsAccounts(project: ProjectId, page: PageRequest): Promise<Page<DnsAccount>>;
  dnsPlan(project: ProjectId, domain: DomainId, id: DnsPlanId): Promise<StoredPlan | null>;
  dnsChange(project: ProjectId, domain: DomainId, id: DnsChangeId): Promise<DnsChange | null>;
  dnsChanges(project: ProjectId, domain: DomainId, page: PageRequest): Promise<Page<DnsChange>>;
}
export interface DnsAccountTx {
  /** ConflictError 'dns_account.name' on a second of one name in the project. */
  insertDnsAccount(account: DnsAccount): void;
  /** Replaces name and settings. StaleError when it is gone. */
  updateDnsAccount(account: DnsAccount): void;
  /** Removes its plans too; the history stays. */
  deleteDnsAccount(project: ProjectId, id: DnsAccountId): void;
  insertDnsPlan(plan: StoredPlan): void;
  /** StaleError when it is gone: a plan is used once. */
  useDnsPlan(project: ProjectId, domain: DomainId, id: DnsPlanId): void;
  /** Removes the domain's plans made before `before`. */
  pruneDnsPlans(project: ProjectId, domain: DomainId, before: number): void;
  insertDnsChange(change: DnsChange): void;
  /** Writes state, done, cause, revert and completedAt. StaleError when it is gone. */
  updateDnsChange(change: DnsChange): void;
}
/** Conditions of a transaction: it fails with StaleError unless the row is, at the commit, as it is given here. */
export interface DnsAccountExpectations {
  expectDnsAccount(account: DnsAccount): void;
}
