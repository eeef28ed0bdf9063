/**
 * Writing as a seam. A transaction is *recorded*: the callback runs at once and synchronously, each method of `tx`
 * notes one write, and the recorded writes are committed together, atomically, grouped with those of others.
 * Nothing is read inside; a condition ("if still in that state") is part of a write, and a write whose condition
 * fails makes the whole transaction fail with `StaleError` and leave no trace; the others in its batch are unaffected.
 */
import type { ProjectId } from './ids.ts';

export interface Transactor<Tx> {
  /**
   * `record` only records; what is to happen afterwards is left with `afterCommit` and `afterFailure` (effects.ts).
   * `urgent`: someone is waiting for it, and it goes ahead of what only has to be written down. Resolves after the commit is on disk. Rejects with ConflictError, StaleError or StoreError; then nothing was written.
   */
  transact(project: ProjectId, record: (tx: Tx) => void, urgent?: boolean): Promise<void>;
}
/** A unique constraint was hit: `what` names it, e.g. 'owned_domain.name'. */
export class ConflictError extends Error {
  override name = 'ConflictError';
  readonly what: string;
  constructor(what: string) {
    super(`conflict: ${what}`);
    this.what = what;
  }
}
/** A row was no longer in the state the write required, or is gone. */
export class StaleError extends Error {
  override name = 'StaleError';
}
/** The store cannot take writes now (full, I/O error, closed). `retryable` false: not until a restart. */
export class StoreError extends Error {
  override name = 'StoreError';
  readonly retryable: boolean;
  constructor(message: string, retryable: boolean, cause?: unknown) {
    super(message, { cause });
    this.retryable = retryable;
  }
}
/** A page of a list, newest first. `nextCursor` is opaque. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Of each item: the cursor of what follows it, for who ends the page there. */
  readonly cursors: readonly string[];
  readonly nextCursor: string | null;
  /** Rows looked at where a filter passes some by: a bounded number, so that a page may be short or empty before the end. */
  readonly lookedAt?: number;
}
/** Rows that one page looks at where a filter passes most of them by. */
export const MOST_LOOKED_AT = 1_000;
export interface PageRequest {
  /** 1..500 */
  readonly limit: number;
  readonly cursor: string | null;
}
