/**
 * Converts the spool's rows for both engines: cells to values, and the cursor of waiting rows. Fails with
 * SyntaxError or TypeError if a cell cannot be read; the engines put such rows on the list of unreadable rows.
 */
import type {
  AttemptRow,
  DueRecipient,
  LaneKey,
  MessageFacts,
  QueueOperation,
  RecipientRow,
  SentKey,
  ShownMessage,
  Suspension,
  WaitingFilter,
} from '../../spool/messages.ts';
import { fromJson, type SqlValue } from '../command.ts';

/** Octets of a body in one row. */
export const BODY_PART = 256 * 1024;

export interface MessageCells {
  project_id: string;
  id: string;
  domain_id: string | null;
  direction: string;
  source: string;
  mail_from: string;
  message_id_header: string;
  size: number;
  smtputf8: number;
  eight_bit: number;
  accepted_at: number;
  expires_at: number;
  keep_until: number;
  facts: string;
  body_of: string | null;
}
export interface RecipientCells {
  project_id: string;
  id: string;
  message_id: string;
  address: string;
  domain: string;
  lane: string;
  state: string;
  attempts: number;
  next_attempt_at: number | null;
  held_since: number | null;
  held_ms: number;
  moves: number;
  dsn: string | null;
  last_result: string | null;
  created_at: number;
  settled_at: number | null;
}
export type Summary = DueRecipient['message'];

export function toSummary(r: Omit<MessageCells, 'body_of'>): Summary {
  return {
    id: r.id as Summary['id'],
    projectId: r.project_id as Summary['projectId'],
    domainId: r.domain_id as Summary['domainId'],
    direction: r.direction as Summary['direction'],
    source: r.source as Summary['source'],
    mailFrom: r.mail_from,
    messageIdHeader: r.message_id_header,
    smtputf8: r.smtputf8 === 1,
    eightBit: r.eight_bit === 1,
    acceptedAt: r.accepted_at,
    expiresAt: r.expires_at,
    keepUntil: r.keep_until,
    facts: fromJson(r.facts) as MessageFacts,
    size: r.size,
  };
}
/** The size of what is returned of a message to be shown; engines count the same in SQL. */
export const shownOctets = ({ head, prefix, reading }: ShownMessage): number =>
  head.length + prefix.length + (reading?.length ?? 0);
export function toRecipient(r: RecipientCells): RecipientRow {
  return {
    id: r.id as RecipientRow['id'],
    messageId: r.message_id as RecipientRow['messageId'],
    projectId: r.project_id as RecipientRow['projectId'],
    address: r.address,
    domain: r.domain,
    lane: r.lane,
    state: r.state as RecipientRow['state'],
    attempts: r.attempts,
    heldSince: r.held_since,
    heldMs: r.held_ms,
    moves: r.moves,
    dsn: fromJson(r.dsn) as RecipientRow['dsn'],
    nextAttemptAt: r.next_attempt_at,
    lastResult: fromJson(r.last_result),
    createdAt: r.created_at,
    settledAt: r.settled_at,
  };
}

export interface WaitingKey {
  project_id: string;
  lane: string;
  next_attempt_at: number;
  state: 'queued' | 'deferred' | 'held';
  id: string;
}
export interface SuspensionCells {
  id: string;
  filter: string;
  reason: string;
  actor: string;
  by_operator: number;
  created_at: number;
  expires_at: number;
}
export interface OperationCells {
  id: string;
  action: QueueOperation['action'];
  filter: string;
  actor: string;
  at: number;
  changed: number;
}
export function writeCursor(key: Omit<WaitingKey, 'state'> & { state: string }): string {
  const cells = [key.project_id, key.lane, key.next_attempt_at, key.state, key.id];
  return Buffer.from(JSON.stringify(cells)).toString('base64url');
}
/** The cursor before the first row of the lane that is due after `at`. */
export function cursorAfter({ project, lane }: LaneKey, at: number): string {
  return writeCursor({ project_id: project, lane, next_attempt_at: at + 1, state: '', id: '' });
}
/** A text that is not one of our cursors starts from the beginning. */
export function readCursor(cursor: string | null): SqlValue[] | null {
  if (cursor === null) return null;
  try {
    const cells: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    const [project, lane, at, state, id, ...more] = cells as unknown[];
    const texts = [project, lane, state, id].every((cell) => typeof cell === 'string');
    return texts && typeof at === 'number' && more.length === 0 ? (cells as SqlValue[]) : null;
  } catch {
    return null;
  }
}

export interface AttemptCells {
  recipient_id: string;
  number: number;
  at: number;
  outcome: string;
  detail: string | null;
}
export interface SentKeyCells {
  address: string;
  message_id: string;
  created_at: number;
}
export function toAttempt(
  project: AttemptRow['projectId'],
  message: AttemptRow['messageId'],
  r: AttemptCells,
): AttemptRow {
  return {
    projectId: project,
    messageId: message,
    recipientId: r.recipient_id as AttemptRow['recipientId'],
    number: r.number,
    at: r.at,
    outcome: r.outcome as AttemptRow['outcome'],
    detail: fromJson(r.detail),
  };
}
export function toSentKey(project: SentKey['projectId'], key: string, r: SentKeyCells): SentKey {
  return {
    projectId: project,
    key,
    address: r.address,
    messageId: r.message_id as SentKey['messageId'],
    createdAt: r.created_at,
  };
}
export function toSuspension(r: SuspensionCells): Suspension {
  return {
    id: r.id as Suspension['id'],
    filter: fromJson(r.filter) as WaitingFilter,
    reason: r.reason,
    actor: r.actor,
    byOperator: r.by_operator === 1,
    createdAt: r.created_at,
    expiresAt: r.expires_at,
  };
}
export function toOperation(r: OperationCells): QueueOperation {
  return {
    id: r.id as QueueOperation['id'],
    action: r.action,
    filter: fromJson(r.filter) as WaitingFilter,
    actor: r.actor,
    at: r.at,
    changed: r.changed,
  };
}
