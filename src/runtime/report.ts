/**
 * Progress of a long operation. The operation reports as often as it likes; the receiver decides what to
 * show.
 */
export interface Progress {
  readonly done: number;
  /** null if it is not known. */
  readonly total: number | null;
  /**
   * What is counted, in the plural: 'rows'. 'octets' are shown as MiB. A different unit begins a new part of
   * the work. If nothing can be counted (0 of null), it is the name of what is being done.
   */
  readonly unit: string;
}
export type Report = (progress: Progress) => void;
/**
 * Watches a long operation: receives its progress, and can end it with the signal. The operation then rejects
 * with the signal's reason.
 */
export interface Watch {
  readonly report: Report;
  readonly signal: AbortSignal;
}
export const unwatched: Watch = { report: () => {}, signal: new AbortController().signal };
