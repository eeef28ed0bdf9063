/**
 * Turns at the one door. Work arrives as callbacks in the order of the sockets, and who has forty of them is served forty
 * times before who has one. While several projects come, one passes in a round of the event loop; what has to wait is let
 * in by project, in turns, and between two rounds the loop looks at its sockets: a newcomer waits for a round, not for all
 * that wait. A project that crowds passes when the loop has rested for as long as it was busy since the crowd's last one:
 * all that the crowd costs elsewhere (reading, knowing keys, deliveries) comes in step with what passes here. If the loop
 * is pressed as well, each project has two messages on the way, one that is made and one that is written: else one
 * project's commits would be what everybody waits for.
 * Invariants: who comes first in a round passes at once where none of his wait; of a project first come is first served;
 * whoever waits is let in; a project that has been alone for a second does not wait.
 */
import type { Clock } from './clock.ts';
import type { Pressure } from './pressure.ts';
import { createTurns, type Turns } from './shares.ts';

export interface Turnstile {
  /** undefined: it may pass now. Else resolves when its turn has come. */
  turn(share: string): Promise<void> | undefined;
  /** When a message may start on its way, on which it is until what is given is disposed of. */
  start(share: string): Disposable | Promise<Disposable>;
}

/** Of a project, under pressure. */
const MOST_ON_THE_WAY = 2;
/** So long behind somebody else a project is not alone, ms. */
const BESIDE_MS = 1_000;
/** Who has more waiting crowds. */
const FEW = 4;
/** ms after which it is looked again whether the loop has rested */
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

/** Whether several have come lately. */
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
