/**
 * The order of events with the same key (events about one recipient) at one subscriber. The rule: a delivery waits for the
 * nearest earlier one of its key that is not done or dead. That one holds it back while it was not tried, and for HOLD_MS
 * after its first failure; not at all after an answer that says that this very event is wrong. So at most one look-up
 * tells whether a delivery may begin. What is held back is due when the hold ends, and earlier if its cause ends earlier.
 */
import type { DeliveryId } from '../runtime/ids.ts';
import type { Followers, SubscriberDelivery, SubscriberDeliveryMove } from './topics.ts';

/** A delivery that fails holds the others of its key back for so long, from its first failure, ms. */
export const HOLD_MS = 120_000;
/** One that another node has is asked for again after so long, ms. */
const AGAIN_MS = 1_000;
/** 4xx answers that concern the moment, not the event (RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4). */
const LATER: ReadonlySet<number> = new Set([408, 425, 429]);

/** Until when a delivery that failed holds others back, wall ms; 0: not at all. */
export function holdsUntil(delivery: SubscriberDelivery, result: unknown, now: number): number {
  const { status = 0 } = result as { readonly status?: number };
  const isWrong = status >= 400 && status < 500 && !LATER.has(status);
  return isWrong ? 0 : (delivery.holdsUntil ?? now + HOLD_MS);
}
/** Whether others still wait after the move. */
export const holds = ({ to, holdsUntil: until }: SubscriberDeliveryMove, now: number): boolean =>
  to === 'retry' && until !== undefined && until > now;
/** What the move changes for others; null: nothing. */
export function followersAfter(
  { order, holdsUntil: held, projectId, subscriberId }: SubscriberDelivery,
  move: SubscriberDeliveryMove,
  now: number,
): Followers | null {
  if (order === null) return null;
  const stay = holds(move, now);
  // Nobody waits for one that has not failed, but those in memory.
  if (!stay && held === null) return null;
  return {
    projectId,
    subscriberId,
    key: order.key,
    after: order.sequence,
    at: stay ? move.holdsUntil! : now,
  };
}

/** The nearest earlier delivery of the key that is not done or dead. */
export interface Previous {
  readonly id: DeliveryId;
  readonly nextAttemptAt: number;
  readonly holdsUntil: number | null;
}
/** `behind`: it is in memory, and this one comes after it. `until`: this one is looked at again then, wall ms. */
export type Turn =
  | { readonly kind: 'free' | 'behind' }
  | { readonly kind: 'blocked'; readonly until: number };

export function turnOf(
  previous: Previous | null,
  now: number,
  isInMemory: (id: DeliveryId) => boolean,
): Turn {
  if (previous === null) return { kind: 'free' };
  const { id, nextAttemptAt, holdsUntil: until } = previous;
  if (until !== null && until <= now) return { kind: 'free' };
  if (isInMemory(id)) return { kind: 'behind' };
  return {
    kind: 'blocked',
    until: Math.min(now + HOLD_MS, Math.max(now + AGAIN_MS, until ?? nextAttemptAt)),
  };
}
