/**
 * One attempt to deliver an event to a subscriber: rendered, signed, posted, and the answer judged. Retries go on for
 * more than three days; then the delivery is dead, with the reason.
 */
import { backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { type HttpClient, HttpError, type HttpResponse } from '../runtime/http-client.ts';
import type { ProjectId, SubscriberId } from '../runtime/ids.ts';
import type { Jumps } from '../runtime/jumps.ts';
import type { Logger } from '../runtime/logger.ts';
import { createPlaces, NoPlace } from '../runtime/places.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { Settings } from '../runtime/settings.ts';
import type { Verdict } from './kinds/kind.ts';
import { subscriberKindOf } from './kinds/kinds.ts';
import { openSealed } from './kinds/sealed.ts';
import { MessageGone, type RenderDeps, renderEvent } from './render-event.ts';
import type { DueDelivery, Subscriber, SubscriberDeliveryMove } from './topics.ts';
import { dead, done, retryLater } from './transitions.ts';

/** Subscribers whose opened secrets are remembered. */
const MOST_OPENED = 1_000;
/** Maximum of large bodies at a time. */
const LARGE = 16;
const TIMEOUT_MS = 15_000;
const MAX_ANSWER = 64 * 1024;
/** 5 s, doubled up to 4 h: 34 attempts take more than three days. */
const RETRY = { baseMs: 5_000, maxMs: 4 * 3_600_000 };
/** The longest wait for a retry, with its jitter. */
export const LONGEST_WAIT_MS = RETRY.maxMs * 1.25;
const GIVE_UP_MS = 4 * 86_400_000;
/** A delivery gets at least this many attempts, however old it is: the service may have been down for a week. */
const FEWEST_ATTEMPTS = 8;

/** Ends a delivery because a project without any needed its place. */
export class GivenUp extends Error {
  override name = 'GivenUp';
  constructor() {
    super('no answer in time, while another project waited for the place');
  }
}

export interface AttemptDeps {
  readonly http: HttpClient;
  readonly sealer: Sealer;
  readonly render: RenderDeps;
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
      const { settings } = subscriber;
      const rendered = await renderEvent(event, kind.options(settings), deps.render, over);
      const large = { places, share: delivery.projectId, signal: over };
      const now = Math.floor(clock.now() / 1000);
      using request = await kind.request({ event, rendered, settings, sealed, now, large });
      const answer = await deps.http.post(request.url, {
        share: delivery.projectId,
        headers: { 'user-agent': 'Hikyaku', ...request.headers },
        body: request.body,
        timeoutMs: TIMEOUT_MS,
        maxResponseBytes: MAX_ANSWER,
        allowLoopback,
        signal: ending,
      });
      return judged(item, answer, kind.judge(answer));
    } catch (error) {
      if (error instanceof MessageGone) return dead(delivery, { error: error.message });
      if (error instanceof NoPlace) return failed(item, { error: 'too-busy', detail: error.message }, 0);
      if (error instanceof GivenUp) return failed(item, { error: 'timeout', detail: error.message }, 0);
      if (!(error instanceof HttpError)) throw error;
      return failed(item, { error: error.code, detail: error.message }, 0);
    }
  }
  function judged(item: DueDelivery, answer: HttpResponse, verdict: Verdict): SubscriberDeliveryMove {
    const result = { status: answer.status, answer: answer.bodyText.slice(0, 512) };
    switch (verdict.kind) {
      case 'done':
        return done(item.delivery, { status: answer.status });
      case 'gone':
        return dead(item.delivery, result);
      case 'later':
        return failed(item, result, verdict.retryAfter ?? 0);
    }
  }
  /** `retryAfter`: seconds from the answer; 0: none. */
  function failed({ delivery }: DueDelivery, result: unknown, retryAfter: number): SubscriberDeliveryMove {
    const now = clock.now();
    const isOld = deps.jumps.trusted() && now - delivery.createdAt >= GIVE_UP_MS;
    if (isOld && delivery.attempts + 1 >= FEWEST_ATTEMPTS) return dead(delivery, result);
    const asked = Math.min(retryAfter * 1000, RETRY.maxMs);
    const wait = Math.max(asked, backoff({ attempt: delivery.attempts + 1, ...RETRY, random: deps.random }));
    return retryLater(delivery, now + wait, result);
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
