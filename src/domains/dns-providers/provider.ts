/**
 * DNS providers behind one interface: find the zone of a name, read record sets exactly, change several together.
 * Invariants: a value is never repaired or reordered; a provider touches only the sets of the change; if it finds other
 * records than the change expects, it changes nothing. Fails: DnsProviderError; its message is for people and never holds
 * a credential. The caller of `apply` reads DNS back afterwards, because a lost answer does not tell what happened.
 */
import type { RECORD_TYPES } from '../../contract/values.ts';
import type { DnsAccountId, DnsChangeId, DnsPlanId, DomainId, ProjectId } from '../../runtime/ids.ts';
import type { Page, PageRequest } from '../../runtime/transactor.ts';

export type RecordType = (typeof RECORD_TYPES)[number];

/** `name` is absolute, in lower case, without a final dot. */
export interface SetKey {
  readonly name: string;
  readonly type: RecordType;
}
/** All records of one name and type (RFC 2181 §5). */
export interface RecordSet extends SetKey {
  /** Seconds. */
  readonly ttl: number;
  /**
   * At least one, in the provider's order, in presentation form: host names without a final dot (the root is `.`), TXT as
   * quoted character-strings with `\DDD` (record-values.ts).
   */
  readonly values: readonly string[];
  /** The reason why the service does not change this set, e.g. that it is an alias. */
  readonly fixed?: string;
  /** Data that the provider keeps with a value (comments, tags). It is restored together with the value. */
  readonly extras?: Readonly<Record<string, unknown>>;
}
/** One set before and after the change. No values: the set does not exist. */
export interface SetChange extends SetKey {
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Seconds; null if there is no set. */
  readonly ttl: { readonly before: number | null; readonly after: number | null };
  readonly extras?: Readonly<Record<string, unknown>>;
}
export interface Zone {
  /** The provider's id of the zone. */
  readonly id: string;
  /** In lower case, without a final dot. */
  readonly name: string;
}
export type ApplyOutcome =
  /** `revert`: the argument of `revert` below. `propagated` false: not all servers of the provider have it yet. */
  | { readonly kind: 'applied'; readonly revert: string | null; readonly propagated: boolean }
  /** Nothing was changed: DNS does not hold what `before` says. */
  | { readonly kind: 'changed'; readonly detail: string };

export interface DnsProvider {
  /** Tests the credentials with a request that changes nothing. */
  check(): Promise<void>;
  /** The zone that contains `name`; of several, the one with the longest name. null: there is none. */
  findZone(name: string): Promise<Zone | null>;
  /** Those sets of `keys` that exist. */
  read(zone: Zone, keys: readonly SetKey[]): Promise<readonly RecordSet[]>;
  /** Makes all changes or none, if the provider can do that. */
  apply(zone: Zone, changes: readonly SetChange[]): Promise<ApplyOutcome>;
  /** Restores the exact previous state by the provider's own means. null: not possible any more; `apply` the reverse. */
  revert?(zone: Zone, changes: readonly SetChange[], revert: string): Promise<ApplyOutcome | null>;
  /** Closes open connections. */
  close?(): void;
}
export type DnsProviderErrorCode =
  /** The provider does not accept the credentials, or they do not allow this call. */
  | 'credentials'
  /** Several zones of the account have the same name. */
  | 'ambiguous-zone'
  | 'blocked-address'
  /** There was no answer, or it cannot be understood: try again. */
  | 'unreachable'
  /** The provider refused. */
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
  /** A name from kinds.ts, or a name that only another version of the program knows. */
  readonly provider: string;
  readonly name: string;
  /** The settings that may be shown. */
  readonly settings: Readonly<Record<string, string>>;
  /** All settings as JSON, sealed (runtime/sealing.ts) for this account alone. */
  readonly sealedSettings: Buffer;
  readonly createdAt: number;
  /** The stored settings that may be shown cannot be read; `settings` has none of them. */
  readonly broken?: true;
}
/** One line for people, in both languages. */
export interface Words {
  readonly message: string;
  readonly message_ja: string;
}
export interface PlannedChange extends SetChange, Words {
  readonly purpose: string;
}
/** A set that the plan leaves as it is although the domain needs something else, and the reason. */
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
  /** Foreign MX values that the plan removes. To apply it, the caller must give `replace_mx`. */
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
/** `applying`: not finished yet, or its result was never learnt. */
export type ChangeState = 'applying' | 'applied' | 'partial' | 'failed' | 'unknown';
/** One row of the history. Rows are kept even after the domain or the account is deleted. */
export interface DnsChange {
  readonly id: DnsChangeId;
  readonly projectId: ProjectId;
  readonly domainId: DomainId;
  readonly accountId: DnsAccountId;
  readonly kind: 'apply' | 'undo';
  /** The change that an undo reverses. */
  readonly undoes: DnsChangeId | null;
  readonly zone: Zone;
  readonly changes: readonly SetChange[];
  readonly state: ChangeState;
  /** The sets that were really changed. Known once the change has ended. */
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
  /** ConflictError 'dns_account.name' if the project already has an account of this name. */
  insertDnsAccount(account: DnsAccount): void;
  /** Writes the name and the settings, if they are given. StaleError if the account does not exist any more. */
  updateDnsAccount(
    account: Pick<DnsAccount, 'projectId' | 'id'> &
      Partial<Pick<DnsAccount, 'name' | 'settings' | 'sealedSettings'>>,
  ): void;
  /** Removes the account and its plans; the history stays. */
  deleteDnsAccount(project: ProjectId, id: DnsAccountId): void;
  insertDnsPlan(plan: StoredPlan): void;
  /** Removes the plan, because a plan is used once. StaleError if it does not exist any more. */
  useDnsPlan(project: ProjectId, domain: DomainId, id: DnsPlanId): void;
  /** Removes the domain's plans made before `before`. */
  pruneDnsPlans(project: ProjectId, domain: DomainId, before: number): void;
  insertDnsChange(change: DnsChange): void;
  /** Writes state, done, cause, revert and completedAt. StaleError if the change does not exist any more. */
  updateDnsChange(change: DnsChange): void;
}
/** Conditions of a transaction: it fails with StaleError unless the stored row equals the given one at the commit. */
export interface DnsAccountExpectations {
  expectDnsAccount(account: DnsAccount): void;
}
