/** An interface for time: wall time for rows, a monotonic clock for waiting. All units are milliseconds. */
export interface Timer {
  cancel(): void;
}
export interface Clock {
  /** Wall time, ms since the epoch; for rows and messages. */
  now(): number;
  /** Monotonic ms; for durations and deadlines, never stored. */
  monotonic(): number;
  /** Calls back once after `ms` of monotonic time. Timers do not keep the process alive. */
  after(ms: number, callback: () => void): Timer;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), 2 ** 31 - 1));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
