/**
 * Held mail flows out by itself: over quota as the rolling windows allow, suspended when nothing suspends it any more.
 * A hold that lasts longer than 7 days ends as expired (holding does not count toward the time in the queue).
 */
import type { DomainReader } from '../domains/types.ts';
import type { Limiter, Reservation } from '../limits/limiter.ts';
import type { LimitTx } from '../limits/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Transactor } from '../runtime/transactor.ts';
import { release } from '../spool/transitions.ts';
import {
  type DueRecipient,
  HELD_LANES,
  type LaneKey,
  type SpoolReader,
  type SpoolTx,
} from '../spool/types.ts';
import type { Suspensions } from './suspensions.ts';

export const LONGEST_HOLD_MS = 7 * 24 * 3600 * 1000;
const AT_ONCE = 200;

export interface HeldDeps {
  readonly read: SpoolReader & DomainReader;
  readonly transactor: Transactor<SpoolTx & LimitTx>;
  readonly limiter: Pick<Limiter, 'reserve'>;
  readonly suspensions: Suspensions;
  readonly clock: Clock;
}
export interface Flow {
  /** Committed as queued, due now. */
  readonly released: readonly DueRecipient[];
  /** Held for too long, for the caller to settle. */
  readonly overheld: readonly DueRecipient[];
  /** Wall ms at which the lane is to be looked at again; null: when a new row comes. */
  readonly again: number | null;
}

/** Rows of the lane that nothing suspends at `now`, or that were held for too long; at most AT_ONCE. */
async function noLongerSuspended(lane: LaneKey, deps: HeldDeps, now: number): Promise<DueRecipient[]> {
  const free: DueRecipient[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<SpoolReader['waiting']>> = await deps.read.waiting(
      lane,
      { limit: AT_ONCE, cursor },
      true,
    );
    for (const one of page.items) {
      const lifted = { ...one, row: { ...one.row, lane: one.row.domain } };
      const tooLong = one.row.heldMs + (now - (one.row.heldSince ?? now)) >= LONGEST_HOLD_MS;
      if (tooLong || deps.suspensions.match(lifted, now) === null) free.push(one);
      if (free.length >= AT_ONCE) return free;
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
  return free;
}

/** Looks at the due rows of a held lane. Rejects where the store does. */
export async function flowHeld(lane: LaneKey, deps: HeldDeps): Promise<Flow> {
  const now = deps.clock.now();
  // A suspension may be lifted before its time: what it held is looked at whenever the lane is.
  const suspended = lane.lane === HELD_LANES.suspended;
  const [found] = await deps.read.due([lane], now, suspended ? 0 : AT_ONCE, new Set());
  const due = suspended ? await noLongerSuspended(lane, deps, now) : found!.rows;
  const overheld = due.filter(({ row }) => row.heldMs + (now - (row.heldSince ?? now)) >= LONGEST_HOLD_MS);
  const candidates = due.filter((one) => !overheld.includes(one));
  const free: DueRecipient[] = [];
  const reservations: Reservation[] = [];
  let again = due.length === AT_ONCE ? now : found!.next;
  for (const one of candidates) {
    if (suspended) {
      free.push(one);
      continue;
    }
    const { projectId, domainId } = one.message;
    const domain = domainId === null ? null : await deps.read.domain(projectId, domainId);
    if (domain === null) {
      free.push(one);
      continue;
    }
    const reserved = await deps.limiter.reserve(projectId, domain.id, domain, 1);
    if (reserved.kind === 'over') {
      again = now + reserved.retryAfterSeconds * 1000;
      break;
    }
    reservations.push(reserved);
    free.push(one);
  }
  const released = free.map((was) => {
    const { to, lane: next, heldSince, heldMs, nextAttemptAt } = release(was.row, now);
    const row = { ...was.row, state: to, lane: next, heldSince, heldMs, nextAttemptAt };
    return { ...was, row };
  });
  try {
    if (free.length > 0)
      await deps.transactor.transact(lane.project, (tx) => {
        for (const { row } of free) tx.moveRecipient(release(row, now));
        for (const reservation of reservations) reservation.commit(tx);
      });
  } finally {
    for (const reservation of reservations) reservation.release();
  }
  return { released, overheld, again };
}
