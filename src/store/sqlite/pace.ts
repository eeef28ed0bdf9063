/**
 * How much one step of the sweep may do: as much as the writer does in TARGET_MS, by what the last steps took. A unit is
 * a row, or a page of octets. Invariant: a step that took longer makes the next one smaller, by half at most: a disk that
 * was slow once says little of the rows.
 */

/** Of the writer, for one step; what is accepted meanwhile waits for it. Twice as much is the bound. */
const TARGET_MS = 5;
const FIRST = 100;
const FEWEST = 20;
const MOST = 4_000;
/** The next step is larger, or smaller, by this much at most. */
const GROWTH = 1.5;
const SHRINKING = 0.5;

export interface Pace {
  /** Units of the next step. */
  readonly units: number;
  /** A step of so many units took so many ms. */
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
      // a quick step that had less to do than it might have done says nothing of larger ones
      const next =
        ms > TARGET_MS
          ? Math.max(units * SHRINKING, Math.min(units, fit))
          : Math.max(units, Math.min(fit, done * GROWTH));
      units = Math.min(MOST, Math.max(FEWEST, next));
    },
  };
}
/** Pages of the file that so many octets take, beside their row. */
export const pagesOf = (octets: number): number => Math.ceil(octets / 4096);
