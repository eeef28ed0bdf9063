/**
 * Slows down what is guessed at from everywhere without locking anybody out: of one name, one is let through every
 * three seconds. Ten wait at most, one of an address, so that a crowd at one place does not keep others from waiting.
 * Who has not failed there by that name goes before those who have, and takes the place of the last of them where all
 * are taken: each guess after the first costs a crowd a new address.
 */
import type { Clock, Timer } from '../runtime/clock.ts';

export interface Pace {
  /** Resolves with 0 when it is the caller's turn; with ms to wait where no place is left, or its own went to another. */
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
  /** In the order in which they came. */
  readonly waiting: Waiting[];
  /** Monotonic ms. */
  nextAt: number;
  timer: Timer | null;
}

/** `fraction`: uniform in [0, 1). */
export function createPace(clock: Clock, fraction: () => number): Pace {
  const lines = new Map<string, Line>();

  /** Lines nobody waits in, whose pause is over. */
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
