/** How far something long has come. Whoever does it tells, as often as it likes; whoever listens decides what is shown. */
export interface Progress {
  readonly done: number;
  /** null where it is not known. */
  readonly total: number | null;
  /**
   * What is counted, in the plural: 'rows'. 'octets' are shown as MiB. Another unit begins another part of the work.
   * Where nothing can be counted (0 of null), what is being done.
   */
  readonly unit: string;
}
export type Report = (progress: Progress) => void;
/** Who looks on something long: is told how far it has come, and ends it with the signal, whose reason it then rejects with. */
export interface Watch {
  readonly report: Report;
  readonly signal: AbortSignal;
}
export const unwatched: Watch = { report: () => {}, signal: new AbortController().signal };
