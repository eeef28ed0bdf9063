/**
 * The spool: message bytes, recipient rows and their transitions. Invariants: a recipient row is in exactly
 * one state; every change is one of the named transitions in spool/transitions.ts and is applied only if the
 * row is still in a state that permits it; message bytes exist as long as something refers to them. `sending`
 * exists only in memory, under the lease, and is never a row's state.
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
/** `notice`: mail that the instance itself writes to people. */
export type MessageSource = 'smtp' | 'api' | 'mx' | 'hosted' | 'dsn' | 'edj' | 'notice';

export interface StoredMessage {
  readonly id: MessageId;
  readonly projectId: ProjectId;
  /**
   * The MTA domain that it was sent from (outgoing) or that matched first (incoming); null for a DSN without
   * a domain.
   */
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
  /** Delivery is given up at this time (wall ms). */
  readonly expiresAt: number;
  /** Wall ms. Nothing of the message is removed before this time; intake/accept sets it. */
  readonly keepUntil: number;
  /**
   * Facts about the session or call: envelope recipients, peer, TLS, authentication results. JSON, without
   * secrets.
   */
  readonly facts: MessageFacts;
}
/** The most messages that are returned at once to be shown. */
export const MOST_SHOWN = 50;
/** A message to be shown: everything except the octets after the first part. */
export interface ShownMessage extends Omit<StoredMessage, 'raw'> {
  /** Octets of `raw`. */
  readonly size: number;
  /** The first 256 KiB of `raw`, or all of it if it is smaller. */
  readonly head: Buffer;
  /** The parsed content, in its stored form (reading/stored.ts); null if the message is not parsed yet. */
  readonly reading: Buffer | null;
}
/** A message on its way to intake/accept, which decides how long it is kept. */
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
  /** Goes before the project's other mail. */
  readonly priority?: boolean;
}
/** RFC 3461 parameters of one recipient. */
export interface DsnRequest {
  /** NEVER, or any of the others; absent: FAILURE and DELAY (§4.1 leaves it to us). */
  readonly notify?: readonly ('NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY')[];
  /** As given: `addr-type;xtext`. */
  readonly orcpt?: string;
}
/**
 * Lanes of held rows, by the reason: over the limit (priority mail separately), or suspended. No site has
 * such a name.
 */
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
  /** A-label domain of the address; used for routing and grouping. */
  readonly domain: string;
  /**
   * Waiting rows are grouped by lane: the destination site if it is known, otherwise the domain; see
   * HELD_LANES.
   */
  readonly lane: string;
  readonly state: RecipientState;
  readonly attempts: number;
  /**
   * Wall ms since when it is held, else null; ms for which it was held before. Neither counts toward its time
   * in the queue.
   */
  readonly heldSince: number | null;
  readonly heldMs: number;
  /** Transitions so far. The sequence of a delivery event is one more; being accepted has 1. */
  readonly moves: number;
  readonly dsn: DsnRequest | null;
  /** ms; set exactly if state is queued, deferred or held */
  readonly nextAttemptAt: number | null;
  /** Last outcome, for people: reply text, cause, remote. JSON. */
  readonly lastResult: unknown;
  readonly createdAt: number;
  readonly settledAt: number | null;
}
/** One attempt at one recipient, kept for the trace. */
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
/**
 * A named transition (spool/transitions.ts). Applied only if the row is in one of `from`; otherwise
 * StaleError.
 */
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
  readonly moves: number;
  readonly nextAttemptAt: number | null;
  readonly lastResult: unknown;
  readonly settledAt: number | null;
}
/** Due work as the scheduler gets it from disk: the row and what is needed to plan it, without the bytes. */
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
/** A lane as the store has it. */
export interface StoredLane extends LaneSummary {
  /** Latest next_attempt_at, wall ms. */
  readonly lastDue: number;
}
/** Which lanes of a project: the first ones by name, after a given one. */
export interface LanePage {
  readonly after: string | null;
  readonly limit: number;
}
/** The waiting mail of a project. */
export interface Queue<Lane = LaneSummary> {
  readonly depth: Readonly<Record<'queued' | 'deferred' | 'held', number>>;
  /** The lanes of the page, by name. */
  readonly lanes: readonly Lane[];
}
/** Selects waiting recipients; a filter that is left out matches all. */
export interface WaitingFilter {
  /** null: of all projects (operators). */
  readonly project: ProjectId | null;
  /** Site or domain, as shown in the queue list. */
  readonly lane?: string;
  /** Domain of the recipient. */
  readonly domain?: string;
  /** Envelope sender. */
  readonly sender?: string;
  /** The MTA domain that it was sent with; the domain may be removed. */
  readonly sentWith?: DomainId;
  /** Wall ms: accepted before. */
  readonly acceptedBefore?: number;
  readonly states?: readonly ('queued' | 'deferred' | 'held')[];
}
/** The end of a suspension that lasts until it is resumed: the last moment that Date knows. */
export const UNTIL_RESUMED = 8.64e15;
/** Matching mail waits until the suspension is resumed or expires. */
export interface Suspension {
  readonly id: SuspensionId;
  readonly filter: WaitingFilter;
  readonly reason: string;
  readonly actor: string;
  /** The operator of the instance made it; only the operator may end it. */
  readonly byOperator: boolean;
  readonly createdAt: number;
  /** Wall ms; UNTIL_RESUMED: it does not end by itself. */
  readonly expiresAt: number;
}
/** Audit record of a manual queue operation. */
export interface QueueOperation {
  readonly id: QueueOperationId;
  readonly action: 'retry' | 'cancel' | 'bounce' | 'suspend' | 'resume';
  readonly filter: WaitingFilter;
  readonly actor: string;
  readonly at: number;
  /** Number of changed recipients. */
  readonly changed: number;
}
export interface LaneDue {
  readonly rows: readonly DueRecipient[];
  /**
   * The earliest next_attempt_at, after the given time, of an unsettled recipient of the lane; null if there
   * is none.
   */
  readonly next: number | null;
}
export interface SpoolReader {
  message(project: ProjectId, id: MessageId): Promise<StoredMessage | null>;
  shown(project: ProjectId, id: MessageId): Promise<ShownMessage | null>;
  /**
   * Reads these messages as `shown` does, in order; null for a removed one. It stops at the message that
   * reaches `octets`, after MOST_SHOWN messages at most and one at least. It also stops before a message that
   * cannot be read; if that is the first one, it throws.
   */
  shownOf(
    project: ProjectId,
    ids: readonly MessageId[],
    octets: number,
  ): Promise<readonly (ShownMessage | null)[]>;
  /**
   * Octets of `raw` from `start` up to, not including, `end`, as far as they exist; null if the message is
   * gone.
   */
  octets(project: ProjectId, id: MessageId, start: number, end: number): Promise<Buffer | null>;
  recipients(project: ProjectId, message: MessageId): Promise<readonly RecipientRow[]>;
  /** The same, page by page, in order of their ids. */
  recipientPage(project: ProjectId, message: MessageId, page: PageRequest): Promise<Page<RecipientRow>>;
  /** The attempts at these recipients of the message, oldest first. */
  attempts(
    project: ProjectId,
    message: MessageId,
    recipients: readonly RecipientId[],
  ): Promise<readonly AttemptRow[]>;
  /**
   * Rows that are due at or before `now`, lane by lane in the given order: earliest first, at most `limit`
   * per lane, without those in `exclude`. Many lanes cost little more than one.
   */
  due(
    lanes: readonly LaneKey[],
    now: number,
    limit: number,
    exclude: ReadonlySet<RecipientId>,
  ): Promise<readonly LaneDue[]>;
  /**
   * The lanes with unsettled recipients: those that this node serves, those of the given members, or those of
   * all nodes. A lane with rows of several members may appear once for each member.
   */
  lanes(of?: 'all' | readonly string[]): Promise<readonly StoredLane[]>;
  /** The first rows of the lane that are due after `after`, of those that this node serves. */
  dueAfter(lane: LaneKey, after: number, limit: number): Promise<readonly DueRecipient[]>;
  /**
   * Unsettled recipients in order of project, lane and time, with their messages. It reads a bounded number
   * of rows per call, so a page may be short or empty before the end. The list ends when `nextCursor` is
   * null.
   */
  waiting(
    filter: WaitingFilter,
    page: { readonly limit: number; readonly cursor: string | null },
    /** Only rows that this node serves. */
    own?: boolean,
  ): Promise<Page<DueRecipient>>;
  sentKeys(project: ProjectId, key: string): Promise<readonly SentKey[]>;
  suspensions(): Promise<readonly Suspension[]>;
  operations(
    page: { limit: number; cursor: string | null },
    project: ProjectId | null,
  ): Promise<Page<QueueOperation>>;
  /** The number of recipients in queued, deferred and held, of one project or (null) of the instance. */
  depth(project: ProjectId | null): Promise<Readonly<Record<'queued' | 'deferred' | 'held', number>>>;
  /** Messages of a project, newest first, without bytes. */
  messages(
    project: ProjectId,
    page: { limit: number; cursor: string | null; domainId?: DomainId; messageIdHeader?: string },
  ): Promise<Page<Omit<StoredMessage, 'raw' | 'prefix'> & { size: number }>>;
}
export interface SpoolTx {
  /**
   * `bodyOf`: a message of the same project and transaction with the same octets, so they are stored once.
   * `reading`: its parsed content; it is stored with the octets and belongs to all messages that share them.
   */
  insertMessage(message: StoredMessage, bodyOf?: MessageId, reading?: Buffer): void;
  /**
   * Stores the parsed content of a message that has none yet, and of the messages that share its octets. Does
   * nothing if the message is gone.
   */
  storeReading(project: ProjectId, id: MessageId, reading: Buffer): void;
  insertRecipient(row: RecipientRow): void;
  moveRecipient(move: RecipientMove): void;
  insertAttempt(attempt: AttemptRow): void;
  /**
   * StaleError unless fewer than `most` suspensions that the project made (null: that the operator made, whatever mail
   * they hold) run at `now`. Record it before the insert.
   */
  capSuspensions(project: ProjectId | null, most: number, now: number): void;
  insertSuspension(suspension: Suspension): void;
  /** StaleError if it is gone. */
  deleteSuspension(id: SuspensionId): void;
  insertOperation(operation: QueueOperation): void;
  /** ConflictError 'sent_key.address' if the project has already used the key for the recipient. */
  insertSentKey(sent: SentKey): void;
  /** Forgets uses of the key before that time: the key may be used again. */
  forgetSentKey(project: ProjectId, key: string, before: number): void;
}
/** How long a key refers to what was sent under it. */
export const SENT_KEYS_KEPT_MS = 24 * 3_600_000;
/** One use of an Idempotency-Key header field for a recipient. */
export interface SentKey {
  readonly projectId: ProjectId;
  readonly key: string;
  readonly address: string;
  readonly messageId: MessageId;
  readonly createdAt: number;
}
