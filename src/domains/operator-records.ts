/**
 * The DNS records that the operator publishes for the service itself. `hikyaku zone` prints them; operator-check.ts
 * and `hikyaku doctor` check them. Pure.
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** What the records depend on; as in config.ts. */
export interface ServiceNames {
  readonly hostname: string;
  readonly submissionHost: string;
  readonly mxHosts: readonly string[];
  readonly spfInclude: string;
  readonly dkimZone: string | null;
}
export interface OperatorRecord {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'NS' | 'PTR' | 'TXT';
  readonly value: string;
}

/** The name for a reverse lookup of an address (RFC 1035 §3.5, RFC 3596 §2.5). */
export function reverseName(address: string): string {
  const parsed = ipaddr.process(address);
  const octets = parsed.toByteArray();
  if (parsed.kind() === 'ipv4') return `${octets.toReversed().join('.')}.in-addr.arpa`;
  return `${[...Buffer.from(octets).toString('hex')].reverse().join('.')}.ip6.arpa`;
}

/** Ranges of addresses that mean something else, or nothing, on other networks. */
const LOCAL = new Set([
  'unspecified',
  'loopback',
  'private',
  'uniqueLocal',
  'linkLocal',
  'carrierGradeNat',
  'multicast',
  'broadcast',
]);
/** Whether other hosts on the Internet cannot reach the address, so that it does not belong into public DNS. */
export function isLocalAddress(address: string): boolean {
  const text = address.split('%', 1)[0]!;
  return !ipaddr.isValid(text) || LOCAL.has(ipaddr.process(text).range());
}

/** The hosts that customers and other mail servers connect to. */
export function serviceHosts({ hostname, submissionHost, mxHosts }: ServiceNames): readonly string[] {
  return [...new Set([hostname, submissionHost, ...mxHosts])];
}

/** The records for these addresses. Without an address there is no SPF include: it would refuse all mail. */
export function operatorRecords(
  names: ServiceNames,
  addresses: readonly string[],
): readonly OperatorRecord[] {
  const records: OperatorRecord[] = [];
  for (const name of serviceHosts(names))
    for (const value of addresses) records.push({ name, type: isIP(value) === 4 ? 'A' : 'AAAA', value });
  for (const address of addresses)
    records.push({ name: reverseName(address), type: 'PTR', value: `${names.hostname}.` });
  if (addresses.length > 0) {
    const mechanisms = addresses.map((address) => `${isIP(address) === 4 ? 'ip4' : 'ip6'}:${address}`);
    records.push({ name: names.spfInclude, type: 'TXT', value: ['v=spf1', ...mechanisms, '-all'].join(' ') });
    records.push({ name: names.hostname, type: 'TXT', value: 'v=spf1 a -all' });
  }
  if (names.dkimZone !== null)
    for (const host of names.mxHosts) records.push({ name: names.dkimZone, type: 'NS', value: `${host}.` });
  return records;
}
