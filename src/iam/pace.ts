/**
 * Slows down guessing from many addresses without locking anybody out: for one name, one attempt passes every
 * three seconds. At most ten attempts wait, and one per address, so a crowd at one address cannot keep others
 * from waiting. An address that has not failed with this name goes before those that have. If all places are
 * taken, it takes the place of the last waiting address that has failed; if none has failed, a random draw
 * decides. So each guess after the first costs the attacker a new address.
 */
import type { Clock, Timer } from '../runtime/clock.ts';

export interface Pace {
  /**
   * Resolves with 0 when it is the caller's turn. Resolves with the ms to wait if no place is free, or if
   * another caller took this caller's place.
   */
  turn(name: string, host: string, failedBefore: boolean): Promise<number>;
}
const EVERY_MS = 3_000;
const MOST_WAITING = 10;
const MOST_NAMES = 10_000;
const COME_AGAIN_MS = MOST_WAITING * EVERY_MS;

interface Waiting {
  readonly host: string;
  readonly failedBefore: boolean;
  settle(ms: number): void;
}
interface Line {
  /** In order of arrival. */
  readonly waiting: Waiting[];
  /** Monotonic ms. */
  nextAt: number;
  timer: Timer | null;
}

/** `fraction` returns a uniform number in [0, 1). */
export function createPace(clock: Clock, fraction: () => number): Pace {
  const lines = new Map<string, Line>();

  /** Removes queues in which nobody waits and whose pause is over. */
  function forgetIdle(): void {
    for (const [name, { waiting, nextAt }] of lines)
      if (waiting.length === 0 && nextAt <= clock.monotonic()) lines.delete(name);
  }
  function lineOf(name: string): Line | null {
    const known = lines.get(name);
    if (known !== undefined) return known;
    if (lines.size >= MOST_NAMES) forgetIdle();
    if (lines.size >= MOST_NAMES) return null;
    const line: Line = { waiting: [], nextAt: clock.monotonic(), timer: null };
    lines.set(name, line);
    return line;
  }
  function leave({ waiting }: Line, one: Waiting, ms: number): void {
    waiting.splice(waiting.indexOf(one), 1);
    one.settle(ms);
  }
  function wake(line: Line): void {
    line.timer ??= clock.after(line.nextAt - clock.monotonic(), () => {
      line.timer = null;
      const { waiting } = line;
      const next = waiting.find(({ failedBefore }) => !failedBefore) ?? waiting[0]!;
      line.nextAt = clock.monotonic() + EVERY_MS;
      leave(line, next, 0);
      if (waiting.length > 0) wake(line);
    });
  }
  return {
    async turn(name, host, failedBefore) {
      const line = lineOf(name);
      if (line === null || line.waiting.some((one) => one.host === host)) return COME_AGAIN_MS;
      const now = clock.monotonic();
      if (line.waiting.length === 0 && line.nextAt <= now) {
        line.nextAt = now + EVERY_MS;
        return 0;
      }
      if (line.waiting.length >= MOST_WAITING) {
        if (failedBefore) return COME_AGAIN_MS;
        const drawn = line.waiting[Math.floor(fraction() * (MOST_WAITING + 1))];
        const gives = line.waiting.findLast((one) => one.failedBefore) ?? drawn;
        if (gives === undefined) return COME_AGAIN_MS;
        leave(line, gives, COME_AGAIN_MS);
      }
      return new Promise((settle) => {
        line.waiting.push({ host, failedBefore, settle });
        wake(line);
      });
    },
  };
}
