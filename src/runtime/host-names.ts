/**
 * The addresses of the hosts that outgoing requests name, by the same DNS servers as all other names. `localhost` and
 * names below it are loopback and never asked (RFC 6761 §6.3). If requests may go to private addresses, the hosts file of
 * this machine comes first; and if the operator has set no DNS servers, a name that they do not know goes to the system,
 * which knows its search domains. Otherwise such names are nobody's business: no answer depends on them, and a name
 * without a dot, which public DNS does not have (RFC 7085), is not found. Rejects with a code: ENOTFOUND if the name has
 * no address, EDNS if DNS gave no clear answer.
 */
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Resolver, SharedResolver } from './resolver.ts';

/** The addresses of a host, at least one. */
export type FindHost = (host: string) => Promise<readonly string[]>;
export interface HostNames {
  /** DNS is asked with the project's share of sockets. */
  for(share: string): FindHost;
}
export interface HostNameDeps {
  readonly resolver: SharedResolver;
  /** Whether requests may go to private addresses, so that the names of this machine and its network count. */
  readonly local: boolean;
  /** Whether the system may be asked for names that the DNS servers do not know. */
  readonly system: boolean;
  readonly hostsFile?: string;
}
const LOOPBACK = ['127.0.0.1', '::1'];

export function createHostNames({
  resolver,
  local,
  system,
  hostsFile = '/etc/hosts',
}: HostNameDeps): HostNames {
  async function find(asked: string, share: string): Promise<readonly string[]> {
    const host = asked.toLowerCase().replace(/\.$/, '');
    if (isIP(host) !== 0) return [host];
    if (host === 'localhost' || host.endsWith('.localhost')) return LOOPBACK;
    const listed = local ? await addressesInFile(hostsFile, host) : [];
    if (listed.length > 0) return listed;
    const found = local || host.includes('.') ? await askDns(resolver.for(share), host) : [];
    if (found.length > 0) return found;
    const known = local && system ? await lookup(host, { all: true }).catch(() => []) : [];
    if (known.length > 0) return known.map(({ address }) => address);
    throw Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' });
  }
  return { for: (share) => (host) => find(host, share) };
}

async function askDns(resolver: Resolver, host: string): Promise<readonly string[]> {
  const answers = await Promise.all([resolver.a(host), resolver.aaaa(host)]);
  const found = answers.flatMap((answer) => (answer.kind === 'found' ? answer.records : []));
  const failed = answers.find(({ kind }) => kind === 'failed');
  if (found.length === 0 && failed?.kind === 'failed')
    throw Object.assign(new Error(`DNS gave no clear answer for ${host}: ${failed.cause}`), { code: 'EDNS' });
  return found;
}
/** hosts(5): an address, then its names. A file that is missing has none. */
async function addressesInFile(path: string, host: string): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.split('#')[0]!.trim().split(/\s+/);
    return isIP(address) !== 0 && names.some((name) => name.toLowerCase() === host) ? [address] : [];
  });
}
