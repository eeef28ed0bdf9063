/**
 * Delivers events to their subscribers, at least once. Invariants: a delivery runs at most once at a time in this
 * process; its row is written after the answer; a slow subscriber does not delay another one (each has a few places
 * of its own), and a project does not delay another one (berths.ts; connections and places for large bodies are
 * also shared by project). One look at the store is bounded, however many subscribers have deliveries waiting.
 * Retries go on for more than three days; then the delivery is dead, with the reason. If the store fails, it is
 * asked again.
 */
import type { Clock, Timer } from '../runtime/clock.ts';
import { type HttpClient, HttpError } from '../runtime/http-client.ts';
import type { ProjectId, SubscriberId } from '../runtime/ids.ts';
import type { Jumps } from '../runtime/jumps.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { createPlaces, NoPlace } from '../runtime/places.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { Settings } from '../runtime/settings.ts';
import { StaleError, type Transactor } from '../runtime/transactor.ts';
import { createBerths } from './berths.ts';
import { type Called, callSubscriber } from './call.ts';
import { subscriberKindOf } from './kinds/kinds.ts';
import { openSealed } from './kinds/sealed.ts';
import { MessageGone, type RenderDeps } from './render-event.ts';
import { AT_ONCE, isLast, PATIENCE_MS, RETRY, waitAfter } from './retries.ts';
import type { DueDelivery, EdjReader, EdjTx, Round, SubscriberDeliveryMove } from './topics.ts';
import { brought, dead, done, retryLater } from './transitions.ts';

export interface DispatcherDeps {
  readonly transactor: Transactor<EdjTx>;
  readonly read: EdjReader;
  readonly http: HttpClient;
  readonly sealer: Sealer;
  readonly render: RenderDeps;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Whether hooks of this project may be on loopback (the sandbox). */
  readonly allowLoopback: (project: ProjectId) => Promise<boolean>;
  readonly jumps: Pick<Jumps, 'trusted' | 'onJump'>;
}
export interface Dispatcher extends Service {
  /** Deliveries may be due: look now. */
  nudge(): void;
  /** Deliveries were taken over: those with a time that a wrong clock has set are due now. */
  adopted(): void;
}
const ALL = 128;
/** Maximum of large bodies at a time. */
const LARGE = 16;
const POLL_MS = 30_000;
/** If a look did not cover everything, the next one comes after this time, so that other work gets a turn. */
const REST_MS = 50;
/** With its jitter. */
const LONGEST_WAIT_MS = RETRY.maxMs * 1.25;
const BROUGHT_AT_ONCE = 200;
const STORE_RETRY_MS = 1_000;

/** Ends a delivery because a project without any needed its place. */
class GivenUp extends Error {
  override name = 'GivenUp';
  constructor() {
    super('no answer in time, while another project waited for the place');
  }
}

export function createDispatcher(deps: DispatcherDeps): Dispatcher {
  const { clock, read, logger } = deps;
  const inFlight = new Set<Promise<void>>();
  const berths = createBerths({ berths: ALL, patienceMs: PATIENCE_MS, clock });
  /**
   * `last`: the last subscriber that had a turn; the next look begins after it. `rest`: the remaining part of the
   * round.
   */
  const turn: { last: SubscriberId | null; rest: Round | null } = { last: null, rest: null };
  const places = createPlaces(LARGE, clock, { places: LARGE / 2 });
  const closing = new AbortController();
  let timer: Timer | null = null;
  let looking: Promise<void> | null = null;
  let again = false;
  let resting = false;
  let stopped = true;

  function nudge(): void {
    turn.rest = null;
    lookSoon();
  }
  function lookSoon(): void {
    if (stopped || resting) return;
    if (looking !== null) {
      again = true;
      return;
    }
    looking = look()
      .catch((error) => {
        logger.error({ err: error }, 'the service could not read the due subscriber deliveries');
        arm(STORE_RETRY_MS);
      })
      .finally(() => {
        looking = null;
        if (again) {
          again = false;
          lookSoon();
        }
      });
  }
  function arm(ms: number, then = nudge): void {
    timer?.cancel();
    timer = stopped ? null : clock.after(ms, then);
  }
  function rest(): void {
    resting = true;
    arm(REST_MS, () => {
      resting = false;
      lookSoon();
    });
  }

  async function look(): Promise<void> {
    // New deliveries have times of the wall clock: a jump must not go unseen between two looks at it.
    deps.jumps.trusted();
    const now = clock.now();
    const round = turn.rest ?? { after: turn.last, until: turn.last };
    const found = await read.dueDeliveries(now, {
      perSubscriber: AT_ONCE,
      limit: Math.max(1, berths.free),
      perProject: berths.room,
      round,
      exclude: berths.ids(),
    });
    let [begun, refused] = [0, 0];
    let roomIn: number | null = null;
    for (const item of found.due) {
      const { subscriberId, projectId } = item.delivery;
      if (stopped || berths.ofSubscriber(subscriberId) >= AT_ONCE) continue; // the one that ends looks again
      if (berths.room(projectId) === 0) refused += 1;
      else if (berths.free === 0) {
        roomIn = berths.makeRoom();
        break;
      } else {
        turn.last = subscriberId;
        begun += 1;
        begin(item);
      }
    }
    // Refused deliveries took room in this claim that others could use, and a project without a place may come later.
    const more = begun > 0 && (refused > 0 || berths.free === 0);
    if (found.rest !== null) {
      turn.last = found.rest.after;
      // look at everything again: there was a nudge in the meantime, or a delivery was found that has no place yet
      turn.rest = again || more || roomIn !== null ? null : found.rest;
      return rest();
    }
    again ||= more;
    const next = await read.nextDeliveryAfter(now);
    const wait = next === null ? POLL_MS : Math.min(POLL_MS, Math.max(10, next - clock.now()));
    arm(roomIn === null ? wait : Math.min(wait, roomIn));
  }
  /**
   * Deliveries that wait for a moment further ahead than a retry waits are due now: the clock was ahead when
   * they failed or were made.
   */
  async function bringBack(): Promise<void> {
    for (let [count, stale] = [0, 0]; !stopped && stale < 3; ) {
      const now = clock.now();
      const found = await read.deliveriesAfter(now + LONGEST_WAIT_MS, BROUGHT_AT_ONCE);
      if (found.length === 0) {
        if (count > 0)
          logger.warn(
            { deliveries: count },
            'subscriber deliveries waited for a time that a wrong clock had set: they are due now',
          );
        return;
      }
      for (const [project, own] of Map.groupBy(found, ({ projectId }) => projectId))
        try {
          await deps.transactor.transact(project, (tx) => {
            for (const delivery of own) tx.moveDelivery(brought(delivery, now));
          });
          count += own.length;
        } catch (error) {
          if (!(error instanceof StaleError)) throw error;
          stale += 1;
        }
      nudge();
    }
  }
  function bringSoon(): void {
    if (stopped) return;
    const work: Promise<void> = bringBack()
      .catch((error: unknown) => {
        logger.error({ err: error }, 'looking for deliveries that a wrong clock has put off failed');
      })
      .finally(() => inFlight.delete(work));
    inFlight.add(work);
  }
  deps.jumps.onJump(bringSoon);
  function begin(item: DueDelivery): void {
    const { delivery } = item;
    const ending = new AbortController();
    const berth = berths.enter(delivery, () => ending.abort(new GivenUp()));
    const ended = attempt(item, ending.signal).finally(() => {
      berth[Symbol.dispose]();
      inFlight.delete(ended);
      nudge();
    });
    inFlight.add(ended);
  }

  async function attempt(item: DueDelivery, ending: AbortSignal): Promise<void> {
    const { delivery, event } = item;
    const move = await post(item, ending).catch((error): SubscriberDeliveryMove => {
      logger.error(
        { delivery: delivery.id, event: event.id, err: error },
        'a subscriber delivery failed unexpectedly',
      );
      return failed(item, { error: 'internal error' }, 0);
    });
    deps.metrics.hookDelivery(move.to === 'done' ? 'done' : move.to === 'dead' ? 'dead' : 'retry');
    if (move.to === 'dead')
      logger.warn(
        { delivery: delivery.id, event: event.id, subscriber: delivery.subscriberId },
        'the service gave up a subscriber delivery',
      );
    for (;;) {
      try {
        return await deps.transactor.transact(delivery.projectId, (tx) => tx.moveDelivery(move));
      } catch (error) {
        if (error instanceof StaleError) return; // the subscriber is gone
        logger.error(
          { delivery: delivery.id, err: error },
          'the result of a subscriber delivery could not be stored, trying again',
        );
        if (stopped) return;
        await new Promise<void>((resolve) => void clock.after(STORE_RETRY_MS, resolve));
      }
    }
  }

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
      sealed = openSealed(deps.sealer, subscriber);
    } catch {
      return dead(delivery, {
        error: 'the secrets of the subscriber cannot be opened: was the secret key changed?',
      });
    }
    const allowLoopback = await deps.allowLoopback(delivery.projectId);
    const over = AbortSignal.any([closing.signal, ending]);
    try {
      const large = { places, share: delivery.projectId, signal: over };
      const now = Math.floor(clock.now() / 1000);
      const called = await callSubscriber({ kind, settings: subscriber.settings, sealed }, event, deps, {
        now,
        large,
        allowLoopback,
        signal: ending,
      });
      return judged(item, called);
    } catch (error) {
      if (error instanceof MessageGone) return dead(delivery, { error: error.message });
      if (error instanceof NoPlace) return failed(item, { error: 'too-busy', detail: error.message }, 0);
      if (error instanceof GivenUp) return failed(item, { error: 'timeout', detail: error.message }, 0);
      if (!(error instanceof HttpError)) throw error;
      return failed(item, { error: error.code, detail: error.message }, 0);
    }
  }
  function judged(item: DueDelivery, { status, answer, verdict }: Called): SubscriberDeliveryMove {
    switch (verdict.kind) {
      case 'done':
        return done(item.delivery, { status });
      case 'refused':
      case 'gone':
        return dead(item.delivery, { status, answer });
      case 'later':
        return failed(item, { status, answer }, verdict.retryAfter);
    }
  }
  /** `retryAfter`: seconds from the answer; 0: none. */
  function failed({ delivery }: DueDelivery, result: unknown, retryAfter: number): SubscriberDeliveryMove {
    const now = clock.now();
    const attempt = delivery.attempts + 1;
    if (isLast(attempt, now - delivery.createdAt) && deps.jumps.trusted()) return dead(delivery, result);
    const asked = Math.min(retryAfter * 1000, RETRY.maxMs);
    const wait = Math.max(asked, waitAfter(attempt, deps.random));
    return retryLater(delivery, now + wait, result);
  }

  return {
    nudge,
    adopted() {
      bringSoon();
      nudge();
    },
    async start(signal) {
      stopped = false;
      signal.addEventListener(
        'abort',
        () => {
          stopped = true;
          timer?.cancel();
        },
        { once: true },
      );
      bringSoon();
      nudge();
    },
    async [Symbol.asyncDispose]() {
      stopped = true;
      // Deliveries that wait for a place are tried at the next start. Requests that are running come to their end.
      closing.abort(new NoPlace('the service is stopping'));
      timer?.cancel();
      timer = null;
      await looking;
      await Promise.all(inFlight);
    },
  };
}
