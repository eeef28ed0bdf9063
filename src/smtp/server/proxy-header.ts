/**
 * The PROXY protocol's header, versions 1 (text) and 2 (binary), as a pure function of the octets a connection begins
 * with; section numbers are those of haproxy's proxy-protocol.txt. Invariants: nothing is read behind the header; what
 * cannot become a header any more is `invalid` at its first wrong octet, so no more than MAX_HEADER octets ever wait;
 * the same octets give the same answer however they were cut. Whether the sender may be believed is not asked here
 * (§2: only a trusted proxy may be). Fails by answering, never by throwing. The CRC-32C of §2.2.3 is not checked.
 */
import { isIP, SocketAddress } from 'node:net';

export interface ProxyEndpoint {
  /** Canonical text; an IPv4 address mapped into IPv6 is written as IPv4. */
  readonly address: string;
  readonly port: number;
}
export type ProxyHeader =
  /** So far it may become a header. */
  | { readonly kind: 'partial' }
  /** It is none; §2.1, §2.2: the connection is dropped. */
  | { readonly kind: 'invalid'; readonly reason: string }
  /** Opened on behalf of this client. `length`: octets of the header. */
  | { readonly kind: 'proxied'; readonly source: ProxyEndpoint; readonly length: number }
  /** LOCAL: opened by the proxy for itself, as a health check. */
  | { readonly kind: 'local'; readonly length: number }
  /** On behalf of a client whose address the proxy cannot say: UNKNOWN, AF_UNSPEC, AF_UNIX, datagrams. */
  | { readonly kind: 'unknown'; readonly length: number };

/** §2.2 permits 65,551 octets; addresses, names and a client's certificate fit well into this. */
export const MAX_HEADER = 8 * 1024;
/** §2.1: the worst case, CRLF included. */
const MAX_LINE = 107;
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const WORD = Buffer.from('PROXY ', 'latin1');
const FIXED = 16;

/** Judges the octets received so far. */
export function parseProxyHeader(octets: Buffer): ProxyHeader {
  if (octets.length === 0) return { kind: 'partial' };
  if (beginsAs(octets, SIGNATURE)) return binary(octets);
  if (beginsAs(octets, WORD)) return text(octets);
  return invalid('no PROXY header');
}

/** One is a beginning of the other. */
function beginsAs(octets: Buffer, pattern: Buffer): boolean {
  const length = Math.min(octets.length, pattern.length);
  return octets.subarray(0, length).equals(pattern.subarray(0, length));
}
function invalid(reason: string): ProxyHeader {
  return { kind: 'invalid', reason };
}

/** §2.1 */
function text(octets: Buffer): ProxyHeader {
  const seen = octets.subarray(0, MAX_LINE).toString('latin1');
  const end = seen.search(/[\r\n]/);
  if (end === -1)
    return seen.length < MAX_LINE ? { kind: 'partial' } : invalid(`no CRLF in ${MAX_LINE} octets`);
  if (seen[end] === '\n') return invalid('a bare LF');
  if (end + 1 === seen.length)
    return end + 1 < MAX_LINE ? { kind: 'partial' } : invalid(`no CRLF in ${MAX_LINE} octets`);
  if (seen[end + 1] !== '\n') return invalid('a bare CR');
  const length = end + 2;
  const line = seen.slice(WORD.length, end);
  // What follows UNKNOWN "must be ignored".
  if (line === 'UNKNOWN' || line.startsWith('UNKNOWN ')) return { kind: 'unknown', length };
  const [family, source, destination, sourcePort, destinationPort, ...more] = line.split(' ');
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : 0;
  if (version === 0 || more.length > 0) return invalid('not PROXY TCP4, TCP6 or UNKNOWN');
  const address = endpoint(source, version);
  const port = portOf(sourcePort);
  if (address === null || endpoint(destination, version) === null) return invalid('a wrong address');
  if (port === null || portOf(destinationPort) === null) return invalid('a wrong port');
  return { kind: 'proxied', source: { address, port }, length };
}

/** The canonical text, or null where it is no address of this version. Zones mean nothing beyond the proxy. */
function endpoint(address: string | undefined, version: 4 | 6): string | null {
  if (address === undefined || address.includes('%') || isIP(address) !== version) return null;
  return version === 4 ? address : canonical(address);
}
function canonical(ipv6: string): string {
  return new SocketAddress({ address: ipv6, family: 'ipv6' }).address.replace(
    /^::ffff:(\d+\.\d+\.\d+\.\d+)$/,
    '$1',
  );
}
function portOf(port: string | undefined): number | null {
  return port !== undefined && /^(0|[1-9]\d{0,4})$/.test(port) && Number(port) <= 65_535
    ? Number(port)
    : null;
}

/** §2.2 */
function binary(octets: Buffer): ProxyHeader {
  if (octets.length <= 12) return { kind: 'partial' };
  const version = octets[12]! >> 4;
  const command = octets[12]! & 15;
  if (version !== 2) return invalid('not version 2');
  if (command > 1) return invalid('neither LOCAL nor PROXY');
  if (octets.length <= 13) return { kind: 'partial' };
  const family = octets[13]! >> 4;
  const transport = octets[13]! & 15;
  // Of a LOCAL header the family is ignored, whatever it says.
  if (command === 1 && (family > 3 || transport > 2)) return invalid('an unassigned family or transport');
  if (octets.length < FIXED) return { kind: 'partial' };
  const length = FIXED + octets.readUInt16BE(14);
  if (length > MAX_HEADER) return invalid(`over ${MAX_HEADER} octets`);
  const size = addressSize(family, transport);
  if (command === 1 && length < FIXED + 2 * size + portSize(size))
    return invalid('too short for its addresses');
  if (octets.length < length) return { kind: 'partial' };
  // §2.2: what follows the addresses are TLVs, "a receiver may choose to skip over and ignore" them.
  if (command === 0) return { kind: 'local', length };
  if (transport !== 1 || (size !== 4 && size !== 16)) return { kind: 'unknown', length };
  const source = octets.subarray(FIXED, FIXED + size);
  return {
    kind: 'proxied',
    source: {
      address: size === 4 ? source.join('.') : canonical(source.toString('hex').replace(/.{4}(?=.)/g, '$&:')),
      port: octets.readUInt16BE(FIXED + 2 * size),
    },
    length,
  };
}
/** Octets of one address; nothing is known of it where either half is unspecified. */
function addressSize(family: number, transport: number): number {
  return family === 0 || transport === 0 ? 0 : family === 1 ? 4 : family === 2 ? 16 : 108;
}
/** Octets of both ports. */
function portSize(address: number): number {
  return address === 4 || address === 16 ? 4 : 0;
}
