/**
 * The spool: message bytes, recipient rows and their moves.
 * Invariants: a recipient row is in exactly one state; every move is one of the named transitions in
 * spool/transitions.ts, applied "if still in that state"; message bytes live until nothing refers to them.
 * `sending` lives in memory under the lease and is never a row's state.
 */
import type { DomainId, MessageId, ProjectId, RecipientId } from '../runtime/ids.ts';

export type RecipientState =
  | 'queued'
  | 'deferred'
  | 'held'
  | 'delivered'
  | 'bounced'
  | 'expired'
  | 'suppressed'
  | 'cancelled';
export type MessageSource = 'smtp' | 'api' | 'mx' | 'hosted' | 'dsn' | 'edj';

export interface StoredMessage {
  readonly id: MessageId;
  readonly projectId: ProjectId;
  /** The MTA domain it was sent from (outgoing) or first matched (incoming); null for DSNs of none. */
  readonly domainId: DomainId | null;
  readonly direction: 'incoming' | 'outgoing';
  readonly source: MessageSource;
  /** Envelope sender as sent on the wire, without angle brackets; '' is the null reverse-path. */
  readonly mailFrom: string;
  /** The Message-ID header field's value with angle brackets. */
  readonly messageIdHeader: string;
  /** Our own trace fields, CRLF-ended, put before `raw` whenever the message is shown or sent. */
  readonly prefix: Buffer;
  /** The message as received after dot-unstuffing (or as composed). */
  readonly raw: Buffer;
  /** RFC 6531: an address or header needs SMTPUTF8 at the next hop. */
  readonly smtputf8: boolean;
  /** The raw message has octets over 127. */
  readonly eightBit: boolean;
  readonly acceptedAt: number;
  /** Delivery is given up at this wall time (ms). */
  readonly expiresAt: number;
  /** Facts about the session or call: envelope recipients, peer, TLS, authentication results. JSON, without raw addresses' secrets. */
  readonly facts: MessageFacts;
}
export interface MessageFacts {
  readonly recipients?: readonly string[];
  readonly peerAddress?: string;
  readonly helo?: string;
  readonly tls?: string | null;
  readonly authentication?: unknown;
  /** RFC 3461 parameters */
  readonly envid?: string;
  readonly ret?: 'FULL' | 'HDRS';
}
export interface RecipientRow {
  readonly id: RecipientId;
  readonly messageId: MessageId;
  readonly projectId: ProjectId;
  /** As it goes on the wire in RCPT TO, without angle brackets. */
  readonly address: string;
  /** A-label domain of the address: what is routed and grouped. */
  readonly domain: string;
  readonly state: RecipientState;
  readonly attempts: number;
  /** ms; set exactly when state is queued, deferred or held */
  readonly nextAttemptAt: number | null;
  /** Last outcome for the reader: reply text, cause, remote. JSON. */
  readonly lastResult: unknown;
  readonly createdAt: number;
  readonly settledAt: number | null;
}
/** One try at one recipient, kept for the trace. */
export interface AttemptRow {
  readonly projectId: ProjectId;
  readonly messageId: MessageId;
  readonly recipientId: RecipientId;
  readonly number: number;
  readonly at: number;
  readonly outcome: 'delivered' | 'deferred' | 'bounced';
  /** JSON: remote host and address, TLS facts, reply, classification, ambiguous. */
  readonly detail: unknown;
}
/** A named move (spool/transitions.ts). Applied only if the row is in one of `from`, else StaleError. */
export interface RecipientMove {
  readonly projectId: ProjectId;
  readonly recipientId: RecipientId;
  readonly from: readonly RecipientState[];
  readonly to: RecipientState;
  readonly attempts: number;
  readonly nextAttemptAt: number | null;
  readonly lastResult: unknown;
  readonly settledAt: number | null;
}
/** Due work as the scheduler gets it back from disk: the row and what is needed to plan it, without the bytes. */
export interface DueRecipient {
  readonly row: RecipientRow;
  readonly message: Omit<StoredMessage, 'raw' | 'prefix'> & { readonly size: number };
}
export interface SpoolReader {
  message(project: ProjectId, id: MessageId): Promise<StoredMessage | null>;
  recipients(project: ProjectId, message: MessageId): Promise<readonly RecipientRow[]>;
  attempts(project: ProjectId, message: MessageId): Promise<readonly AttemptRow[]>;
  /** Unsettled recipients due at or before `now`, earliest first, at most `limit`, leaving out those in `exclude`. By index only. */
  due(now: number, limit: number, exclude: ReadonlySet<RecipientId>): Promise<readonly DueRecipient[]>;
  /** Earliest next_attempt_at of any unsettled recipient after `now`, or null. */
  nextDueAfter(now: number): Promise<number | null>;
  /** Counts of recipients in queued, deferred and held: of one project, or (null) of the instance. */
  depth(project: ProjectId | null): Promise<Readonly<Record<'queued' | 'deferred' | 'held', number>>>;
  /** Messages of a project, newest first, without bytes. */
  messages(
    project: ProjectId,
    page: { limit: number; cursor: string | null; domainId?: DomainId; messageIdHeader?: string },
  ): Promise<{
    items: readonly (Omit<StoredMessage, 'raw' | 'prefix'> & { size: number })[];
    nextCursor: string | null;
  }>;
}
export interface SpoolTx {
  insertMessage(message: StoredMessage): void;
  insertRecipient(row: RecipientRow): void;
  moveRecipient(move: RecipientMove): void;
  insertAttempt(attempt: AttemptRow): void;
}
