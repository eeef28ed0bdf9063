/**
 * What goes when its time is over, as every engine does it: in steps, each small enough that no mail waits for it.
 * Invariants: nothing goes before its time, no message while a recipient of it still waits.
 */
import { MAX_RETENTION_DAYS } from '../limits/types.ts';
import type { MessageId } from '../runtime/ids.ts';

/** Removed domains are shown for as long as any of their messages may be, with the mail that waited. */
export const FORMER_DOMAIN_DAYS = MAX_RETENTION_DAYS + 21;

/** Counts by what was removed; an engine that drops whole partitions may count them roughly. */
export interface Removed {
  /** With their octets. */
  readonly messages: number;
  readonly recipients: number;
  readonly attempts: number;
  readonly events: number;
  /** To hooks, of events. */
  readonly deliveries: number;
  readonly tasks: number;
  /** Audit records of what was done to the queue by hand. */
  readonly operations: number;
  /** What was kept for a while: keys of calls and of mail, attempts to sign in, sessions and links. */
  readonly records: number;
  /** Counts and what was told and decided about limits, plans and changes of DNS. */
  readonly usage: number;
  /** Events of the audit. */
  readonly audit: number;
  /** Closed ones, with all they had. */
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
  /** Messages whose time is over and that stay, since recipients of them still wait. */
  readonly waiting: readonly MessageId[];
  /** There may be more to do: call again, after a pause. */
  readonly more: boolean;
  /** Who keeps the step from what is over, and what to do about it. */
  readonly heldBy?: string | null;
  /** How long whoever accepts mail may have waited for this step, ms: the pause behind it is as long as befits it. */
  readonly ms?: number;
}
/** What should have gone already. */
export interface Overdue {
  /** Wall ms at which the oldest of it should have gone; null where nothing is over. */
  readonly since: number | null;
  /** Messages, as far as they are counted: up to a few thousand. */
  readonly messages: number;
}
export interface Retention {
  /**
   * One bounded step: removes some of the rows whose time was over at `now` (wall ms), or gives room back to the
   * system. Rejects with StoreError; then nothing of this step was done.
   */
  sweep(now: number): Promise<Swept>;
  /** What is over at `now` and still there; a few ms at most. */
  overdue(now: number): Promise<Overdue>;
  /** Whether owners that are gone have left rows; one look-up. */
  hasLeftovers(): Promise<boolean>;
}
