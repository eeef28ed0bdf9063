/**
 * The records that a customer publishes for a domain. The values are shown for copying and used by the checks.
 * Pure.
 */
import type { Domain } from '../mail/domain.ts';
import { keyRecord, waitingNames } from './delegation.ts';
import type { DkimKey } from './mta-domains.ts';

export interface DnsExpectations {
  /** Receiving hosts, in lower case, without final dots. */
  readonly mxHosts: readonly string[];
  /** Name to include in SPF. */
  readonly spfInclude: string;
  readonly submissionHost: string;
  /** Zone in which this service publishes delegated DKIM keys itself; null or absent: keys are published as TXT. */
  readonly dkimZone?: string | null;
}
export interface DnsRecord {
  readonly purpose: 'mx' | 'spf' | 'dkim' | 'dmarc' | 'client';
  readonly type: 'MX' | 'TXT' | 'SRV' | 'CNAME';
  /** An absolute name without final dot. */
  readonly name: string;
  /** Presentation form. Host names are absolute, without final dot. TXT values are unquoted and in one piece. */
  readonly value: string;
  /** For TXT: the value as quoted strings of at most 255 octets, as zone files need it (RFC 1035 §3.3.14). */
  readonly zoneValue: string;
  /** false: the record is a suggestion; nothing in this service depends on it. */
  readonly required: boolean;
}
export const MX_PREFERENCE = 10;
export const DMARC_VALUE = 'v=DMARC1; p=none';

/**
 * `existingSpf`: the present SPF record of the domain, for merging: a domain must not have two. Retired keys have
 * no record.
 */
export function expectedRecords(
  domain: Domain,
  keys: readonly DkimKey[],
  { mxHosts, spfInclude, submissionHost, dkimZone = null }: DnsExpectations,
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
    // RFC 8314 §5.1 prefers implicit TLS: lower priority value first. RFC 2782: the weight is 0, because there is
    // only one server.
    plain('client', 'SRV', `_submissions._tcp.${domain}`, `0 0 465 ${submissionHost}`, false),
    plain('client', 'SRV', `_submission._tcp.${domain}`, `10 0 587 ${submissionHost}`, false),
  ];
}

/** Puts our include after `v=spf1`, so it comes before `all`. A record that already has it stays unchanged. */
export function mergeSpf(existing: string | null, include: string): string {
  if (existing === null) return `v=spf1 include:${include} -all`;
  if (spfIncludes(existing, include)) return existing;
  const [version, ...terms] = existing.trim().split(/ +/);
  return [version, `include:${include}`, ...terms].join(' ');
}

/**
 * Whether `record` passes the hosts that `include` passes: an include without qualifier or with `+`, before any
 * `all` (RFC 7208 §5.1).
 */
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
