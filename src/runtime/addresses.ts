/**
 * Which IP addresses belong to the Internet, and which are in a list of networks. The address itself decides.
 */
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';

/**
 * True for everything that is not public unicast: loopback, private, link-local, CGNAT, multicast, and their
 * mapped forms. Fails closed.
 */
export function isPrivateAddress(ip: string): boolean {
  const text = ip.split('%', 1)[0]!;
  if (!ipaddr.isValid(text)) return true;
  const address = ipaddr.process(text);
  if (address.kind() === 'ipv4') return address.range() !== 'unicast';
  const v6 = address as ipaddr.IPv6;
  const range = v6.range();
  if (range === 'rfc6052' || range === '6to4') {
    const octets = v6.toByteArray();
    const inner = range === '6to4' ? octets.slice(2, 6) : octets.slice(12, 16);
    return isPrivateAddress(inner.join('.'));
  }
  // RFC 4291 §2.4: assigned global unicast addresses are in 2000::/3; IPv4-compatible and unassigned
  // addresses are not.
  return range !== 'unicast' || (v6.toByteArray()[0]! & 0xe0) !== 0x20;
}

/**
 * The one spelling of an address: an IPv4 address in its IPv6-mapped form (RFC 4291 §2.5.5.2) is the IPv4 address. A
 * text that is not an address stays as it is.
 */
export function canonicalAddress(ip: string): string {
  return isIP(ip) === 6 && ipaddr.isValid(ip) ? ipaddr.process(ip).toString() : ip;
}

/**
 * Whether an address is in one of the networks, each given as an address or `address/prefix`. An IPv4 address
 * and its IPv6-mapped form are the same. A text that is not an address is in no network. Throws if a network
 * is invalid.
 */
export function createNetworkList(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  const family = (address: string) => (isIP(address) === 4 ? 'ipv4' : 'ipv6');
  for (const network of networks) {
    const [address, prefix] = network.split('/') as [string, string | undefined];
    if (prefix === undefined) list.addAddress(address, family(address));
    else list.addSubnet(address, Number(prefix), family(address));
  }
  return (address) => isIP(address) !== 0 && list.check(address, family(address));
}

/**
 * The network that an address counts as when clients are counted: its /24 (IPv4) or /56 (IPv6). A text that
 * is not an address counts as itself.
 */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const octets = ipaddr.process(address).toByteArray();
  return octets.slice(0, octets.length === 4 ? 3 : 7).join('.');
}

/** The addresses of this machine's interfaces, without loopback and link-local ones. */
export function machineAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address);
}
