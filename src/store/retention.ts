/**
 * Retention for every engine: removes what is expired, in steps that are so small that no mail waits for
 * them. Invariants: nothing is removed before its time, and no message while one of its recipients still
 * waits.
 */
import { MAX_RETENTION_DAYS } from '../limits/usage.ts';
import type { MessageId } from '../runtime/ids.ts';

/** Removed domains are shown as long as any of their messages may exist, including mail that waited. */
export const FORMER_DOMAIN_DAYS = MAX_RETENTION_DAYS + 21;

/** Numbers of removed rows; an engine that drops whole partitions may give rough numbers. */
export interface Removed {
  /** With their octets. */
  readonly messages: number;
  readonly recipients: number;
  readonly attempts: number;
  readonly events: number;
  /** Deliveries of events to hooks. */
  readonly deliveries: number;
  readonly tasks: number;
  /** Audit records of manual queue operations. */
  readonly operations: number;
  /** Short-lived records: keys of calls and of mail, sign-in attempts, sessions and links. */
  readonly records: number;
  /** Counts, alerts, decided limit requests, plans and changes of DNS. */
  readonly usage: number;
  /** Events of the audit log. */
  readonly audit: number;
  /** Closed projects with all their rows. */
  readonly projects: number;
}
export const NOTHING_REMOVED: Removed = {
  messages: 0,
  recipients: 0,
  attempts: 0,
  events: 0,
  deliveries: 0,
  tasks: 0,
  operations: 0,
  records: 0,
  usage: 0,
  audit: 0,
  projects: 0,
};
export interface Swept {
  readonly removed: Removed;
  /** Expired messages that stay because some of their recipients still wait. */
  readonly waiting: readonly MessageId[];
  /** There may be more to do: call again after a pause. */
  readonly more: boolean;
  /** Who blocks expired rows, and what to do about it. */
  readonly heldBy?: string | null;
  /** How long accepting mail may have waited for this step, in ms; the pause after the step depends on it. */
  readonly ms?: number;
}
/** What should already have been removed. */
export interface Overdue {
  /** Wall ms at which the oldest of it should have been removed; null if nothing is expired. */
  readonly since: number | null;
  /** Messages, as far as they are counted: up to a few thousand. */
  readonly messages: number;
}
export interface Retention {
  /**
   * One bounded step: removes some of the rows that were expired at `now` (wall ms), or gives space back to
   * the system. Rejects with StoreError; then this step has done nothing.
   */
  sweep(now: number): Promise<Swept>;
  /** What is expired at `now` and still exists; takes a few ms at most. */
  overdue(now: number): Promise<Overdue>;
  /** Whether removed owners have left rows; one lookup. */
  hasLeftovers(): Promise<boolean>;
}
