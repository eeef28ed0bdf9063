/** MTA domains: sending and receiving set up on an owned domain, with its DKIM keys and last DNS check. */
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
}
export interface DnsCheckItem {
  readonly status: 'ok' | 'missing' | 'wrong' | 'error';
  readonly expected: readonly string[];
  readonly found: readonly string[];
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
  readonly active: boolean;
  readonly createdAt: number;
}
export interface DomainReader {
  /** Global directory look-up by A-label, exact. At most one project has a name set up; a closed project's are not found. */
  findDomain(name: Domain): Promise<MtaDomain | null>;
  domain(project: ProjectId, id: DomainId): Promise<MtaDomain | null>;
  domains(project: ProjectId, page: PageRequest): Promise<Page<MtaDomain>>;
  dkimKeys(project: ProjectId, domain: DomainId): Promise<readonly DkimKey[]>;
  /** All domains of all projects in id order, for the checker: those after `after`, at most `limit`. */
  domainsForCheck(after: DomainId | null, limit: number): Promise<readonly MtaDomain[]>;
}
export interface DomainTx {
  /** ConflictError 'mta_domain.name'. */
  insertDomain(domain: MtaDomain): void;
  /** Replaces all changeable fields. StaleError when it is gone. */
  updateDomain(domain: MtaDomain): void;
  /** Removes rules and DKIM keys of the domain too. */
  deleteDomain(project: ProjectId, id: DomainId): void;
  insertDkimKey(key: DkimKey): void;
  deleteDkimKey(project: ProjectId, domain: DomainId, id: DkimKeyId): void;
}
