/**
 * The named moves of a recipient. Pure: a row and what happened in, the row change out. The store applies a move
 * only while the row is still in one of `from`; any other state makes the transaction stale.
 * States and their meaning: spool/types.ts. Times are wall ms.
 */
import type { RecipientMove, RecipientRow, RecipientState } from './types.ts';

/** Not yet settled; a held row whose time has come is tried like any other. */
const OPEN: readonly RecipientState[] = ['queued', 'deferred', 'held'];

function settle(
  row: RecipientRow,
  to: RecipientState,
  now: number,
  attempts: number,
  lastResult: unknown,
): RecipientMove {
  return {
    projectId: row.projectId,
    recipientId: row.id,
    from: OPEN,
    to,
    attempts,
    nextAttemptAt: null,
    lastResult,
    settledAt: now,
  };
}
function wait(
  row: RecipientRow,
  from: readonly RecipientState[],
  to: RecipientState,
  attempts: number,
  nextAttemptAt: number,
  lastResult: unknown,
): RecipientMove {
  return {
    projectId: row.projectId,
    recipientId: row.id,
    from,
    to,
    attempts,
    nextAttemptAt,
    lastResult,
    settledAt: null,
  };
}

/** The next hop (or the receive rules) took it. */
export function toDelivered(row: RecipientRow, now: number, result: unknown): RecipientMove {
  return settle(row, 'delivered', now, row.attempts + 1, result);
}
/** It could not be delivered now; once more at `nextAttemptAt`. */
export function toDeferred(row: RecipientRow, nextAttemptAt: number, result: unknown): RecipientMove {
  return wait(row, OPEN, 'deferred', row.attempts + 1, nextAttemptAt, result);
}
/** Refused for good. */
export function toBounced(row: RecipientRow, now: number, result: unknown): RecipientMove {
  return settle(row, 'bounced', now, row.attempts + 1, result);
}
/** Its time was up at an attempt that did not succeed. */
export function toExpired(row: RecipientRow, now: number, result: unknown): RecipientMove {
  return settle(row, 'expired', now, row.attempts + 1, result);
}
/** Someone took it back. No attempt is counted. */
export function toCancelled(row: RecipientRow, now: number, result: unknown): RecipientMove {
  return settle(row, 'cancelled', now, row.attempts, result);
}
/** The address is on the suppression list. No attempt is counted. */
export function toSuppressed(row: RecipientRow, now: number, result: unknown): RecipientMove {
  return settle(row, 'suppressed', now, row.attempts, result);
}
/** Over quota or suspended: looked at again at `until`. No attempt is counted. */
export function toHeld(row: RecipientRow, until: number, result: unknown): RecipientMove {
  return wait(row, ['queued', 'deferred'], 'held', row.attempts, until, result);
}
/** The hold is over: due at `now`. */
export function release(row: RecipientRow, now: number): RecipientMove {
  return wait(row, ['held'], 'queued', row.attempts, now, row.lastResult);
}
/** Someone asked for a try at once: due at `now`. */
export function retryNow(row: RecipientRow, now: number): RecipientMove {
  return wait(row, ['deferred', 'held'], 'queued', row.attempts, now, row.lastResult);
}
