/** What a thread gets for one job. Types and constants only. */
export interface JobCall {
  readonly job: string;
  readonly input: unknown;
  /** Shared with the thread: the thread stores its id and the CPU time that it used before. */
  readonly meter: Float64Array;
}
export const THREAD = 0;
/** µs */
export const CPU_AT_START = 1;
