/**
 * The interface for writing. A transaction is *recorded*: the callback runs at once and synchronously, each
 * method of `tx` records one write, and the recorded writes are committed together, atomically, in a group
 * with other transactions. A transaction reads nothing. A condition ("if still in that state") is part of a
 * write. If a condition fails, the whole transaction fails with `StaleError` and changes nothing; the other
 * transactions of its batch are unaffected.
 */
import type { ProjectId } from './ids.ts';

export interface Transactor<Tx> {
  /**
   * `record` only records; effects are left with `afterCommit` and `afterFailure` (effects.ts).
   * `urgent`: somebody waits for it, so it goes before transactions that only need to be written at some
   * time. Resolves after the commit is on disk. Rejects with ConflictError or StaleError; then
   * nothing was written. Rejects with StoreError; then nothing was written, or the store did not answer in time
   * and may have written it: who repeats the transaction must notice that it was done.
   */
  transact(project: ProjectId, record: (tx: Tx) => void, urgent?: boolean): Promise<void>;
}
/** A unique constraint failed: `what` names it, such as 'owned_domain.name'. */
export class ConflictError extends Error {
  override name = 'ConflictError';
  readonly what: string;
  constructor(what: string) {
    super(`conflict: ${what}`);
    this.what = what;
  }
}
/** A row was no longer in the state that the write requires, or is gone. */
export class StaleError extends Error {
  override name = 'StaleError';
}
/** The store cannot accept writes now (full, I/O error, closed). `retryable` false: not before a restart. */
export class StoreError extends Error {
  override name = 'StoreError';
  readonly retryable: boolean;
  /** There is no room: the disk is full. Otherwise the store is away, hangs or has failed. */
  readonly full: boolean;
  constructor(message: string, retryable: boolean, cause?: unknown, full = false) {
    super(message, { cause });
    this.retryable = retryable;
    this.full = full;
  }
}
/** A page of a list, newest first. `nextCursor` is opaque. */
export interface Page<T> {
  readonly items: readonly T[];
  /** For each item, the cursor of what follows it, for a caller that ends the page there. */
  readonly cursors: readonly string[];
  readonly nextCursor: string | null;
  /**
   * Rows that were read, if a filter skips some. The number is bounded, so a page may be short or empty
   * before the end.
   */
  readonly lookedAt?: number;
}
/** The most rows that one page reads if a filter skips most of them. */
export const MOST_LOOKED_AT = 1_000;
export interface PageRequest {
  /** 1..500 */
  readonly limit: number;
  readonly cursor: string | null;
}
