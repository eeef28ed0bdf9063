/**
 * Detects jumps of the wall clock against the monotonic clock. After a jump of more than a minute, nothing
 * may expire by the wall clock until a whole retry cycle has passed: a machine whose time was wrong for an
 * hour must not return its mail.
 */
import type { Clock, Timer } from './clock.ts';
import type { Logger } from './logger.ts';

const JUMP_MS = 60_000;
const LOOK_MS = 15_000;

export interface Jumps {
  /** False during the cycle after a jump. */
  readonly trusted: () => boolean;
  start(logger: Logger): void;
  stop(): void;
}
/** `cycleMs`: the longest wait between two attempts. */
export function watchJumps(clock: Clock, cycleMs: number): Jumps {
  let offset = clock.now() - clock.monotonic();
  let distrustUntil = Number.NEGATIVE_INFINITY;
  let timer: Timer | null = null;
  let log: Logger | null = null;
  function look(): void {
    const now = clock.now() - clock.monotonic();
    if (Math.abs(now - offset) > JUMP_MS) {
      distrustUntil = clock.monotonic() + cycleMs;
      log?.warn(
        { by_ms: Math.round(now - offset) },
        'the wall clock jumped: nothing expires for one retry cycle',
      );
    }
    offset = now;
  }
  return {
    trusted() {
      look();
      return clock.monotonic() >= distrustUntil;
    },
    start(logger) {
      log = logger;
      const again = () => {
        look();
        timer = clock.after(LOOK_MS, again);
      };
      again();
    },
    stop() {
      timer?.cancel();
      timer = null;
    },
  };
}
