/**
 * Slows down what is guessed at from everywhere without locking anybody out: of one name, one is let through every
 * three seconds. Ten wait at most, one of an address, so that a crowd at one place does not keep others from waiting.
 */
import type { Clock } from '../runtime/clock.ts';

export interface Pace {
  /** Resolves with 0 when it is the caller's turn; at once with ms to wait where too many wait already. */
  turn(name: string, host: string): Promise<number>;
}
const EVERY_MS = 3_000;
const MOST_WAITING = 10;
const MOST_NAMES = 10_000;

interface Line {
  readonly waiting: Set<string>;
  /** Monotonic ms. */
  nextAt: number;
}

export function createPace(clock: Clock): Pace {
  const lines = new Map<string, Line>();

  /** Lines nobody waits in, whose pause is over. */
  function forgetIdle(): void {
    for (const [name, { waiting, nextAt }] of lines)
      if (waiting.size === 0 && nextAt <= clock.monotonic()) lines.delete(name);
  }
  return {
    async turn(name, host) {
      const now = clock.monotonic();
      if (!lines.has(name) && lines.size >= MOST_NAMES) forgetIdle();
      const line = lines.get(name) ?? { waiting: new Set<string>(), nextAt: now };
      const full = line.waiting.size >= MOST_WAITING || line.waiting.has(host);
      if (full || (!lines.has(name) && lines.size >= MOST_NAMES)) return MOST_WAITING * EVERY_MS;
      lines.set(name, line);
      const at = Math.max(now, line.nextAt);
      line.nextAt = at + EVERY_MS;
      if (at === now) return 0;
      line.waiting.add(host);
      await new Promise<void>((resolve) => clock.after(at - now, resolve));
      line.waiting.delete(host);
      return 0;
    },
  };
}
