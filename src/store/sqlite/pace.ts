/**
 * How much one step of retention may do: as much as the writer does in TARGET_MS, measured by the last steps.
 * A unit is a row or a page of octets. Invariant: a step that took too long makes the next one smaller, by
 * half at most, because one slow moment of the disk says little about the rows.
 */

/**
 * Writer time of one step, for which mail that is accepted in the meantime waits. The limit is twice as much.
 */
const TARGET_MS = 5;
const FIRST = 100;
const FEWEST = 20;
const MOST = 4_000;
/** The next step is larger or smaller by this factor at most. */
const GROWTH = 1.5;
const SHRINKING = 0.5;

export interface Pace {
  /** Units of the next step. */
  readonly units: number;
  /** A step of this many units took this many ms. */
  took(units: number, ms: number): void;
}
export function createPace(): Pace {
  let units = FIRST;
  return {
    get units() {
      return Math.floor(units);
    },
    took(done, ms) {
      if (done === 0) return;
      const fit = (done * TARGET_MS) / Math.max(ms, 0.1);
      // a quick step that had less to do than it could have done says nothing about larger ones
      const next =
        ms > TARGET_MS
          ? Math.max(units * SHRINKING, Math.min(units, fit))
          : Math.max(units, Math.min(fit, done * GROWTH));
      units = Math.min(MOST, Math.max(FEWEST, next));
    },
  };
}
/** Pages of the file for this many octets, in addition to their row. */
export const pagesOf = (octets: number): number => Math.ceil(octets / 4096);
