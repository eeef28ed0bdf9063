/** MTA domains: sending and receiving set up on an owned domain, with its DKIM keys, last DNS check, and what was removed. */
import type { Domain } from '../mail/domain.ts';
import type { DkimKeyId, DomainId, OwnedDomainId, ProjectId, TopicId } from '../runtime/ids.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';

export interface MtaDomain {
  readonly id: DomainId;
  readonly projectId: ProjectId;
  readonly ownedDomainId: OwnedDomainId;
  readonly name: Domain;
  readonly defaultTopicId: TopicId;
  /** Receiving is on. */
  readonly receiving: boolean;
  /** The last DNS check saw our MX (or the domain counts as seen: sandbox, --verified). */
  readonly mxSeen: boolean;
  readonly dkimEnabled: boolean;
  /** Days after which an active DKIM key gets a successor; null = never by itself. */
  readonly dkimRotationDays: number | null;
  /** Rolling limits of this domain alone; null = only the project's. */
  readonly limitPerMinute: number | null;
  readonly limitPerDay: number | null;
  readonly dns: DnsCheck | null;
  readonly createdAt: number;
}
export interface DnsCheck {
  readonly checkedAt: number;
  readonly mx: DnsCheckItem;
  readonly spf: DnsCheckItem;
  readonly dkim: DnsCheckItem;
  readonly dmarc: DnsCheckItem;
  /** Each record by itself; not in checks of earlier programs. */
  readonly records?: readonly RecordState[];
}
/** What is not in order: a code and what belongs into its sentence (domains/findings.ts). */
export interface Finding {
  readonly code: string;
  readonly args: Readonly<Record<string, string>>;
}
export interface RecordState {
  readonly purpose: 'mx' | 'spf' | 'dkim' | 'dmarc' | 'client';
  readonly type: 'MX' | 'TXT' | 'SRV' | 'CNAME';
  readonly name: string;
  /** null for TXT, of which a name has one here. */
  readonly value: string | null;
  readonly state: 'ok' | 'missing' | 'wrong' | 'unknown';
  /** Not kept where all is well. */
  readonly found: readonly string[];
  readonly finding: Finding | null;
}
export interface DnsCheckItem {
  readonly status: 'ok' | 'missing' | 'wrong' | 'error';
  readonly expected: readonly string[];
  readonly found: readonly string[];
  readonly finding?: Finding | null;
}
/** Receiving is on and the MX is ours: its recipients go straight to the receive rules. */
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
  /** First of the unbroken sightings by all resolvers, while it is pending; ms. */
  readonly seenSince: number | null;
  /** When it came to its state, ms. */
  readonly changedAt: number;
  readonly createdAt: number;
}
/**
 * pending: to be published, and not seen for long enough; active: signs; retiring: signs no more, its record must stay;
 * retired: its record may go, and its private half is gone.
 */
export type DkimKeyState = 'pending' | 'active' | 'retiring' | 'retired';
/** What is left of a domain that was set up: its messages, events and usage bear its id. */
export interface RemovedDomain {
  readonly id: DomainId;
  readonly projectId: ProjectId;
  readonly name: Domain;
  /** By its project; since DNS gave the name to another project; since its ownership was lost. */
  readonly reason: 'deleted' | 'moved' | 'lost';
  readonly createdAt: number;
  readonly removedAt: number;
}
export interface DomainReader {
  /** Global directory look-up by A-label, exact. At most one project has a name set up; a closed project's are not found. */
  findDomain(name: Domain): Promise<MtaDomain | null>;
  domain(project: ProjectId, id: DomainId): Promise<MtaDomain | null>;
  domains(project: ProjectId, page: PageRequest): Promise<Page<MtaDomain>>;
  dkimKeys(project: ProjectId, domain: DomainId): Promise<readonly DkimKey[]>;
  /** All domains of all projects in id order, for the checker: those after `after`, at most `limit`. */
  domainsForCheck(after: DomainId | null, limit: number): Promise<readonly MtaDomain[]>;
  removedDomain(project: ProjectId, id: DomainId): Promise<RemovedDomain | null>;
  removedDomains(project: ProjectId, page: PageRequest): Promise<Page<RemovedDomain>>;
}
export interface DomainTx {
  /** ConflictError 'mta_domain.name'. */
  insertDomain(domain: MtaDomain): void;
  /** Replaces what people change, so not what DNS says. StaleError when it is gone. */
  updateDomain(domain: MtaDomain): void;
  /** What a check found, and nothing else; `signs`: signing turns on (false leaves it as it is). StaleError when it is gone. */
  noteDnsCheck(
    project: ProjectId,
    id: DomainId,
    found: { readonly dns: DnsCheck; readonly mxSeen: boolean; readonly signs: boolean },
  ): void;
  /** Removes rules and DKIM keys of the domain too. */
  deleteDomain(project: ProjectId, id: DomainId): void;
  insertRemovedDomain(domain: RemovedDomain): void;
  /** ConflictError 'dkim_key.selector' on a second of one selector in the domain. */
  insertDkimKey(key: DkimKey): void;
  /** Writes state, times and the sealed private half. StaleError where it is no longer in the state `from`. */
  moveDkimKey(key: DkimKey, from: DkimKeyState): void;
  deleteDkimKey(project: ProjectId, domain: DomainId, id: DkimKeyId): void;
}
/** Conditions of a transaction: it fails with StaleError unless the row is, at the commit, as it is given here. */
export interface DomainExpectations {
  expectDomain(domain: MtaDomain): void;
  expectDkimKey(key: DkimKey): void;
}
