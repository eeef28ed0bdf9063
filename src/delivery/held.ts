/**
 * Held mail flows out by itself: over quota as the rolling windows allow, what hurries ahead of the rest of its project;
 * suspended when nothing suspends it any more. A hold that lasts longer than 7 days ends as expired (holding does not
 * count toward the time in the queue). A domain that is over its own limit does not stand in the way of the project's others.
 */
import type { DomainReader } from '../domains/mta-domains.ts';
import type { Limiter, Reservation } from '../limits/limiter.ts';
import type { LimitTx } from '../limits/usage.ts';
import type { Clock } from '../runtime/clock.ts';
import type { DomainId } from '../runtime/ids.ts';
import type { Transactor } from '../runtime/transactor.ts';
import {
  type DueRecipient,
  HELD_LANES,
  type LaneKey,
  type RecipientMove,
  type SpoolReader,
  type SpoolTx,
} from '../spool/messages.ts';
import { moved, release, toHeld } from '../spool/transitions.ts';
import type { Suspensions } from './suspensions.ts';

export const LONGEST_HOLD_MS = 7 * 24 * 3600 * 1000;
const AT_ONCE = 200;
/** What hurries and is due so soon goes before what is due now. */
const AHEAD_MS = 60_000;
/** A row so young may not be counted in the backlog yet. */
const FRESH_MS = 2000;

export interface HeldDeps {
  readonly read: SpoolReader & DomainReader;
  readonly transactor: Transactor<SpoolTx & LimitTx>;
  readonly limiter: Pick<Limiter, 'reserve'>;
  readonly suspensions: Suspensions;
  readonly clock: Clock;
  /** False for a while after the wall clock jumped: no hold or suspension ends by it. */
  readonly timeIsTrusted: () => boolean;
}
export interface Flow {
  /** Committed as queued, due now; `from`: the lane they were held in. */
  readonly released: readonly (DueRecipient & { readonly from: string })[];
  /** Held for too long, for the caller to settle. */
  readonly overheld: readonly DueRecipient[];
  /** Wall ms at which the lane is to be looked at again; null: when a new row comes. */
  readonly again: number | null;
}

/** Rows of the lane that nothing suspends at `now`, or that were held for too long; at most AT_ONCE. */
async function noLongerSuspended(
  lane: LaneKey,
  deps: HeldDeps,
  now: number,
  isOverheld: IsOverheld,
): Promise<DueRecipient[]> {
  const free: DueRecipient[] = [];
  const until = deps.timeIsTrusted() ? now : Number.NEGATIVE_INFINITY;
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<SpoolReader['waiting']>> = await deps.read.waiting(
      lane,
      { limit: AT_ONCE, cursor },
      true,
    );
    for (const one of page.items) {
      const lifted = { ...one, row: { ...one.row, lane: one.row.domain } };
      if (isOverheld(one) || deps.suspensions.match(lifted, until) === null) free.push(one);
      if (free.length >= AT_ONCE) return free;
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
  return free;
}
type IsOverheld = (recipient: DueRecipient) => boolean;
function overheldAt(now: number, isTrusted: boolean): IsOverheld {
  return ({ row }) => isTrusted && row.heldMs + (now - (row.heldSince ?? now)) >= LONGEST_HOLD_MS;
}

/** What fits into the windows now, in the order given. */
async function admit(candidates: readonly DueRecipient[], deps: HeldDeps, now: number) {
  const free: DueRecipient[] = [];
  const reservations: Reservation[] = [];
  /** Rows of domains over their own limit, looked at again when that has room. */
  const putOff: RecipientMove[] = [];
  const over = new Map<DomainId, number>();
  for (const one of candidates) {
    const { projectId, domainId } = one.message;
    const domain = domainId === null ? null : await deps.read.domain(projectId, domainId);
    if (domain === null) {
      free.push(one);
      continue;
    }
    let until = over.get(domain.id);
    if (until === undefined) {
      const reserved = await deps.limiter.reserve(projectId, domain.id, domain, 1);
      if (reserved.kind === 'ok') {
        reservations.push(reserved);
        free.push(one);
        continue;
      }
      until = now + reserved.retryAfterSeconds * 1000;
      if (reserved.scope === 'project') return { free, reservations, putOff, full: until };
      over.set(domain.id, until);
    }
    const lane = one.row.lane === HELD_LANES.priority ? HELD_LANES.priority : HELD_LANES.quota;
    // a millisecond apart: they keep their order
    putOff.push(toHeld(one.row, now, until + putOff.length, lane, one.row.lastResult));
  }
  return { free, reservations, putOff, full: null };
}

/**
 * Looks at the due rows of a held lane; `early`: at all of them, since limits are higher than when they were held.
 * Rejects where the store does.
 */
export async function flowHeld(lane: LaneKey, deps: HeldDeps, early = false): Promise<Flow> {
  const now = deps.clock.now();
  const isOverheld = overheldAt(now, deps.timeIsTrusted());
  // A suspension may be lifted before its time: what it held is looked at whenever the lane is.
  const suspended = lane.lane === HELD_LANES.suspended;
  const horizon = early ? now + LONGEST_HOLD_MS : now;
  const [found] = await deps.read.due([lane], horizon, suspended ? 0 : AT_ONCE, new Set());
  const due = suspended ? await noLongerSuspended(lane, deps, now, isOverheld) : found!.rows;
  const overheld = due.filter(isOverheld);
  const own = due.filter((one) => !overheld.includes(one));
  const first =
    lane.lane === HELD_LANES.quota && own.length > 0
      ? await hurried(lane, deps, now, Math.max(horizon, now + AHEAD_MS), isOverheld)
      : [];
  const { free, reservations, putOff, full } = suspended
    ? { free: own, reservations: [], putOff: [], full: null }
    : await admit([...first, ...own], deps, now);
  const released = free.map((was) => {
    const row = moved(was.row, release(was.row, now));
    return { ...was, row, from: was.row.lane };
  });
  try {
    if (free.length + putOff.length > 0)
      await deps.transactor.transact(lane.project, (tx) => {
        for (const { row } of free) tx.moveRecipient(release(row, now));
        for (const move of putOff) tx.moveRecipient(move);
        for (const reservation of reservations) reservation.record(tx);
      });
  } finally {
    for (const reservation of reservations) reservation.release();
  }
  const next = due.length === AT_ONCE ? now : earliest(found!.next, putOff);
  return { released, overheld, again: full ?? next };
}
/** The project's held mail that goes before all other of it. */
async function hurried(
  { project }: LaneKey,
  deps: HeldDeps,
  now: number,
  until: number,
  isOverheld: IsOverheld,
): Promise<DueRecipient[]> {
  const lane = { project, lane: HELD_LANES.priority };
  const [found] = await deps.read.due([lane], until, AT_ONCE, new Set());
  return found!.rows.filter((one) => now - (one.row.heldSince ?? now) >= FRESH_MS && !isOverheld(one));
}
function earliest(next: number | null, putOff: readonly RecipientMove[]): number | null {
  return putOff.reduce<number | null>(
    (least, { nextAttemptAt }) => (least === null ? nextAttemptAt : Math.min(least, nextAttemptAt!)),
    next,
  );
}
