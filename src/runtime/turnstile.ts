/**
 * Turns for messages before they are accepted. Work arrives as callbacks in the order of the sockets, so a
 * project with forty sockets would be served forty times before a project with one. While several projects
 * send, one message passes in each round of the event loop. Messages that must wait are let in by project, in
 * turns. Between two rounds the loop serves its sockets, so a newcomer waits for one round and not for all
 * waiting messages. A project that crowds (has many waiting) passes when the loop has rested for as long as
 * it was busy since the last message of a crowding project. So everything else that the crowd costs (parsing,
 * checking keys, deliveries) keeps step with what passes here. If the loop is also under pressure, each
 * project has at most two messages on the way, one being prepared and one being written; otherwise all would
 * wait for one project's commits. Invariants: the first message in a round passes at once if none of its
 * project waits; within a project, messages pass in order of arrival; every waiting message is let in; a
 * project that has been alone for a second does not wait.
 */
import type { Clock } from './clock.ts';
import type { Pressure } from './pressure.ts';
import { createTurns, type Turns } from './shares.ts';

export interface Turnstile {
  /** undefined: the message may pass now. Otherwise resolves when its turn comes. */
  turn(share: string): Promise<void> | undefined;
  /** Resolves when a message may start on its way. The message is on its way until the result is disposed. */
  start(share: string): Disposable | Promise<Disposable>;
}

/** Of one project, under pressure. */
const MOST_ON_THE_WAY = 2;
/** A project is not alone for this long after another project's message, in ms. */
const BESIDE_MS = 1_000;
/** A project with more waiting messages crowds. */
const FEW = 4;
/** ms between checks whether the loop has rested */
const LOOK_MS = 1;

export function createTurnstile(clock: Clock, pressure: Pressure): Turnstile {
  const comers = createNeighbours(clock);
  const waiting: Turns<() => void> = createTurns({
    hasRoom: (share) => !crowds(share) || pressure.rested(),
  });
  const crowds = (share: string) => waiting.of(share) > FEW && comers.several();
  const round = { passed: false, ends: false, looks: false };
  const onTheWay = new Map<string, number>();
  const senders = createNeighbours(clock);
  const hasRoom = (share: string) =>
    (onTheWay.get(share) ?? 0) < MOST_ON_THE_WAY || !senders.several() || !pressure.pressed();
  const toStart = createTurns<() => void>({ hasRoom });

  function endRound(): void {
    round.ends = false;
    round.passed = false;
    do {
      const next = waiting.next();
      if (next === undefined) break;
      pass(next);
    } while (!comers.several());
    if (waiting.length > 0 && !round.ends) lookAgain();
  }
  function lookAgain(): void {
    if (!round.looks)
      clock.after(LOOK_MS, () => {
        round.looks = false;
        if (!round.ends) endRound();
      });
    round.looks = true;
  }
  function pass(go: () => void): void {
    round.passed = true;
    if (!round.ends) setImmediate(endRound);
    round.ends = true;
    go();
  }
  function waitFor(share: string): Promise<void> {
    return new Promise((resolve) =>
      waiting.push(share, () => {
        if (crowds(share)) pressure.went();
        resolve();
      }),
    );
  }
  function begin(share: string): Disposable {
    onTheWay.set(share, (onTheWay.get(share) ?? 0) + 1);
    return {
      [Symbol.dispose]() {
        const left = onTheWay.get(share)! - 1;
        if (left === 0) onTheWay.delete(share);
        else onTheWay.set(share, left);
        for (let next = toStart.next(); next !== undefined; next = toStart.next()) next();
      },
    };
  }
  return {
    turn(share) {
      comers.note(share);
      const mustWait = waiting.of(share) > 0 || (round.passed && (waiting.length > 0 || comers.several()));
      if (mustWait) return waitFor(share);
      pass(() => {});
      return undefined;
    },
    start(share) {
      senders.note(share);
      if (hasRoom(share)) return begin(share);
      return new Promise((resolve) => toStart.push(share, () => resolve(begin(share))));
    },
  };
}

/** Tells whether several projects have sent lately. */
function createNeighbours(clock: Clock) {
  const last = { share: '', changedAt: Number.NEGATIVE_INFINITY };
  return {
    note(share: string): void {
      if (share === last.share) return;
      if (last.share !== '') last.changedAt = clock.monotonic();
      last.share = share;
    },
    several: () => clock.monotonic() - last.changedAt < BESIDE_MS,
  };
}
