/** What goes to a thread for one job. Types and places only. */
export interface JobCall {
  readonly job: string;
  readonly input: unknown;
  /** Shared with the thread, which notes in it who it is and what CPU it had used before. */
  readonly meter: Float64Array;
}
export const THREAD = 0;
/** µs */
export const CPU_AT_START = 1;
