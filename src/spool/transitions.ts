/**
 * The named transitions of a recipient. Pure: they take a row and an event, and return the change. The store
 * applies a transition only while the row is in one of the states in `from`; in any other state the
 * transaction fails with StaleError. spool/messages.ts explains the states. Times are wall ms.
 */
import type { HELD_LANES, RecipientMove, RecipientRow, RecipientState } from './messages.ts';

/** Not settled. A held row that is due is attempted like any other. */
const OPEN: readonly RecipientState[] = ['queued', 'deferred', 'held'];

/** How long it was held so far, at `now`. */
function heldMs(row: RecipientRow, now: number): number {
  return row.heldMs + (row.heldSince === null ? 0 : Math.max(0, now - row.heldSince));
}
function settle(
  row: RecipientRow,
  to: RecipientState,
  now: number,
  attempts: number,
  lastResult: unknown,
): RecipientMove {
  return {
    projectId: row.projectId,
    messageId: row.messageId,
    recipientId: row.id,
    from: OPEN,
    to,
    lane: row.lane,
    attempts,
    heldSince: null,
    heldMs: heldMs(row, now),
    moves: row.moves + 1,
    nextAttemptAt: null,
    lastResult,
    settledAt: now,
  };
}
type Waiting = Pick<RecipientMove, 'from' | 'to' | 'lane' | 'attempts' | 'nextAttemptAt' | 'lastResult'>;
function wait(row: RecipientRow, now: number, waiting: Waiting): RecipientMove {
  return {
    projectId: row.projectId,
    messageId: row.messageId,
    recipientId: row.id,
    heldSince: waiting.to === 'held' ? (row.heldSince ?? now) : null,
    heldMs: waiting.to === 'held' ? row.heldMs : heldMs(row, now),
    moves: row.moves + 1,
    settledAt: null,
    ...waiting,
  };
}

/**
 * Its time was further ahead than it may wait, because the clock was wrong: it is due at `at`. It stays in its
 * state, and was not held before now.
 */
export function brought(row: RecipientRow, now: number, at: number): RecipientMove {
  const { state, lane, attempts, lastResult } = row;
  return {
    ...wait(row, now, { from: [state], to: state, lane, attempts, nextAttemptAt: at, lastResult }),
    heldSince: row.heldSince === null ? null : Math.min(row.heldSince, now),
    heldMs: row.heldMs,
  };
}

/** The row after the transition. */
export function moved(row: RecipientRow, move: RecipientMove): RecipientRow {
  const { lane, attempts, heldSince, heldMs: held, moves, nextAttemptAt, lastResult, settledAt } = move;
  return {
    ...row,
    state: move.to,
    lane,
    attempts,
    heldSince,
    heldMs: held,
    moves,
    nextAttemptAt,
    lastResult,
    settledAt,
  };
}
/** The next hop (or the receive rules) took it. */
export function toDelivered(row: RecipientRow, now: number, result: unknown): RecipientMove {
  return settle(row, 'delivered', now, row.attempts + 1, result);
}
/**
 * It could not be delivered now; the next attempt is at `nextAttemptAt`, in the lane of its actual
 * destination site.
 */
export function toDeferred(
  row: RecipientRow,
  now: number,
  nextAttemptAt: number,
  lane: string,
  result: unknown,
): RecipientMove {
  const attempts = row.attempts + 1;
  return wait(row, now, { from: OPEN, to: 'deferred', lane, attempts, nextAttemptAt, lastResult: result });
}
/** An attempt was cut off, because the service stopped; due at `now`, since its destination is not to blame. */
export function toInterrupted(row: RecipientRow, now: number, lane: string, result: unknown): RecipientMove {
  const attempts = row.attempts + 1;
  return wait(row, now, { from: OPEN, to: 'queued', lane, attempts, nextAttemptAt: now, lastResult: result });
}
/** Permanently refused. */
export function toBounced(row: RecipientRow, now: number, result: unknown): RecipientMove {
  return settle(row, 'bounced', now, row.attempts + 1, result);
}
/** Its time ran out at an attempt that failed. */
export function toExpired(row: RecipientRow, now: number, result: unknown): RecipientMove {
  return settle(row, 'expired', now, row.attempts + 1, result);
}
/** Somebody cancelled it. This counts as no attempt. */
export function toCancelled(row: RecipientRow, now: number, result: unknown): RecipientMove {
  return settle(row, 'cancelled', now, row.attempts, result);
}
/** The address is on the suppression list. This counts as no attempt. */
export function toSuppressed(row: RecipientRow, now: number, result: unknown): RecipientMove {
  return settle(row, 'suppressed', now, row.attempts, result);
}
/** Over the limit or suspended; looked at again at `until`. This counts as no attempt. */
export function toHeld(
  row: RecipientRow,
  now: number,
  until: number,
  lane: (typeof HELD_LANES)[keyof typeof HELD_LANES],
  result: unknown,
): RecipientMove {
  return wait(row, now, {
    from: OPEN,
    to: 'held',
    lane,
    attempts: row.attempts,
    nextAttemptAt: until,
    lastResult: result,
  });
}
/** The hold is over; due at `now`. */
export function release(row: RecipientRow, now: number): RecipientMove {
  return again(row, now, ['held']);
}
/** Somebody asked for an attempt at once; due at `now`. */
export function retryNow(row: RecipientRow, now: number): RecipientMove {
  return again(row, now, OPEN);
}
function again(row: RecipientRow, now: number, from: readonly RecipientState[]): RecipientMove {
  const lane = row.state === 'held' ? row.domain : row.lane;
  const { attempts, lastResult } = row;
  return wait(row, now, { from, to: 'queued', lane, attempts, nextAttemptAt: now, lastResult });
}
