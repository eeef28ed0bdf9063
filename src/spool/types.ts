/**
 * The spool: message bytes, recipient rows and their moves.
 * Invariants: a recipient row is in exactly one state; every move is one of the named transitions in
 * spool/transitions.ts, applied "if still in that state"; message bytes live until nothing refers to them.
 * `sending` lives in memory under the lease and is never a row's state.
 */
import type {
  DomainId,
  MessageId,
  ProjectId,
  QueueOperationId,
  RecipientId,
  SuspensionId,
} from '../runtime/ids.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';

export type RecipientState =
  | 'queued'
  | 'deferred'
  | 'held'
  | 'delivered'
  | 'bounced'
  | 'expired'
  | 'suppressed'
  | 'cancelled';
/** `notice`: what the instance itself writes to people. */
export type MessageSource = 'smtp' | 'api' | 'mx' | 'hosted' | 'dsn' | 'edj' | 'notice';

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
  /** Wall ms: before it nothing of the message is removed; given at the one door (intake/accept). */
  readonly keepUntil: number;
  /** Facts about the session or call: envelope recipients, peer, TLS, authentication results. JSON, without raw addresses' secrets. */
  readonly facts: MessageFacts;
}
/** Messages that are given at once to be shown. */
export const MOST_SHOWN = 50;
/** A message as it is shown: all of it but the octets behind the first of them. */
export interface ShownMessage extends Omit<StoredMessage, 'raw'> {
  /** Octets of `raw`. */
  readonly size: number;
  /** The first octets of `raw`: 256 KiB, or all where there are no more. */
  readonly head: Buffer;
  /** What was read of it, in the form it was stored in (reading/stored.ts); null: not read yet. */
  readonly reading: Buffer | null;
}
/** A message on its way to the one door, which alone knows how long it will be kept. */
export type NewMessage = Omit<StoredMessage, 'keepUntil'>;
export interface MessageFacts {
  readonly recipients?: readonly string[];
  readonly peerAddress?: string;
  readonly helo?: string;
  readonly tls?: string | null;
  readonly authentication?: unknown;
  /** RFC 3461 parameters */
  readonly envid?: string;
  readonly ret?: 'FULL' | 'HDRS';
  /** Goes ahead of the project's other mail. */
  readonly priority?: boolean;
}
/** RFC 3461 parameters of one recipient. */
export interface DsnRequest {
  /** NEVER, or any of the others; absent: FAILURE and DELAY (§4.1 leaves it to us). */
  readonly notify?: readonly ('NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY')[];
  /** As given: `addr-type;xtext`. */
  readonly orcpt?: string;
}
/** Lanes of held rows, by why they are held: over the limit (what is to go first apart), suspended; no site has such a name. */
export const HELD_LANES = {
  quota: 'held:quota',
  priority: 'held:priority',
  suspended: 'held:suspended',
} as const;

export interface RecipientRow {
  readonly id: RecipientId;
  readonly messageId: MessageId;
  readonly projectId: ProjectId;
  /** As it goes on the wire in RCPT TO, without angle brackets. */
  readonly address: string;
  /** A-label domain of the address: what is routed and grouped. */
  readonly domain: string;
  /** What its waiting is grouped by: the destination site once that is known, before it the domain; see HELD_LANES. */
  readonly lane: string;
  readonly state: RecipientState;
  readonly attempts: number;
  /** Wall ms since when it is held, else null; ms it was held before. Neither counts toward its time in the queue. */
  readonly heldSince: number | null;
  readonly heldMs: number;
  readonly dsn: DsnRequest | null;
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
  readonly messageId: MessageId;
  readonly recipientId: RecipientId;
  readonly from: readonly RecipientState[];
  readonly to: RecipientState;
  readonly lane: string;
  readonly attempts: number;
  readonly heldSince: number | null;
  readonly heldMs: number;
  readonly nextAttemptAt: number | null;
  readonly lastResult: unknown;
  readonly settledAt: number | null;
}
/** Due work as the scheduler gets it back from disk: the row and what is needed to plan it, without the bytes. */
export interface DueRecipient {
  readonly row: RecipientRow;
  readonly message: Omit<StoredMessage, 'raw' | 'prefix'> & { readonly size: number };
}
export interface LaneKey {
  readonly project: ProjectId;
  readonly lane: string;
}
export interface LaneSummary extends LaneKey {
  readonly queued: number;
  readonly deferred: number;
  readonly held: number;
  /** Earliest next_attempt_at, wall ms. */
  readonly nextDue: number;
}
/** Which lanes of a project: the first so many by name, behind one of them. */
export interface LanePage {
  readonly after: string | null;
  readonly limit: number;
}
/** What waits of a project. */
export interface Queue<Lane = LaneSummary> {
  readonly depth: Readonly<Record<'queued' | 'deferred' | 'held', number>>;
  /** Of the page, by name. */
  readonly lanes: readonly Lane[];
}
/** Which waiting recipients are meant; what is left out matches all. */
export interface WaitingFilter {
  /** null: of all projects (operators). */
  readonly project: ProjectId | null;
  /** Site or domain, as shown in the queue list. */
  readonly lane?: string;
  /** Domain of the recipient. */
  readonly domain?: string;
  /** Envelope sender. */
  readonly sender?: string;
  /** The MTA domain it was sent with, there still or removed. */
  readonly sentWith?: DomainId;
  /** Wall ms: accepted before. */
  readonly acceptedBefore?: number;
  readonly states?: readonly ('queued' | 'deferred' | 'held')[];
}
/** Mail that matches waits until it is lifted or its time is over. */
export interface Suspension {
  readonly id: SuspensionId;
  readonly filter: WaitingFilter;
  readonly reason: string;
  readonly actor: string;
  readonly createdAt: number;
  /** Wall ms. */
  readonly expiresAt: number;
}
/** Audit record of what was done to the queue by hand. */
export interface QueueOperation {
  readonly id: QueueOperationId;
  readonly action: 'retry' | 'cancel' | 'bounce' | 'suspend' | 'resume';
  readonly filter: WaitingFilter;
  readonly actor: string;
  readonly at: number;
  /** Recipients changed. */
  readonly changed: number;
}
export interface LaneDue {
  readonly rows: readonly DueRecipient[];
  /** Earliest next_attempt_at after the time asked about of any unsettled recipient of the lane, or null. */
  readonly next: number | null;
}
export interface SpoolReader {
  message(project: ProjectId, id: MessageId): Promise<StoredMessage | null>;
  shown(project: ProjectId, id: MessageId): Promise<ShownMessage | null>;
  /**
   * The first of these as `shown` gives them, null for one that is gone: up to the one with which they reach `octets`,
   * MOST_SHOWN at most and one at least. One that cannot be read ends them before it, and is an error where it is the first.
   */
  shownOf(
    project: ProjectId,
    ids: readonly MessageId[],
    octets: number,
  ): Promise<readonly (ShownMessage | null)[]>;
  /** Octets of `raw` from `start` to before `end`, as far as there are any; null where the message is gone. */
  octets(project: ProjectId, id: MessageId, start: number, end: number): Promise<Buffer | null>;
  recipients(project: ProjectId, message: MessageId): Promise<readonly RecipientRow[]>;
  /** The same in pages, in the order of their ids. */
  recipientPage(project: ProjectId, message: MessageId, page: PageRequest): Promise<Page<RecipientRow>>;
  /** At those recipients of the message, oldest first. */
  attempts(
    project: ProjectId,
    message: MessageId,
    recipients: readonly RecipientId[],
  ): Promise<readonly AttemptRow[]>;
  /**
   * What is due at or before `now`, lane by lane in the order given: earliest first, at most `limit` of each, leaving
   * out those in `exclude`. Many lanes cost little more than one.
   */
  due(
    lanes: readonly LaneKey[],
    now: number,
    limit: number,
    exclude: ReadonlySet<RecipientId>,
  ): Promise<readonly LaneDue[]>;
  /**
   * The lanes with unsettled recipients that this node serves, only of those members, or of all nodes; one with rows of
   * several members may come once for each.
   */
  lanes(of?: 'all' | readonly string[]): Promise<readonly LaneSummary[]>;
  /**
   * Unsettled recipients in the order of project, lane and time, with their messages. Looks at a bounded number of rows
   * per call, so that a page may be short or empty before the end: it is over when `nextCursor` is null.
   */
  waiting(
    filter: WaitingFilter,
    page: { readonly limit: number; readonly cursor: string | null },
    /** Only rows this node serves. */
    own?: boolean,
  ): Promise<Page<DueRecipient>>;
  sentKeys(project: ProjectId, key: string): Promise<readonly SentKey[]>;
  suspensions(): Promise<readonly Suspension[]>;
  operations(
    page: { limit: number; cursor: string | null },
    project: ProjectId | null,
  ): Promise<Page<QueueOperation>>;
  /** Counts of recipients in queued, deferred and held: of one project, or (null) of the instance. */
  depth(project: ProjectId | null): Promise<Readonly<Record<'queued' | 'deferred' | 'held', number>>>;
  /** Messages of a project, newest first, without bytes. */
  messages(
    project: ProjectId,
    page: { limit: number; cursor: string | null; domainId?: DomainId; messageIdHeader?: string },
  ): Promise<Page<Omit<StoredMessage, 'raw' | 'prefix'> & { size: number }>>;
}
export interface SpoolTx {
  /**
   * `bodyOf`: a message of the same project and transaction whose octets these are, so that they are stored once.
   * `reading`: what was read of it; it lies with the octets and is that of all who show them.
   */
  insertMessage(message: StoredMessage, bodyOf?: MessageId, reading?: Buffer): void;
  /** Of a message that has none yet, and of those that show the same octets; nothing where it is gone. */
  storeReading(project: ProjectId, id: MessageId, reading: Buffer): void;
  insertRecipient(row: RecipientRow): void;
  moveRecipient(move: RecipientMove): void;
  insertAttempt(attempt: AttemptRow): void;
  insertSuspension(suspension: Suspension): void;
  /** StaleError when it is gone. */
  deleteSuspension(id: SuspensionId): void;
  insertOperation(operation: QueueOperation): void;
  /** ConflictError 'sent_key.address' where the project has used the key for the recipient before. */
  insertSentKey(sent: SentKey): void;
  /** What the key was used for before that: it may be used again. */
  forgetSentKey(project: ProjectId, key: string, before: number): void;
}
/** How long a key stands for what was sent under it. */
export const SENT_KEYS_KEPT_MS = 24 * 3_600_000;
/** An Idempotency-Key header field once used for a recipient. */
export interface SentKey {
  readonly projectId: ProjectId;
  readonly key: string;
  readonly address: string;
  readonly messageId: MessageId;
  readonly createdAt: number;
}
