/**
 * Which subscribers take nothing, and what helps when they return. A subscriber that took nothing for ten minutes counts as
 * down: one of its deliveries is tried every five minutes, however long its retry waits (a probe, no attempt of the
 * delivery). Once it takes something, all that waits for it is due at once. Invariants: since when it takes nothing is
 * stored, so it is known after a restart and to other nodes; it is forgotten only after what waits is due, so nothing is
 * left behind if the process ends in between. What lasts less than a minute is not stored, so a subscriber that fails now
 * and then costs no writes. Store errors are logged, and the next look tries again.
 */
import type { Clock, Timer } from '../runtime/clock.ts';
import type { ProjectId, SubscriberId } from '../runtime/ids.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Transactor } from '../runtime/transactor.ts';
import { DOWN_MS, LONGEST_WAIT_MS, PROBE_MS } from './retries.ts';
import type { EdjReader, EdjTx, Subscriber, SubscriberDeliveryMove } from './topics.ts';
import { brought } from './transitions.ts';

export interface HealthDeps {
  readonly read: Pick<EdjReader, 'failingSubscribers' | 'waitingAfter'>;
  readonly transactor: Transactor<Pick<EdjTx, 'subscriberFails' | 'subscriberTakes'>>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tries a delivery to the subscriber now. False: there is no room for it at the moment. */
  readonly probe: (project: ProjectId, subscriber: SubscriberId) => Promise<boolean>;
  /** Writes the move. */
  readonly settle: (move: SubscriberDeliveryMove) => Promise<void>;
  /** Deliveries are due now. */
  readonly nudge: () => void;
}
export interface Health extends Service {
  /** What the subscriber did with a delivery. It is not probed for the ms that it asked for. */
  note(subscriber: Subscriber, did: 'took' | 'failed', askedMs: number): void;
}
interface Failing {
  readonly project: ProjectId;
  /** Wall ms. */
  readonly since: number;
  /** The store knows. */
  stored: boolean;
  /** No probe comes before, monotonic ms. */
  quietUntil: number;
}
const LOOK_MS = 60_000;
const OF_A_PAGE = 500;
const PULLED_AT_ONCE = 200;

export function createHealth(deps: HealthDeps): Health {
  const { read, transactor, clock, logger } = deps;
  const failing = new Map<SubscriberId, Failing>();
  const returning = new Set<SubscriberId>();
  const running = new Set<Promise<void>>();
  let timer: Timer | null = null;
  let stopped = true;

  const isDown = ({ since }: Failing) => clock.now() - since >= DOWN_MS;
  function run(work: Promise<void>, saying: string, about: object = {}): void {
    const all: Promise<void> = work
      .catch((error: unknown) => logger.error({ ...about, err: error }, saying))
      .finally(() => running.delete(all));
    running.add(all);
  }
  /** It took something, here or at another node. */
  async function returns(id: SubscriberId, one: Failing): Promise<void> {
    returning.add(id);
    try {
      if (isDown(one)) await pull(id, one.project);
      if (stopped) return;
      failing.delete(id);
      await transactor.transact(one.project, (tx) => tx.subscriberTakes(one.project, id));
    } finally {
      returning.delete(id);
    }
  }
  /** What waits for the subscriber is due now, a portion at a time. What fails again meanwhile keeps its new time. */
  async function pull(id: SubscriberId, project: ProjectId): Promise<void> {
    const at = clock.now();
    for (let after = at; !stopped; ) {
      const waiting = await read.waitingAfter(project, id, after, PULLED_AT_ONCE);
      await Promise.all(waiting.map((delivery) => deps.settle(brought(delivery, at))));
      deps.nudge();
      if (waiting.length < PULLED_AT_ONCE) return;
      // Others may wait for the very same moment. At least these are gone from it.
      after = Math.max(after, waiting.at(-1)!.nextAttemptAt! - 1);
    }
  }
  async function look(): Promise<void> {
    const found = new Set<SubscriberId>();
    for (let after: SubscriberId | null = null; !stopped; ) {
      const page = await read.failingSubscribers(after, OF_A_PAGE);
      for (const { id, projectId: project, since } of page) {
        found.add(id);
        const known = failing.get(id);
        if (known === undefined) failing.set(id, { project, since, stored: true, quietUntil: 0 });
        else known.stored = true;
      }
      if (page.length < OF_A_PAGE) break;
      after = page.at(-1)!.id;
    }
    for (const [id, one] of [...failing]) {
      if (stopped) return;
      if (returning.has(id)) continue;
      if (!one.stored) await store(id, one);
      else if (!found.has(id)) await returns(id, one);
      else if (isDown(one)) await probe(id, one);
    }
  }
  async function store(id: SubscriberId, one: Failing): Promise<void> {
    const { project, since } = one;
    if (clock.now() - since < LOOK_MS) return;
    await transactor.transact(project, (tx) => tx.subscriberFails(project, id, since));
    one.stored = true;
  }
  async function probe(id: SubscriberId, one: Failing): Promise<void> {
    const now = clock.monotonic();
    if (now < one.quietUntil) return;
    if (await deps.probe(one.project, id)) one.quietUntil = Math.max(one.quietUntil, now + PROBE_MS);
  }
  function lookLater(): void {
    timer = stopped ? null : clock.after(LOOK_MS, lookNow);
  }
  function lookNow(): void {
    run(look().finally(lookLater), 'looking for subscribers that take nothing failed');
  }
  function stop(): void {
    stopped = true;
    timer?.cancel();
  }

  return {
    note({ id, projectId: project, failingSince }, did, askedMs) {
      if (stopped) return;
      const known =
        failing.get(id) ??
        (failingSince === undefined
          ? undefined
          : { project, since: failingSince, stored: true, quietUntil: 0 });
      if (did === 'failed') {
        const one = known ?? { project, since: clock.now(), stored: false, quietUntil: 0 };
        one.quietUntil = Math.max(one.quietUntil, clock.monotonic() + Math.min(askedMs, LONGEST_WAIT_MS));
        failing.set(id, one);
      } else if (known?.stored === false) failing.delete(id);
      else if (known !== undefined && !returning.has(id))
        run(returns(id, known), 'what waits for a subscriber could not be made due', { subscriber: id });
    },
    async start(signal) {
      if (signal.aborted) return;
      stopped = false;
      signal.addEventListener('abort', stop, { once: true });
      lookNow();
    },
    async [Symbol.asyncDispose]() {
      stop();
      await Promise.all(running);
    },
  };
}
