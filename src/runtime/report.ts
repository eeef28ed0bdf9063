/** How far something long has come. Whoever does it tells, as often as it likes; whoever listens decides what is shown. */
export interface Progress {
  readonly done: number;
  /** null where it is not known. */
  readonly total: number | null;
  /** What is counted, in the plural: 'rows'. 'octets' are shown as MiB. Another unit begins another part of the work. */
  readonly unit: string;
}
export type Report = (progress: Progress) => void;
