/**
 * Delivers events to their subscribers, at least once. Invariants: a delivery runs at most once at a time in this
 * process; its row is written after the answer; a slow subscriber does not delay another one (lanes.ts), and a project
 * does not delay another one (berths.ts; connections, places for large bodies and the deliveries held in memory are also
 * shared by project). One look at the store is bounded, however many subscribers have deliveries waiting. If the store
 * fails, it is asked again.
 */
import type { Timer } from '../runtime/clock.ts';
import { type DeliveryId, idBefore, type ProjectId, type SubscriberId } from '../runtime/ids.ts';
import type { Jumps } from '../runtime/jumps.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { NoPlace } from '../runtime/places.ts';
import { createShares } from '../runtime/shares.ts';
import { StaleError, type Transactor } from '../runtime/transactor.ts';
import { type AttemptDeps, createAttempt, GivenUp } from './attempt.ts';
import { createBerths } from './berths.ts';
import { createHealth } from './health.ts';
import { createLanes, MOST_AHEAD, type Next } from './lanes.ts';
import { followersAfter, holds } from './order.ts';
import { LONGEST_WAIT_MS, PATIENCE_MS } from './retries.ts';
import { createSettler } from './settler.ts';
import type { DueDelivery, EdjReader, EdjTx, Followers, Round, SubscriberDeliveryMove } from './topics.ts';
import { brought } from './transitions.ts';

export interface DispatcherDeps extends Omit<AttemptDeps, 'closing'> {
  readonly transactor: Transactor<EdjTx>;
  readonly read: EdjReader;
  readonly metrics: Metrics;
  readonly jumps: Pick<Jumps, 'trusted' | 'onJump'>;
}
export interface Dispatcher extends Service {
  /** Deliveries may be due: look now. */
  nudge(): void;
  /** Deliveries were taken over: those with a time that a wrong clock has set are due now. */
  adopted(): void;
}
/** Deliveries under way. */
const ALL = 256;
/** Deliveries in memory: they wait, are under way, or their result is being written. */
const HELD = 4_096;
/** So many more for projects that have few, FIRST each: others may have taken all for minutes. */
const RESERVED = 4_096;
const FIRST = 8;
/** Deliveries that one look finds. */
const OF_A_LOOK = 512;
/** ms after which a delivery in memory is read again before it begins: its subscriber may have changed. */
const STALE_MS = 2_000;
const POLL_MS = 30_000;
/** The next look comes after so many times what the last one took, and no later than this, so that others get a turn. */
const REST = { times: 4, mostMs: 50 };
const BROUGHT_AT_ONCE = 200;
const STORE_RETRY_MS = 1_000;

/** Wall ms: every delivery is due then. */
const EVER = Number.MAX_SAFE_INTEGER;

/** null: it says nothing about the subscriber. */
function didOf({ to, lastResult }: SubscriberDeliveryMove): 'took' | 'failed' | null {
  if (to === 'done') return 'took';
  const { error } = lastResult as { readonly error?: string };
  return to === 'retry' && error !== 'too-busy' && error !== 'internal error' ? 'failed' : null;
}

/** What the answer asked for, ms. */
const askedFor = ({ lastResult }: SubscriberDeliveryMove): number =>
  1000 * ((lastResult as { readonly retry_after?: number }).retry_after ?? 0);

export function createDispatcher(deps: DispatcherDeps): Dispatcher {
  const { clock, read, logger } = deps;
  const closing = new AbortController();
  const attempt = createAttempt({ ...deps, closing: closing.signal });
  const settler = createSettler(deps);
  const health = createHealth({ ...deps, probe, settle: settler.settle, nudge });
  const lanes = createLanes();
  const berths = createBerths({ berths: ALL, patienceMs: PATIENCE_MS, clock });
  const memory = createShares(HELD);
  /** When each delivery in memory was read, monotonic ms. */
  const held = new Map<DeliveryId, number>();
  const inFlight = new Set<Promise<void>>();
  /**
   * `last`: the last subscriber that had a turn; the next look begins after it. `rest`: the remaining part of the
   * round. `short`: the last look left something for want of room.
   */
  const turn = { last: null as SubscriberId | null, rest: null as Round | null, short: false };
  const timers = { poll: null as Timer | null, room: null as Timer | null };
  let looking: Promise<void> | null = null;
  let again = false;
  let resting = false;
  let stopped = true;

  function nudge(): void {
    turn.rest = null;
    lookSoon();
  }
  function lookSoon(): void {
    if (stopped) return;
    if (resting || looking !== null) {
      again = true;
      return;
    }
    again = false;
    looking = look()
      .catch((error) => {
        logger.error({ err: error }, 'the service could not read the due subscriber deliveries');
        arm('poll', STORE_RETRY_MS, nudge);
      })
      .finally(() => {
        looking = null;
        if (again) lookSoon();
      });
  }
  function arm(which: keyof typeof timers, ms: number, then: () => void): void {
    timers[which]?.cancel();
    timers[which] = stopped ? null : clock.after(ms, then);
  }
  /** In the process's own time: it is its processor that others wait for. */
  function rest(ms: number): void {
    resting = true;
    setTimeout(
      () => {
        resting = false;
        if (again) lookSoon();
      },
      Math.min(REST.mostMs, ms * REST.times),
    ).unref();
  }

  /** How many more deliveries of the project fit into memory. */
  function roomOf(project: ProjectId): number {
    const own = memory.of(project);
    const share = Math.max(0, HELD - memory.taken + own) / 2;
    const reserved = memory.taken < HELD + RESERVED ? FIRST : 0;
    return Math.max(0, Math.max(Math.ceil(share), reserved) - own);
  }
  async function look(): Promise<void> {
    // New deliveries have times of the wall clock: a jump must not go unseen between two looks at it.
    deps.jumps.trusted();
    const now = clock.now();
    const began = performance.now();
    const readAt = clock.monotonic();
    const asked = new Map<SubscriberId, number>();
    const rooms = new Map<ProjectId, number>();
    if (turn.rest === null) turn.short = false;
    const found = await read.dueDeliveries(now, {
      perSubscriber: {
        of(id) {
          const room = lanes.roomOf(id);
          asked.set(id, room);
          return room;
        },
        most: MOST_AHEAD,
        full: lanes.full(),
      },
      limit: OF_A_LOOK,
      perProject(id) {
        const room = roomOf(id);
        rooms.set(id, room);
        return room;
      },
      round: turn.rest ?? { after: turn.last, until: turn.last },
      exclude: held,
    });
    const counts = new Map<SubscriberId, number>();
    for (const { delivery } of found.due) {
      const { id, projectId, subscriberId } = delivery;
      held.set(id, readAt);
      memory.enter(projectId);
      counts.set(subscriberId, (counts.get(subscriberId) ?? 0) + 1);
      rooms.set(projectId, rooms.get(projectId)! - 1);
    }
    if ([...rooms.values()].some((room) => room <= 0)) turn.short = true;
    const more = new Set([...counts].filter(([id, n]) => n >= (asked.get(id) ?? 0)).map(([id]) => id));
    const isWhole = found.rest === null && found.due.length < OF_A_LOOK;
    for (const item of lanes.add(found.due, more, isWhole)) {
      forget(item);
      // Its turn is known once the result of the one before it is written.
      if (held.has(item.behind!)) turn.short = true;
      else again = true;
    }
    turn.last = found.rest?.after ?? found.due.at(-1)?.delivery.subscriberId ?? turn.last;
    turn.rest = found.rest;
    pump();
    rest(performance.now() - began);
    if (!isWhole) again = true;
    if (found.blocked.length > 0) {
      await putOff(found.blocked);
      again = true;
    }
    const next = await read.nextDeliveryAfter(now);
    arm('poll', next === null ? POLL_MS : Math.min(POLL_MS, Math.max(10, next - clock.now())), nudge);
  }

  async function putOff(blocked: readonly Followers[]): Promise<void> {
    for (const [project, own] of Map.groupBy(blocked, ({ projectId }) => projectId))
      await deps.transactor.transact(project, (tx) => {
        for (const followers of own) tx.moveFollowers(followers);
      });
  }
  /** Tries the delivery to the subscriber that comes first, whether it is due or not (health.ts). */
  async function probe(project: ProjectId, subscriber: SubscriberId): Promise<boolean> {
    if (stopped || roomOf(project) === 0) return false;
    const readAt = clock.monotonic();
    const found = await read.dueDeliveries(EVER, {
      perSubscriber: { of: (id) => (id === subscriber ? 1 : 0), most: 1, full: [] },
      limit: 1,
      perProject: () => 1,
      round: { after: idBefore(subscriber) as SubscriberId, until: subscriber },
      heldAt: clock.now(),
      exclude: held,
    });
    for (const { delivery } of found.due) {
      held.set(delivery.id, readAt);
      memory.enter(project);
    }
    const forgotten = lanes.add(
      found.due.map((item) => ({ ...item, probe: true as const })),
      new Set([subscriber]),
      false,
    );
    for (const item of forgotten) forget(item);
    pump();
    return true;
  }

  /** Begins what has a place. */
  function pump(): void {
    while (!stopped) {
      if (berths.free === 0) {
        makeRoom();
        return;
      }
      const next = lanes.next((id) => ({ held: berths.of(id), more: berths.room(id) }));
      if (next === null) break;
      const { delivery } = next.item;
      if (clock.monotonic() - held.get(delivery.id)! > STALE_MS) {
        for (const item of [next.item, ...next.skip()]) forget(item);
        continue;
      }
      begin(next.item, next.end);
    }
    if (lanes.wants) lookSoon();
  }
  function makeRoom(): void {
    for (const id of lanes.waiting()) {
      if (berths.of(id) > 0) continue;
      const ms = berths.makeRoom();
      if (ms !== null) arm('room', ms, pump);
      return;
    }
  }
  function forget({ delivery: { id, projectId } }: DueDelivery): void {
    held.delete(id);
    memory.leave(projectId);
  }
  function begin(item: DueDelivery, end: Next['end']): void {
    const { delivery, event } = item;
    const ending = new AbortController();
    const berth = berths.enter(delivery, () => ending.abort(new GivenUp()));
    const began = clock.monotonic();
    const work: Promise<void> = attempt(item, ending.signal)
      .then((move) => {
        berth[Symbol.dispose]();
        const stays = holds(move, clock.now());
        const ended = { taken: move.to === 'done', ms: clock.monotonic() - began, holds: stays };
        for (const behind of end(ended)) forget(behind);
        pump();
        const did = didOf(move);
        if (did !== null) health.note(item.subscriber, did, askedFor(move));
        deps.metrics.hookDelivery(move.to === 'done' ? 'done' : move.to === 'dead' ? 'dead' : 'retry');
        if (move.to === 'dead')
          logger.warn(
            { delivery: delivery.id, event: event.id, subscriber: delivery.subscriberId },
            'the service gave up a subscriber delivery',
          );
        if (item.probe === true && move.to === 'retry') {
          forget(item);
          // Its own time may have come meanwhile.
          return lookSoon();
        }
        return settler.settle(move, followersAfter(delivery, move, clock.now())).then(() => {
          forget(item);
          // A result that is written may be due again, and what had no room has some now.
          if (move.to === 'retry' || turn.short) lookSoon();
        });
      })
      .finally(() => inFlight.delete(work));
    inFlight.add(work);
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
  function halt(): void {
    stopped = true;
    settler.stop();
    for (const timer of Object.values(timers)) timer?.cancel();
  }

  return {
    nudge,
    adopted() {
      bringSoon();
      nudge();
    },
    async start(signal) {
      stopped = false;
      signal.addEventListener('abort', halt, { once: true });
      bringSoon();
      nudge();
      await health.start(signal);
    },
    async [Symbol.asyncDispose]() {
      halt();
      // Deliveries that wait for a place are tried at the next start. Requests that are running come to their end.
      closing.abort(new NoPlace('the service is stopping'));
      await looking;
      await health[Symbol.asyncDispose]();
      await Promise.all(inFlight);
    },
  };
}
