/** Makes inputs of inputs: octets changed, words put in, stretches cut, moved, doubled, and repeated very often. */
import type { Dice } from './random.ts';

/** Octets that parsers of text treat in ways of their own, and that printable ones would not reach. */
const ODD = [0, 9, 10, 13, 27, 32, 34, 92, 127, 128, 160, 194, 226, 237, 255];

export interface Material {
  readonly pool: readonly Buffer[];
  /** Those that took long. */
  readonly slow: readonly Buffer[];
  readonly words: readonly Buffer[];
  readonly longest: number;
}

export function mutate(dice: Dice, { pool, slow, words, longest }: Material): Buffer {
  // Of two the shorter one, mostly: it is read sooner, and what is added to it stands out.
  const [one, other] = [dice.oneOf(pool), dice.oneOf(pool)];
  let input = one.length <= other.length === dice.below(8) > 0 ? one : other;
  if (slow.length > 0 && dice.below(32) === 0) input = dice.oneOf(slow);
  const steps = 1 + dice.below(dice.oneOf([2, 4, 8]));
  for (let step = 0; step < steps; step++) input = mutateOnce(dice, input, pool, words, longest);
  return Buffer.from(input.subarray(0, longest));
}

function mutateOnce(
  dice: Dice,
  input: Buffer,
  pool: readonly Buffer[],
  words: readonly Buffer[],
  longest: number,
): Buffer {
  const at = dice.below(input.length + 1);
  const end = Math.min(input.length, at + 1 + dice.below(dice.oneOf([2, 8, 64, 512])));
  const stretch = input.subarray(at, end);
  const put = (...middle: Buffer[]) => Buffer.concat([input.subarray(0, at), ...middle, input.subarray(at)]);
  switch (dice.below(10)) {
    case 0:
      return put(Buffer.from([32 + dice.below(95)]));
    case 1:
      return put(Buffer.from([dice.oneOf(ODD)]));
    case 2:
    case 3:
      return words.length === 0 ? input : put(dice.oneOf(words));
    case 4: {
      if (at === input.length) return input;
      const changed = Buffer.from(input);
      changed[at] = dice.oneOf([dice.below(256), 32 + dice.below(95), input[at]! ^ (1 << dice.below(8))]);
      return changed;
    }
    case 5:
      return Buffer.concat([input.subarray(0, at), input.subarray(end)]);
    case 6:
      return put(stretch);
    case 7: {
      const other = dice.oneOf(pool);
      return Buffer.concat([input.subarray(0, at), other.subarray(dice.below(other.length + 1))]);
    }
    case 8: {
      const other = dice.oneOf(pool);
      const from = dice.below(other.length + 1);
      return put(other.subarray(from, from + 1 + dice.below(64)));
    }
    default: {
      // What is not linear shows where something short comes very often.
      const piece = dice.below(2) === 0 || words.length === 0 ? stretch : dice.oneOf(words);
      if (piece.length === 0) return input;
      const most = Math.max(1, Math.floor(dice.oneOf([16, 64, 64, 512, 512, 4096, longest]) / piece.length));
      return put(Buffer.concat(Array.from({ length: 1 + dice.below(most) }, () => piece)));
    }
  }
}
