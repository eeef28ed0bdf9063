/**
 * The networks that an address counts as: itself (IPv4) or its /64 (IPv6: the least that one customer gets,
 * RFC 6177 §2), and the wider networks around it. An IPv4 address and its IPv6-mapped form are the same.
 */
import ipaddr from 'ipaddr.js';

export const WIDTHS = ['ipv4', 'ipv4/26', 'ipv4/21', 'ipv6/64', 'ipv6/48'] as const;
export type Width = (typeof WIDTHS)[number];
export interface Prefix {
  readonly width: Width;
  /** As people write it, such as `192.0.2.64/26`; a single address without its length. */
  readonly text: string;
}
/** One number for each width. */
export type PerWidth = Readonly<Record<Width, number>>;
/** The narrowest first. */
export type Prefixes = readonly [Prefix, ...Prefix[]];

/** A text that is not an address counts as itself, cut to 64 characters. */
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
