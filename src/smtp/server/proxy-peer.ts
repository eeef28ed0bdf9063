/**
 * Takes the PROXY header off a trusted proxy's socket and says who the peer is. Invariants: what stands behind the
 * header is given back to the socket untouched (SMTP, or a TLS ClientHello); the socket is left paused; the answer
 * comes once. No deadline of its own: the listener's covers it. A connection that ends first is destroyed.
 */
import type { Socket } from 'node:net';
import { type ProxyHeader, parseProxyHeader } from './proxy-header.ts';

/** Who is at the other end, as far as is known. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  /** `self`: a proxy's own connection. `unknown`: somebody behind the proxy whose address stands here. */
  readonly kind: 'direct' | 'proxied' | 'self' | 'unknown';
}
export type ReadHeader = Exclude<ProxyHeader, { kind: 'partial' }>;

export function readProxyHeader(socket: Socket, then: (header: ReadHeader) => void): void {
  let octets: Buffer = Buffer.alloc(0);
  const ended = () => socket.destroy();
  function take(chunk: Buffer): void {
    octets = Buffer.concat([octets, chunk]);
    const header = parseProxyHeader(octets);
    if (header.kind === 'partial') return;
    socket.off('data', take);
    socket.off('end', ended);
    socket.pause();
    if (header.kind !== 'invalid' && octets.length > header.length)
      socket.unshift(octets.subarray(header.length));
    then(header);
  }
  socket.on('data', take);
  socket.on('end', ended);
}

/**
 * The peer a header names. Of LOCAL and UNKNOWN the real endpoint stands (proxy-protocol.txt §2.1, §2.2). So it does
 * where a proxy elsewhere names a loopback address: that is its own machine, and must not pass for this one, whose
 * loopback may be a trusted network.
 */
export function peerBehind(proxy: Peer, header: Exclude<ReadHeader, { kind: 'invalid' }>): Peer {
  if (header.kind === 'local') return { ...proxy, kind: 'self' };
  if (header.kind === 'unknown') return { ...proxy, kind: 'unknown' };
  const { address, port } = header.source;
  if (isLoopback(address) && !isLoopback(proxy.address)) return { ...proxy, kind: 'unknown' };
  return { address, port, kind: 'proxied' };
}
function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
