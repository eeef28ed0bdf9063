/** What is known of a server before it is dialled, what is learned of it, and how long it may take. */
import type { SecureContext } from 'node:tls';
import type { Clock } from '../../runtime/clock.ts';
import type { Network } from '../../runtime/network.ts';
import type { Phase } from './dialogue.ts';

export interface Candidate {
  /** The server's name: shown to people, sent as SNI, checked against its certificate. */
  readonly host: string;
  /** IP address, judged by the caller. */
  readonly address: string;
  readonly port: number;
  readonly tls: 'none' | 'opportunistic' | 'starttls' | 'implicit';
  /** The certificate must be good for `host`, else nothing is said. */
  readonly verify: boolean;
  readonly auth: { readonly user: string; readonly password: string } | null;
}
export interface Remote {
  readonly host: string;
  readonly address: string;
  readonly port: number;
}
export interface TlsFacts {
  readonly version: string;
  readonly cipher: string;
  readonly verified: boolean;
}
/** Milliseconds each reply may take. */
export type Timeouts = Readonly<Record<Phase | 'connect' | 'secure' | 'block', number>>;
/** RFC 5321 §4.5.3.2; connecting and the TLS handshake, of which it does not speak, are kept short. */
export const RFC_TIMEOUTS: Timeouts = {
  connect: 30_000,
  secure: 60_000,
  greeting: 300_000,
  hello: 300_000,
  starttls: 120_000,
  auth: 120_000,
  mail: 300_000,
  rcpt: 300_000,
  data: 120_000,
  block: 180_000,
  final: 600_000,
  reset: 60_000,
  quit: 5_000,
};
export interface ConnectionDeps {
  readonly network: Network;
  readonly clock: Clock;
  /** Our name in EHLO. */
  readonly hostname: string;
  readonly timeouts: Timeouts;
  /** For opportunistic TLS (old versions allowed) and for required TLS. */
  readonly contexts: { readonly opportunistic: SecureContext; readonly required: SecureContext };
  readonly signal: AbortSignal;
}
