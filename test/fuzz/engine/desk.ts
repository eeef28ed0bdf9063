/** Memory that a hunting thread and its parent share: how many inputs were begun, and which is being read now. */
const HEAD = 8;

export interface Desk {
  readonly memory: SharedArrayBuffer;
}
/** What a hunting thread is given. */
export interface Orders {
  readonly desk: Desk;
  /** Directory of the tree whose `src` is fuzzed. */
  readonly tree: string;
  /** The target's file. */
  readonly file: string;
  readonly seeds: readonly Uint8Array[];
  readonly seed: number;
  readonly seconds: number;
}

export function createDesk(longest: number): Desk {
  return { memory: new SharedArrayBuffer(HEAD + longest) };
}
/** The input that is begun now. */
export function writeDesk({ memory }: Desk, input: Buffer): void {
  const numbers = new Int32Array(memory, 0, 2);
  new Uint8Array(memory, HEAD).set(input.subarray(0, memory.byteLength - HEAD));
  Atomics.store(numbers, 1, input.length);
  Atomics.add(numbers, 0, 1);
}
export function readDesk({ memory }: Desk): { readonly begun: number; readonly input: Buffer } {
  const numbers = new Int32Array(memory, 0, 2);
  const length = Atomics.load(numbers, 1);
  return { begun: Atomics.load(numbers, 0), input: Buffer.from(new Uint8Array(memory, HEAD, length)) };
}
