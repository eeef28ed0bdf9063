/**
 * What an address counts as where shares are counted: itself (IPv4) or its /64 (IPv6: what one customer is given at
 * least, RFC 6177 §2), and the wider networks it lies in. An IPv4 address and its form mapped into IPv6 are the same.
 */
import ipaddr from 'ipaddr.js';

export const WIDTHS = ['ipv4', 'ipv4/26', 'ipv4/21', 'ipv6/64', 'ipv6/48'] as const;
export type Width = (typeof WIDTHS)[number];
export interface Prefix {
  readonly width: Width;
  /** As people write it, such as `192.0.2.64/26`; one address alone without its length. */
  readonly text: string;
}
/** One number for each width. */
export type PerWidth = Readonly<Record<Width, number>>;
/** The narrowest first. */
export type Prefixes = readonly [Prefix, ...Prefix[]];

/** What is no address counts as itself, cut to 64 characters. */
export function prefixesOf(address: string): Prefixes {
  const text = address.split('%', 1)[0]!;
  if (!ipaddr.isValid(text)) return [{ width: 'ipv4', text: address.slice(0, 64) }];
  const parsed = ipaddr.process(text);
  const octets = parsed.toByteArray();
  if (octets.length === 4)
    return [
      { width: 'ipv4', text: parsed.toString() },
      { width: 'ipv4/26', text: network(octets, 26) },
      { width: 'ipv4/21', text: network(octets, 21) },
    ];
  return [
    { width: 'ipv6/64', text: network(octets, 64) },
    { width: 'ipv6/48', text: network(octets, 48) },
  ];
}

function network(octets: readonly number[], bits: number): string {
  const masked = octets.map((octet, i) => {
    const kept = Math.min(8, Math.max(0, bits - i * 8));
    return octet & (0xff << (8 - kept)) & 0xff;
  });
  return `${ipaddr.fromByteArray(masked).toString()}/${bits}`;
}
