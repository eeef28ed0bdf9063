/**
 * One attempt to deliver an event to a subscriber: rendered, signed, posted, and the answer judged. Retries go on for
 * more than three days; then the delivery is dead, with the reason.
 */
import type { Clock } from '../runtime/clock.ts';
import { HttpError } from '../runtime/http-client.ts';
import type { ProjectId, SubscriberId } from '../runtime/ids.ts';
import type { Jumps } from '../runtime/jumps.ts';
import type { Logger } from '../runtime/logger.ts';
import { createPlaces, NoPlace } from '../runtime/places.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { Settings } from '../runtime/settings.ts';
import { type CallDeps, type Called, callSubscriber } from './call.ts';
import { subscriberKindOf } from './kinds/kinds.ts';
import { openSealed } from './kinds/sealed.ts';
import { holdsUntil } from './order.ts';
import { MessageGone } from './render-event.ts';
import { isLast, LONGEST_WAIT_MS, waitAfter } from './retries.ts';
import type { DueDelivery, Subscriber, SubscriberDeliveryMove } from './topics.ts';
import { dead, done, retryLater } from './transitions.ts';

/** Subscribers whose opened secrets are remembered. */
const MOST_OPENED = 1_000;
/** Maximum of large bodies at a time. */
const LARGE = 16;

/** Ends a delivery because a project without any needed its place. */
export class GivenUp extends Error {
  override name = 'GivenUp';
  constructor() {
    super('no answer in time, while another project waited for the place');
  }
}

export interface AttemptDeps extends CallDeps {
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Whether hooks of this project may be on loopback (the sandbox). */
  readonly allowLoopback: (project: ProjectId) => Promise<boolean>;
  readonly jumps: Pick<Jumps, 'trusted'>;
  /** Aborts when the service stops: no place is waited for any more. */
  readonly closing: AbortSignal;
}
/** Never rejects. `ending`: gives the attempt up, with a GivenUp. */
export type Attempt = (item: DueDelivery, ending: AbortSignal) => Promise<SubscriberDeliveryMove>;

/** Opens a subscriber's secrets once, for as long as they are the same. */
function rememberOpened(sealer: Sealer): (subscriber: Subscriber) => Settings {
  const known = new Map<SubscriberId, { readonly of: Buffer; readonly opened: Settings }>();
  return (subscriber) => {
    const found = known.get(subscriber.id);
    if (found?.of.equals(subscriber.sealedSettings)) return found.opened;
    const opened = openSealed(sealer, subscriber);
    known.delete(subscriber.id);
    known.set(subscriber.id, { of: subscriber.sealedSettings, opened });
    const [oldest] = known.keys();
    if (known.size > MOST_OPENED && oldest !== undefined) known.delete(oldest);
    return opened;
  };
}

/** What the delivery's row keeps of it. */
function resultOf(called: Called): unknown {
  if (called.via === 'mail') {
    const { result, verdict } = called;
    return verdict.kind === 'later' ? { ...result, retry_after: verdict.retryAfter } : result;
  }
  const { status, answer, verdict } = called;
  if (verdict.kind === 'done') return { status };
  const asked = verdict.kind === 'later' && verdict.retryAfter > 0 ? { retry_after: verdict.retryAfter } : {};
  return { status, answer, ...asked };
}

export function createAttempt(deps: AttemptDeps): Attempt {
  const { clock, logger, closing } = deps;
  const places = createPlaces(LARGE, clock, { places: LARGE / 2 });
  const opened = rememberOpened(deps.sealer);

  async function post(item: DueDelivery, ending: AbortSignal): Promise<SubscriberDeliveryMove> {
    const { delivery, event, subscriber } = item;
    // Nothing expires by a clock that has just jumped.
    if (event.expiresAt !== null && event.expiresAt <= clock.now() && deps.jumps.trusted())
      return dead(delivery, { error: 'the event has expired' });
    const kind = subscriberKindOf(subscriber.type);
    if (kind === null)
      return failed(item, { error: `this version does not know subscribers of type ${subscriber.type}` }, 0);
    let sealed: Settings;
    try {
      sealed = opened(subscriber);
    } catch {
      return dead(delivery, {
        error: 'the secrets of the subscriber cannot be opened: was the secret key changed?',
      });
    }
    const allowLoopback = await deps.allowLoopback(delivery.projectId);
    const over = AbortSignal.any([closing, ending]);
    try {
      const large = { places, share: delivery.projectId, signal: over };
      const now = Math.floor(clock.now() / 1000);
      const target = { id: subscriber.id, kind, settings: subscriber.settings, sealed };
      const called = await callSubscriber(target, event, deps, { now, large, allowLoopback, signal: ending });
      return judged(item, called);
    } catch (error) {
      if (error instanceof MessageGone) return dead(delivery, { error: error.message });
      if (error instanceof NoPlace) return failed(item, { error: 'too-busy', detail: error.message }, 0);
      if (error instanceof GivenUp) return failed(item, { error: 'timeout', detail: error.message }, 0);
      if (!(error instanceof HttpError)) throw error;
      return failed(item, { error: error.code, detail: error.message }, 0);
    }
  }
  function judged(item: DueDelivery, called: Called): SubscriberDeliveryMove {
    const { verdict } = called;
    const result = resultOf(called);
    switch (verdict.kind) {
      case 'done':
        return done(item.delivery, result);
      case 'refused':
      case 'gone':
        return dead(item.delivery, result);
      case 'later':
        return failed(item, result, verdict.retryAfter);
    }
  }
  /** `retryAfter`: seconds from the answer; 0: none. */
  function failed(
    { delivery, subscriber, probe }: DueDelivery,
    result: unknown,
    retryAfter: number,
  ): SubscriberDeliveryMove {
    const now = clock.now();
    const attempt = delivery.attempts + 1;
    // What waited while its subscriber was paused gets its whole time afterwards.
    const age = now - Math.max(delivery.createdAt, subscriber.resumedAt ?? 0);
    if (probe !== true && isLast(attempt, age) && deps.jumps.trusted()) return dead(delivery, result);
    const asked = Math.min(retryAfter * 1000, LONGEST_WAIT_MS);
    const wait = Math.max(asked, waitAfter(attempt, deps.random));
    return retryLater(delivery, now + wait, result, holdsUntil(delivery, result, now));
  }

  return (item, ending) =>
    post(item, ending).catch((error: unknown): SubscriberDeliveryMove => {
      const { delivery, event } = item;
      logger.error(
        { delivery: delivery.id, event: event.id, err: error },
        'a subscriber delivery failed unexpectedly',
      );
      return failed(item, { error: 'internal error' }, 0);
    });
}
