/** Which IP addresses are the Internet's, and which lie in a list of networks, judged on the address itself. */
import { BlockList, isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** True for everything that is not public unicast: loopback, private, link-local, CGNAT, multicast, mapped forms of those. Fails closed. */
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
  // RFC 4291 §2.4: what is assigned as global unicast lies in 2000::/3; IPv4-compatible and unassigned space do not.
  return range !== 'unicast' || (v6.toByteArray()[0]! & 0xe0) !== 0x20;
}

/**
 * Whether an address lies in one of the networks, each an address or `address/prefix`. An IPv4 address and its form
 * mapped into IPv6 are the same. What is no address lies nowhere. Throws where a network is none.
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

/** The network an address stands for where askers are counted: its /24, or its /56. What is no address is its own. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const octets = ipaddr.process(address).toByteArray();
  return octets.slice(0, octets.length === 4 ? 3 : 7).join('.');
}
