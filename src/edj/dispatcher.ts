/**
 * Hands events to their subscribers, at least once. Invariants: a delivery is under way at most once in this process;
 * its row is settled after the answer; one slow subscriber never holds up another (each has its own few places).
 * Retries go on for more than three days; then the delivery is dead and says why. A store that fails is asked again.
 */
import { backoff } from '../runtime/backoff.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { type HttpClient, HttpError, type HttpResponse } from '../runtime/http-client.ts';
import type { DeliveryId, ProjectId, SubscriberId } from '../runtime/ids.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { createPlaces, NoPlace } from '../runtime/places.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import { StaleError, type Transactor } from '../runtime/transactor.ts';
import { signedBody } from './hook-body.ts';
import { MessageGone, type RenderDeps, type RenderOptions, renderEvent } from './render-event.ts';
import { dead, done, retryLater } from './transitions.ts';
import type { DueDelivery, EdjReader, EdjTx, Subscriber, SubscriberDeliveryMove } from './types.ts';
import { webhookSigner } from './webhook-signature.ts';

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
const ALL = 64;
/** Large bodies under way at once. */
const LARGE = 4;
const POLL_MS = 30_000;
const TIMEOUT_MS = 15_000;
const MAX_ANSWER = 64 * 1024;
/** 5 s, doubling to 4 h: 34 attempts reach beyond three days. */
const RETRY = { baseMs: 5_000, maxMs: 4 * 3_600_000 };
const GIVE_UP_MS = 4 * 86_400_000;
/** However old: a service that was down for a week has not tried yet. */
const FEWEST_ATTEMPTS = 8;
const STORE_RETRY_MS = 1_000;

/** How an event is shown to a hook. */
export function hookOptions({ inline }: Pick<Subscriber, 'inline'>): RenderOptions {
  return { body: true, inline, deprecated: true };
}

/** Context a subscriber's secret is sealed for. */
export function secretContext(subscriber: Pick<Subscriber, 'id'>): string {
  return `subscriber:${subscriber.id}`;
}

export function createDispatcher(deps: DispatcherDeps): Dispatcher {
  const { clock, read, logger } = deps;
  const inFlight = new Map<DeliveryId, Promise<void>>();
  const perSubscriber = new Map<SubscriberId, number>();
  /** Whose turn was last: the next look begins behind it. */
  const turn: { last: SubscriberId | null } = { last: null };
  const places = createPlaces(LARGE, clock);
  const closing = new AbortController();
  let timer: Timer | null = null;
  let looking: Promise<void> | null = null;
  let again = false;
  let stopped = true;

  function nudge(): void {
    if (stopped) return;
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
          nudge();
        }
      });
  }
  function arm(ms: number): void {
    timer?.cancel();
    timer = stopped ? null : clock.after(ms, nudge);
  }

  async function look(): Promise<void> {
    const now = clock.now();
    const due = await read.dueDeliveries(now, {
      perSubscriber: PER_SUBSCRIBER,
      limit: ALL - inFlight.size,
      after: turn.last,
      exclude: new Set(inFlight.keys()),
    });
    for (const item of due) {
      const busy = perSubscriber.get(item.delivery.subscriberId) ?? 0;
      if (stopped || busy >= PER_SUBSCRIBER) continue; // the one that ends looks again
      turn.last = item.delivery.subscriberId;
      begin(item, busy);
    }
    const next = await read.nextDeliveryAfter(now);
    arm(next === null ? POLL_MS : Math.min(POLL_MS, Math.max(10, next - clock.now())));
  }
  function begin(item: DueDelivery, busy: number): void {
    const { id, subscriberId } = item.delivery;
    perSubscriber.set(subscriberId, busy + 1);
    inFlight.set(
      id,
      attempt(item).finally(() => {
        inFlight.delete(id);
        const left = perSubscriber.get(subscriberId)! - 1;
        if (left === 0) perSubscriber.delete(subscriberId);
        else perSubscriber.set(subscriberId, left);
        nudge();
      }),
    );
  }

  async function attempt(item: DueDelivery): Promise<void> {
    const { delivery, event } = item;
    const move = await post(item).catch((error): SubscriberDeliveryMove => {
      logger.error(
        { delivery: delivery.id, event: event.id, err: error },
        'a subscriber delivery failed unexpectedly',
      );
      return failed(item, { error: 'internal error' }, null);
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

  async function post(item: DueDelivery): Promise<SubscriberDeliveryMove> {
    const { delivery, event, subscriber } = item;
    if (event.expiresAt !== null && event.expiresAt <= clock.now())
      return dead(delivery, { error: 'the event has expired' });
    let secret: string;
    try {
      secret = deps.sealer.open(subscriber.sealedSecret, secretContext(subscriber)).toString('utf8');
    } catch {
      return dead(delivery, { error: 'the signing secret cannot be opened: was the secret key changed?' });
    }
    const allowLoopback = await deps.allowLoopback(delivery.projectId);
    try {
      const rendered = await renderEvent(event, hookOptions(subscriber), deps.render, closing.signal);
      const signer = webhookSigner(event.id, Math.floor(clock.now() / 1000), [secret]);
      const large = { places, share: delivery.projectId, signal: closing.signal };
      using body = await signedBody(rendered, signer, large);
      const answer = await deps.http.post(subscriber.url, {
        headers: { 'content-type': 'application/json', 'user-agent': 'Hikyaku', ...signer.headers() },
        body: body.octets,
        timeoutMs: TIMEOUT_MS,
        maxResponseBytes: MAX_ANSWER,
        allowLoopback,
      });
      return judge(item, answer);
    } catch (error) {
      if (error instanceof MessageGone) return dead(delivery, { error: error.message });
      if (error instanceof NoPlace) return failed(item, { error: 'too-busy', detail: error.message }, null);
      if (!(error instanceof HttpError)) throw error;
      return failed(item, { error: error.code, detail: error.message }, null);
    }
  }
  function judge(item: DueDelivery, answer: HttpResponse): SubscriberDeliveryMove {
    const result = { status: answer.status, answer: answer.bodyText.slice(0, 512) };
    if (answer.status >= 200 && answer.status < 300) return done(item.delivery, { status: answer.status });
    if (answer.status === 410) return dead(item.delivery, result);
    return failed(item, result, answer.headers['retry-after'] ?? null);
  }
  function failed(
    { delivery }: DueDelivery,
    result: unknown,
    retryAfter: string | null,
  ): SubscriberDeliveryMove {
    const now = clock.now();
    if (now - delivery.createdAt >= GIVE_UP_MS && delivery.attempts + 1 >= FEWEST_ATTEMPTS)
      return dead(delivery, result);
    const asked =
      retryAfter !== null && /^\d{1,6}$/.test(retryAfter)
        ? Math.min(Number(retryAfter) * 1000, RETRY.maxMs)
        : 0;
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
      await Promise.all(inFlight.values());
    },
  };
}
