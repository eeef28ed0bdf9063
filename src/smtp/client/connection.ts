/**
 * One connection to one server: dials, opens the session, sends mail over it. Opening never throws: it fails by value.
 */
import type { Socket } from 'node:net';
import { sendAdapted } from './adapting.ts';
import {
  type Capabilities,
  LinkFault,
  type OutgoingTransaction,
  openSession,
  type TransactionResult,
} from './dialogue.ts';
import { causeOf, createLink } from './link.ts';
import type { Candidate, ConnectionDeps, Remote, TlsFacts } from './peer.ts';
import type { ServerReply } from './reply-parser.ts';
import { withoutTls } from './verdicts.ts';

export interface ClientConnection {
  readonly remote: Remote;
  readonly tls: TlsFacts | null;
  readonly capabilities: Capabilities;
  /** False once the link is broken or the server has spoken unasked. */
  usable(): boolean;
  /** Transactions begun. */
  uses(): number;
  /** Never rejects for what the peer does. */
  send(mail: OutgoingTransaction): Promise<TransactionResult>;
  /** QUIT without waiting long; then closed. */
  quit(): void;
  destroy(): void;
  /** Closed at once: mail under way ends as `stopped`. */
  stop(): void;
}
export type OpenResult =
  | { readonly kind: 'open'; readonly connection: ClientConnection }
  | {
      readonly kind: 'failed';
      readonly cause: string;
      readonly reply: ServerReply | null;
      /** TLS failed; without TLS it might work. */
      readonly tls: boolean;
    };

/**
 * Connects and opens the session. Opportunistic TLS that fails must not be worse than no TLS at all (RFC 7435): the
 * server is asked once more, in clear. A password is not shown to it then.
 */
export async function openConnection(candidate: Candidate, deps: ConnectionDeps): Promise<OpenResult> {
  const result = await openOnce(candidate, deps, null);
  if (result.kind === 'open' || !result.tls) return result;
  if (candidate.tls !== 'opportunistic' || candidate.auth !== null) return result;
  const { cause, reply } = result;
  const words = reply === null ? '' : `${reply.code} ${reply.text}`;
  const fault = cause.includes(words) ? cause : `${cause}: ${words}`;
  const clear = await openOnce({ ...candidate, tls: 'none' }, deps, fault);
  return clear.kind === 'open'
    ? clear
    : { ...clear, cause: `TLS failed (${fault}); without TLS: ${clear.cause}` };
}
async function openOnce(
  candidate: Candidate,
  deps: ConnectionDeps,
  tlsFailed: string | null,
): Promise<OpenResult> {
  const { host, address, port } = candidate;
  let socket: Socket;
  try {
    socket = await deps.network.dial({
      address,
      port,
      timeoutMs: deps.timeouts.connect,
      signal: deps.signal,
    });
  } catch (error) {
    return { kind: 'failed', cause: `connect: ${causeOf(error)}`, reply: null, tls: false };
  }
  const link = createLink(socket, candidate, deps);
  deps.signal.addEventListener('abort', link.stop);
  const plainAuth = address === '::1' || address.startsWith('127.');
  try {
    const session = await link.run(
      openSession({ hostname: deps.hostname, tls: candidate.tls, auth: candidate.auth, plainAuth }),
    );
    if (session.kind === 'refused') {
      link.quit();
      return { kind: 'failed', cause: session.cause, reply: session.reply, tls: session.tls === true };
    }
    const { capabilities } = session;
    const tlsFault = tlsFailed ?? session.tlsFault ?? null;
    let dirty = false;
    let uses = 0;
    const connection: ClientConnection = {
      remote: { host, address, port },
      tls: link.tls(),
      capabilities,
      usable: link.usable,
      uses: () => uses,
      async send(mail) {
        const used = uses > 0;
        uses += 1;
        const result = await link.run(sendAdapted(mail, capabilities, { dirty, used }));
        dirty = result.dirty;
        if (result.spent) link.quit();
        else if (!result.reusable) link.destroy();
        if (link.tls() !== null || result.verdicts.every(({ kind }) => kind !== 'bounced')) return result;
        return { ...result, verdicts: result.verdicts.map((verdict) => withoutTls(verdict, tlsFault)) };
      },
      quit: link.quit,
      destroy: link.destroy,
      stop: link.stop,
    };
    return { kind: 'open', connection };
  } catch (error) {
    link.destroy();
    if (!(error instanceof LinkFault)) throw error;
    return { kind: 'failed', cause: error.message, reply: error.reply, tls: error.what === 'tls' };
  } finally {
    // From here on its owner ends it.
    deps.signal.removeEventListener('abort', link.stop);
  }
}
