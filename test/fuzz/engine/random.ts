/** Reproducible random numbers (mulberry32): the same seed gives the same inputs. */
export interface Dice {
  /** 0 to below `sides`. */
  below(sides: number): number;
  oneOf<T>(list: readonly T[]): T;
}

export function createDice(seed: number): Dice {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  const below = (sides: number) => Math.floor(next() * sides);
  return { below, oneOf: (list) => list[below(list.length)]! };
}
