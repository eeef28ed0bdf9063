/**
 * `hikyaku zone`: prints the DNS records that the operator publishes for the service itself, ready for a zone
 * file.
 */

import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Config, loadConfig } from '../config/config.ts';
import { type CommandContext, parseOptions, UsageError } from './usage.ts';

export interface ZoneRecord {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'NS' | 'PTR' | 'TXT';
  readonly value: string;
}

/** The name for a reverse lookup of an address (RFC 1035 §3.5, RFC 3596 §2.5). */
export function reverseName(address: string): string {
  if (isIP(address) === 4) return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right];
  return `${groups
    .map((group) => group.padStart(4, '0'))
    .join('')
    .split('')
    .reverse()
    .join('.')}.ip6.arpa`;
}

/** The operator's records for the hosts that customers see, with these addresses. */
export function zoneRecords(
  config: Pick<Config, 'hostname' | 'submissionHost' | 'mxHosts' | 'spfInclude' | 'dkimZone'>,
  addresses: readonly string[],
): readonly ZoneRecord[] {
  const hosts = [...new Set([config.hostname, config.submissionHost, ...config.mxHosts])];
  const records: ZoneRecord[] = [];
  for (const name of hosts) {
    for (const value of addresses) records.push({ name, type: isIP(value) === 4 ? 'A' : 'AAAA', value });
  }
  for (const address of addresses)
    records.push({ name: reverseName(address), type: 'PTR', value: `${config.hostname}.` });
  const mechanisms = addresses.map((address) => `${isIP(address) === 4 ? 'ip4' : 'ip6'}:${address}`);
  records.push({ name: config.spfInclude, type: 'TXT', value: ['v=spf1', ...mechanisms, '-all'].join(' ') });
  records.push({ name: config.hostname, type: 'TXT', value: 'v=spf1 a -all' });
  if (config.dkimZone !== null)
    for (const host of config.mxHosts) records.push({ name: config.dkimZone, type: 'NS', value: `${host}.` });
  return records;
}

export async function run(args: readonly string[], { env }: CommandContext): Promise<number> {
  const options = parseOptions(args, {
    address: { type: 'string', multiple: true },
    json: { type: 'boolean' },
  });
  for (const address of options.address ?? []) {
    if (isIP(address) === 0) throw new UsageError(`'${address}' is not an IP address`);
  }
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((entry) => !entry.internal && !entry.address.startsWith('fe80:'))
    .map((entry) => entry.address);
  const records = zoneRecords(loadConfig(env), options.address ?? own);
  if (options.json === true) process.stdout.write(`${JSON.stringify(records)}\n`);
  else {
    for (const { name, type, value } of records) {
      process.stdout.write(`${name}. 3600 IN ${type} ${type === 'TXT' ? JSON.stringify(value) : value}\n`);
    }
  }
  return 0;
}
