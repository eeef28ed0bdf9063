/**
 * Hands events to their subscribers, at least once. Invariants: a delivery is under way at most once in this process;
 * its row is settled after the answer; one slow subscriber never holds up another (each has its own few places), nor a
 * project another (berths.ts; connections and the places of large bodies are shared by project, too). What is looked at
 * in one go is bounded, however many subscribers have something waiting.
 * Retries go on for more than three days; then the delivery is dead and says why. A store that fails is asked again.
 */
import { backoff } from '../runtime/backoff.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { type HttpClient, HttpError, type HttpResponse } from '../runtime/http-client.ts';
import type { ProjectId, SubscriberId } from '../runtime/ids.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { createPlaces, NoPlace } from '../runtime/places.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { Settings } from '../runtime/settings.ts';
import { StaleError, type Transactor } from '../runtime/transactor.ts';
import { createBerths } from './berths.ts';
import type { Verdict } from './kinds/kind.ts';
import { subscriberKindOf } from './kinds/kinds.ts';
import { openSealed } from './kinds/sealed.ts';
import { MessageGone, type RenderDeps, renderEvent } from './render-event.ts';
import type { DueDelivery, EdjReader, EdjTx, Round, SubscriberDeliveryMove } from './topics.ts';
import { dead, done, retryLater } from './transitions.ts';

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
  /** Hooks of this project may be on loopback (the sandbox). */
  readonly allowLoopback: (project: ProjectId) => Promise<boolean>;
}
export interface Dispatcher extends Service {
  /** Something was committed: look now. */
  nudge(): void;
}
const PER_SUBSCRIBER = 4;
const ALL = 128;
/** Large bodies under way at once. */
const LARGE = 16;
const POLL_MS = 30_000;
/** Where not everything was looked at, the next look comes after this: it has others to let through. */
const REST_MS = 50;
/** ms that a delivery has at least, though a project that has none under way wants its place. */
const PATIENCE_MS = 3_000;
const TIMEOUT_MS = 15_000;
const MAX_ANSWER = 64 * 1024;
/** 5 s, doubling to 4 h: 34 attempts reach beyond three days. */
const RETRY = { baseMs: 5_000, maxMs: 4 * 3_600_000 };
const GIVE_UP_MS = 4 * 86_400_000;
/** However old: a service that was down for a week has not tried yet. */
const FEWEST_ATTEMPTS = 8;
const STORE_RETRY_MS = 1_000;

/** Its place was wanted by a project that had none. */
class GivenUp extends Error {
  override name = 'GivenUp';
  constructor() {
    super('no answer in time, and others waited for the place');
  }
}

export function createDispatcher(deps: DispatcherDeps): Dispatcher {
  const { clock, read, logger } = deps;
  const inFlight = new Set<Promise<void>>();
  const berths = createBerths({ berths: ALL, patienceMs: PATIENCE_MS, clock });
  /** Whose turn was last: the next look begins behind it. `rest`: what is still to be looked at of the round. */
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
        logger.error({ err: error }, 'due subscriber deliveries could not be read');
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
    const now = clock.now();
    const round = turn.rest ?? { after: turn.last, until: turn.last };
    const found = await read.dueDeliveries(now, {
      perSubscriber: PER_SUBSCRIBER,
      limit: Math.max(1, berths.free),
      perProject: berths.room,
      round,
      exclude: berths.ids(),
    });
    let [begun, refused] = [0, 0];
    let roomIn: number | null = null;
    for (const item of found.due) {
      const { subscriberId, projectId } = item.delivery;
      if (stopped || berths.ofSubscriber(subscriberId) >= PER_SUBSCRIBER) continue; // the one that ends looks again
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
    // What was refused took room in the claim that others may have work for; who has no place may be behind the last one.
    const more = begun > 0 && (refused > 0 || berths.free === 0);
    if (found.rest !== null) {
      turn.last = found.rest.after;
      // all of it again: somebody nudged meanwhile, or was seen and has no place yet
      turn.rest = again || more || roomIn !== null ? null : found.rest;
      return rest();
    }
    again ||= more;
    const next = await read.nextDeliveryAfter(now);
    const wait = next === null ? POLL_MS : Math.min(POLL_MS, Math.max(10, next - clock.now()));
    arm(roomIn === null ? wait : Math.min(wait, roomIn));
  }
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
        'a subscriber delivery was given up',
      );
    for (;;) {
      try {
        return await deps.transactor.transact(delivery.projectId, (tx) => tx.moveDelivery(move));
      } catch (error) {
        if (error instanceof StaleError) return; // the subscriber is gone
        logger.error(
          { delivery: delivery.id, err: error },
          'a subscriber delivery could not be settled, trying again',
        );
        if (stopped) return;
        await new Promise<void>((resolve) => void clock.after(STORE_RETRY_MS, resolve));
      }
    }
  }

  async function post(item: DueDelivery, ending: AbortSignal): Promise<SubscriberDeliveryMove> {
    const { delivery, event, subscriber } = item;
    if (event.expiresAt !== null && event.expiresAt <= clock.now())
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
  /** `retryAfter`: seconds that the answer asked for; 0: none. */
  function failed({ delivery }: DueDelivery, result: unknown, retryAfter: number): SubscriberDeliveryMove {
    const now = clock.now();
    if (now - delivery.createdAt >= GIVE_UP_MS && delivery.attempts + 1 >= FEWEST_ATTEMPTS)
      return dead(delivery, result);
    const asked = Math.min(retryAfter * 1000, RETRY.maxMs);
    const wait = Math.max(asked, backoff({ attempt: delivery.attempts + 1, ...RETRY, random: deps.random }));
    return retryLater(delivery, now + wait, result);
  }

  return {
    nudge,
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
      nudge();
    },
    async [Symbol.asyncDispose]() {
      stopped = true;
      // What waits for its turn is tried at the next start; what is being posted comes to its end.
      closing.abort(new NoPlace('the service is stopping'));
      timer?.cancel();
      timer = null;
      await looking;
      await Promise.all(inFlight);
    },
  };
}
