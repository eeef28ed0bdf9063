/** MTA domains: owned domains that are set up for mail, their DKIM keys and last DNS check, and removed domains. */
import type { Domain } from '../mail/domain.ts';
import type { DkimKeyId, DomainId, OwnedDomainId, ProjectId, TopicId } from '../runtime/ids.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';

export interface MtaDomain {
  readonly id: DomainId;
  readonly projectId: ProjectId;
  readonly ownedDomainId: OwnedDomainId;
  readonly name: Domain;
  readonly defaultTopicId: TopicId;
  /** The domain receives mail. */
  readonly receiving: boolean;
  /** The last DNS check saw our MX (or the domain counts as seen: sandbox, --verified). */
  readonly mxSeen: boolean;
  readonly dkimEnabled: boolean;
  /** Days after which an active DKIM key gets a successor; null = the service does not rotate the keys. */
  readonly dkimRotationDays: number | null;
  /** Rolling limits of this domain; null = only the project's limits apply. */
  readonly limitPerMinute: number | null;
  readonly limitPerDay: number | null;
  readonly dns: DnsCheck | null;
  readonly createdAt: number;
}
export interface DnsCheck {
  readonly checkedAt: number;
  /** When DNS gave the oldest of the answers, ms, and whether all came from the servers of the zones themselves. */
  readonly observedAt?: number;
  readonly authoritative?: boolean;
  /** The domain still counts as seen (sandbox, --verified), because no check has seen our MX. */
  readonly assumed?: true;
  readonly mx: DnsCheckItem;
  readonly spf: DnsCheckItem;
  readonly dkim: DnsCheckItem;
  readonly dmarc: DnsCheckItem;
  /** Each record separately; absent in checks of earlier versions of the program. */
  readonly records?: readonly RecordState[];
}
/** What is missing or wrong: a code and the values for its text (domains/findings.ts). */
export interface Finding {
  readonly code: string;
  readonly args: Readonly<Record<string, string>>;
}
export interface RecordState {
  readonly purpose: 'mx' | 'spf' | 'dkim' | 'dmarc' | 'client';
  readonly type: 'MX' | 'TXT' | 'SRV' | 'CNAME';
  readonly name: string;
  /** null for TXT: a name has only one here. */
  readonly value: string | null;
  readonly state: 'ok' | 'missing' | 'wrong' | 'unknown';
  /** Not stored if the record is correct. */
  readonly found: readonly string[];
  readonly finding: Finding | null;
}
export interface DnsCheckItem {
  readonly status: 'ok' | 'missing' | 'wrong' | 'error';
  readonly expected: readonly string[];
  readonly found: readonly string[];
  readonly finding?: Finding | null;
}
/** The domain receives and its MX is ours: mail to it goes straight to the receive rules. */
export function isHosted(domain: MtaDomain): boolean {
  return domain.receiving && domain.mxSeen;
}
export interface DkimKey {
  readonly id: DkimKeyId;
  readonly projectId: ProjectId;
  readonly domainId: DomainId;
  readonly selector: string;
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256';
  /** Value of the TXT record at `<selector>._domainkey.<domain>`. */
  readonly publicRecord: string;
  /** PKCS#8 DER sealed with the instance secret (AES-256-GCM; runtime/sealing.ts). */
  readonly sealedPrivateKey: Buffer;
  readonly state: DkimKeyState;
  /** Of a pending key: since when all resolvers have seen it without a break, ms. */
  readonly seenSince: number | null;
  /** When the key reached its state, ms. */
  readonly changedAt: number;
  readonly createdAt: number;
}
/**
 * pending: not published yet, or not seen for long enough; active: it signs; retiring: it no longer signs, but its
 * record must stay; retired: its record may be removed, and its private key is deleted.
 */
export type DkimKeyState = 'pending' | 'active' | 'retiring' | 'retired';
/** What remains of a removed MTA domain: its messages, events and usage still have its id. */
export interface RemovedDomain {
  readonly id: DomainId;
  readonly projectId: ProjectId;
  readonly name: Domain;
  /** deleted: by its project; moved: another project verified the ownership; lost: the ownership ended. */
  readonly reason: 'deleted' | 'moved' | 'lost';
  readonly createdAt: number;
  readonly removedAt: number;
}
export interface DomainReader {
  /**
   * Exact look-up by A-labels over all projects. At most one project has a name set up. Domains of closed projects
   * are not found.
   */
  findDomain(name: Domain): Promise<MtaDomain | null>;
  domain(project: ProjectId, id: DomainId): Promise<MtaDomain | null>;
  domains(project: ProjectId, page: PageRequest): Promise<Page<MtaDomain>>;
  dkimKeys(project: ProjectId, domain: DomainId): Promise<readonly DkimKey[]>;
  /** The domains of all projects in the order of their ids, for the checker: at most `limit`, after `after`. */
  domainsForCheck(after: DomainId | null, limit: number): Promise<readonly MtaDomain[]>;
  removedDomain(project: ProjectId, id: DomainId): Promise<RemovedDomain | null>;
  removedDomains(project: ProjectId, page: PageRequest): Promise<Page<RemovedDomain>>;
}
export interface DomainTx {
  /** ConflictError 'mta_domain.name'. */
  insertDomain(domain: MtaDomain): void;
  /** Writes the fields that are given, of those that people change. StaleError if the domain is gone. */
  updateDomain(domain: Pick<MtaDomain, 'projectId' | 'id'> & Partial<MtaDomain>): void;
  /**
   * Writes only the result of a check. `signs`: turns signing on (false changes nothing). StaleError if the domain
   * is gone.
   */
  noteDnsCheck(
    project: ProjectId,
    id: DomainId,
    found: { readonly dns: DnsCheck; readonly mxSeen: boolean; readonly signs: boolean },
  ): void;
  /** Also removes the rules and DKIM keys of the domain. */
  deleteDomain(project: ProjectId, id: DomainId): void;
  insertRemovedDomain(domain: RemovedDomain): void;
  /**
   * StaleError unless the domain has fewer than `most` keys that are not retired, and fewer than `mostWithRetired`
   * keys. Record it before the insert.
   */
  capDkimKeys(project: ProjectId, domain: DomainId, most: number, mostWithRetired: number): void;
  /** ConflictError 'dkim_key.selector' if the domain already has a key with this selector. */
  insertDkimKey(key: DkimKey): void;
  /** Writes the state, the times, the public record and the sealed private key. StaleError if the key is no longer in the state `from`. */
  moveDkimKey(key: DkimKey, from: DkimKeyState): void;
  deleteDkimKey(project: ProjectId, domain: DomainId, id: DkimKeyId): void;
}
/** Conditions of a transaction: it fails with StaleError unless the row is unchanged at the commit. */
export interface DomainExpectations {
  expectDomain(domain: MtaDomain): void;
  expectDkimKey(key: DkimKey): void;
}

/** The operator vouched for the domain (sandbox, `--verified`), and no check has really seen its records yet. */
export function countsAsSeen(domain: MtaDomain): boolean {
  return domain.mxSeen && (domain.dns === null || domain.dns.assumed === true);
}
