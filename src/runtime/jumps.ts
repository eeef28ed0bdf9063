/**
 * Detects jumps of the wall clock against the monotonic clock. After a jump of more than a minute, nothing
 * may expire by the wall clock until a whole retry cycle has passed: a machine whose time was wrong for an
 * hour must not return its mail. Listeners hear of each jump at once, and a minute later again: what was
 * computed before the jump may be written after it.
 */
import type { Clock, Timer } from './clock.ts';
import type { Logger } from './logger.ts';

export const JUMP_MS = 60_000;
const LOOK_MS = 15_000;
const AGAIN_MS = 60_000;

export interface Jumps {
  /** False during the cycle after a jump. */
  readonly trusted: () => boolean;
  /** Calls back after each jump; what waits for a moment far ahead should be looked at. */
  onJump(listener: () => void): void;
  /** A clock that `now` comes from was corrected by so many ms, between two looks. */
  corrected(ms: number): void;
  start(logger: Logger): void;
  stop(): void;
}
/** `cycleMs`: the longest wait between two attempts. */
export function watchJumps(clock: Clock, cycleMs: number): Jumps {
  const listeners: (() => void)[] = [];
  const state = {
    offset: clock.now() - clock.monotonic(),
    distrustUntil: Number.NEGATIVE_INFINITY,
    timer: null as Timer | null,
    again: null as Timer | null,
    log: null as Logger | null,
  };
  function tell(): void {
    for (const listener of listeners) listener();
  }
  function jumped(ms: number): void {
    state.distrustUntil = clock.monotonic() + cycleMs;
    state.log?.warn(
      { by_ms: Math.round(ms) },
      'the wall clock jumped: nothing expires for one retry cycle, and what would wait too long is due now',
    );
    tell();
    if (state.timer === null) return;
    state.again?.cancel();
    state.again = clock.after(AGAIN_MS, tell);
  }
  function look(): void {
    const by = clock.now() - clock.monotonic() - state.offset;
    state.offset += by;
    if (Math.abs(by) > JUMP_MS) jumped(by);
  }
  return {
    trusted() {
      look();
      return clock.monotonic() >= state.distrustUntil;
    },
    onJump: (listener) => void listeners.push(listener),
    corrected(ms) {
      look();
      if (Math.abs(ms) > JUMP_MS) jumped(ms);
    },
    start(logger) {
      state.log = logger;
      const again = () => {
        look();
        state.timer = clock.after(LOOK_MS, again);
      };
      again();
    },
    stop() {
      state.timer?.cancel();
      state.again?.cancel();
      state.timer = null;
    },
  };
}
