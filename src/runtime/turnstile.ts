/**
 * Turns at the one door. Work arrives as callbacks in the order of the sockets, and who has forty of them is served forty
 * times before who has one. Here one passes in a round of the event loop; what has to wait is let in by project, in turns,
 * and between two rounds the loop looks at its sockets: a newcomer waits for a round, not for all that wait. While the loop
 * is pressed and several projects are at work, each has two messages on the way, one that is made and one that is written:
 * else one project's commits would be what everybody waits for.
 * Invariants: where nobody waits, who comes first in a round passes at once; of a project first come is first served;
 * whoever waits is let in; alone, or unpressed, a project has as many on the way as it likes.
 */
import type { Clock } from './clock.ts';
import { createTurns } from './shares.ts';

export interface Turnstile {
  /** undefined: it may pass now. Else resolves when its turn has come. */
  turn(share: string): Promise<void> | undefined;
  /** When a message may start on its way, on which it is until what is given is disposed of. */
  start(share: string): Disposable | Promise<Disposable>;
}

/** Of a project, under pressure. */
const MOST_ON_THE_WAY = 2;
/** So long behind somebody else's message a project is not alone, ms. */
const BESIDE_MS = 1_000;

/** `pressed`: the event loop has little time left. */
export function createTurnstile(clock: Clock, pressed: () => boolean): Turnstile {
  const waiting = createTurns<() => void>({ hasRoom: () => true });
  const round = { passed: false, ends: false };
  const onTheWay = new Map<string, number>();
  const last = { share: '', changedAt: Number.NEGATIVE_INFINITY };
  const isBeside = () => clock.monotonic() - last.changedAt < BESIDE_MS;
  const hasRoom = (share: string) =>
    (onTheWay.get(share) ?? 0) < MOST_ON_THE_WAY || !isBeside() || !pressed();
  const toStart = createTurns<() => void>({ hasRoom });

  function endRound(): void {
    const next = waiting.next();
    round.ends = false;
    round.passed = next !== undefined;
    if (next === undefined) return;
    endLater();
    next();
  }
  function endLater(): void {
    if (!round.ends) setImmediate(endRound);
    round.ends = true;
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
      endLater();
      if (round.passed) return new Promise((resolve) => waiting.push(share, resolve));
      round.passed = true;
      return undefined;
    },
    start(share) {
      if (share !== last.share) Object.assign(last, { share, changedAt: clock.monotonic() });
      if (hasRoom(share)) return begin(share);
      return new Promise((resolve) => toStart.push(share, () => resolve(begin(share))));
    },
  };
}
