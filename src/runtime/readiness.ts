/**
 * Whether this node should get new mail, and why not: it is starting or stopping, its store has ended, its
 * disk is nearly full, or the last write was refused for now. A refused write counts until a write succeeds,
 * but at most 30 s: without new mail there may be no write that could show that the store accepts writes
 * again.
 */
import type { Clock } from './clock.ts';
import { StoreError, type Transactor } from './transactor.ts';

const REFUSED_MS = 30_000;
const NO_SPACE = 'the disk is nearly full, mail is refused: make room';
const REFUSED = 'the store refused a write: a full disk or a database that is away, the log says which';

export interface Readiness {
  /** null if the node accepts mail. */
  reason(): string | null;
  /** Why the process does not serve; null if it serves. */
  state: string | null;
  /** The same transactor; the results of its transactions are observed. */
  watched<Tx>(transactor: Transactor<Tx>): Transactor<Tx>['transact'];
}

export function createReadiness(state: string, hasSpace: () => boolean, clock: Clock): Readiness {
  let refusedAt: number | null = null;
  const isRefusing = () => refusedAt !== null && clock.monotonic() - refusedAt < REFUSED_MS;
  return {
    state,
    reason() {
      return this.state ?? (hasSpace() ? (isRefusing() ? REFUSED : null) : NO_SPACE);
    },
    watched:
      (transactor) =>
      async (...args) => {
        try {
          await transactor.transact(...args);
          refusedAt = null;
        } catch (error) {
          if (error instanceof StoreError && error.retryable) refusedAt = clock.monotonic();
          throw error;
        }
      },
  };
}
