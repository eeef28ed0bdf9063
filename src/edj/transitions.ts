/** The moves of a subscriber delivery. The store applies a move only from the states that the move names. */
import type { SubscriberDelivery, SubscriberDeliveryMove, SubscriberDeliveryState } from './topics.ts';

const OPEN: readonly SubscriberDeliveryState[] = ['pending', 'retry'];

function move(
  delivery: SubscriberDelivery,
  to: SubscriberDeliveryState,
  nextAttemptAt: number | null,
  lastResult: unknown,
): SubscriberDeliveryMove {
  return {
    projectId: delivery.projectId,
    eventId: delivery.eventId,
    subscriberId: delivery.subscriberId,
    id: delivery.id,
    from: OPEN,
    to,
    attempts: delivery.attempts + 1,
    nextAttemptAt,
    lastResult,
  };
}
/**
 * Its time was further ahead than a retry waits, because the clock was wrong: it is due at `at`. This counts as
 * no attempt.
 */
export function brought(delivery: SubscriberDelivery, at: number): SubscriberDeliveryMove {
  const { state, attempts, lastResult } = delivery;
  return { ...move(delivery, state, at, lastResult), from: [state], attempts };
}
export function done(delivery: SubscriberDelivery, result: unknown): SubscriberDeliveryMove {
  return move(delivery, 'done', null, result);
}
export function retryLater(
  delivery: SubscriberDelivery,
  at: number,
  result: unknown,
  holdsUntil: number,
): SubscriberDeliveryMove {
  return { ...move(delivery, 'retry', at, result), holdsUntil };
}
export function dead(delivery: SubscriberDelivery, result: unknown): SubscriberDeliveryMove {
  return move(delivery, 'dead', null, result);
}
