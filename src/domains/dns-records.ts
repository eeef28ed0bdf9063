/** The records a customer publishes for a domain, as values to paste and to check against. Pure. */
import type { Domain } from '../mail/domain.ts';
import { keyRecord, waitingNames } from './delegation.ts';
import type { DkimKey } from './mta-domains.ts';

export interface DnsExpectations {
  /** Receiving hosts, lower case without final dots. */
  readonly mxHosts: readonly string[];
  /** Name to include in SPF. */
  readonly spfInclude: string;
  readonly submissionHost: string;
  /** Host that serves mail clients their settings on a default port; null or absent: none does. */
  readonly autoconfigHost?: string | null;
  /** Zone in which this service publishes delegated DKIM keys itself; null or absent: keys are published as TXT. */
  readonly dkimZone?: string | null;
}
export interface DnsRecord {
  readonly purpose: 'mx' | 'spf' | 'dkim' | 'dmarc' | 'client';
  readonly type: 'MX' | 'TXT' | 'SRV' | 'CNAME';
  /** Absolute, without final dot. */
  readonly name: string;
  /** Presentation form; host names absolute without final dot; TXT unquoted and in one piece. */
  readonly value: string;
  /** For TXT: the value as quoted strings of at most 255 octets, as zone files want it (RFC 1035 §3.3.14). */
  readonly zoneValue: string;
  /** false: a suggestion, nothing here depends on it. */
  readonly required: boolean;
}
export const MX_PREFERENCE = 10;
export const DMARC_VALUE = 'v=DMARC1; p=none';

/** `existingSpf`: the record the domain has, to be merged instead of doubled. Keys that are retired have no record. */
export function expectedRecords(
  domain: Domain,
  keys: readonly DkimKey[],
  { mxHosts, spfInclude, submissionHost, autoconfigHost = null, dkimZone = null }: DnsExpectations,
  existingSpf: string | null = null,
): DnsRecord[] {
  const txt = (purpose: DnsRecord['purpose'], name: string, value: string, required: boolean): DnsRecord => ({
    purpose,
    type: 'TXT',
    name,
    value,
    zoneValue: quoteTxt(value),
    required,
  });
  const plain = (
    purpose: DnsRecord['purpose'],
    type: 'MX' | 'SRV' | 'CNAME',
    name: string,
    value: string,
    required: boolean,
  ): DnsRecord => ({
    purpose,
    type,
    name,
    value,
    zoneValue: `${value}.`,
    required,
  });
  return [
    ...mxHosts.map((host) => plain('mx', 'MX', domain, `${MX_PREFERENCE} ${host}`, true)),
    txt('spf', domain, mergeSpf(existingSpf, spfInclude), true),
    ...[
      ...keys.filter((key) => key.state !== 'retired').map((key) => keyRecord(key, domain, dkimZone)),
      ...waitingNames(keys, domain, dkimZone),
    ].map(({ type, name, value }) =>
      type === 'TXT' ? txt('dkim', name, value, true) : plain('dkim', type, name, value, true),
    ),
    txt('dmarc', `_dmarc.${domain}`, DMARC_VALUE, false),
    // RFC 8314 §5.1 prefers implicit TLS: lower priority value first.
    plain('client', 'SRV', `_submissions._tcp.${domain}`, `0 1 465 ${submissionHost}`, false),
    plain('client', 'SRV', `_submission._tcp.${domain}`, `10 1 587 ${submissionHost}`, false),
    ...(autoconfigHost === null
      ? []
      : [plain('client', 'CNAME', `autoconfig.${domain}`, autoconfigHost, false)]),
  ];
}

/** Our include right of `v=spf1` and so left of `all`; a record that has it is left as it is. */
export function mergeSpf(existing: string | null, include: string): string {
  if (existing === null) return `v=spf1 include:${include} -all`;
  if (spfIncludes(existing, include)) return existing;
  const [version, ...terms] = existing.trim().split(/ +/);
  return [version, `include:${include}`, ...terms].join(' ');
}

/** Whether `record` passes what `include` passes: a plain or `+` include before any `all` (RFC 7208 §5.1). */
export function spfIncludes(record: string, include: string): boolean {
  for (const term of record.trim().toLowerCase().split(/ +/)) {
    if (/^[+?~-]?all$/.test(term)) return false;
    if (term.replace(/^\+/, '').replace(/\.$/, '') === `include:${include.toLowerCase()}`) return true;
  }
  return false;
}

function quoteTxt(value: string): string {
  const pieces = value.match(/.{1,255}/gs) ?? [''];
  return pieces.map((piece) => `"${piece.replace(/["\\]/g, '\\$&')}"`).join(' ');
}
