/** What a fuzzer needs to know of a parser. One file `test/fuzz/NAME.fuzz.ts` each, which exports `target`. */

/** Imports a module of the tree that is fuzzed: `load('mail/address.ts')`. */
export type Load = <T>(module: string) => Promise<T>;

export interface Target {
  /** Texts that stand in inputs of this kind; the fuzzer puts them in. */
  readonly words: readonly string[];
  /** Octets of an input at most. */
  readonly longest?: number;
  /** Loads what is fuzzed. What it returns reads one input, and throws where an invariant does not hold. */
  open(load: Load): Promise<(input: Buffer) => void | Promise<void>>;
}
