/** A message as blocks to be written, each with a deadline of its own. Pure. */
export const BLOCK = 65_536;

/** The pieces, small ones joined, as blocks of at most 64 KiB. */
export function* inBlocks(pieces: Iterable<Buffer>): Generator<Buffer, void> {
  let small: Buffer[] = [];
  let length = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += BLOCK) {
      const part = piece.subarray(at, at + BLOCK);
      if (length + part.length > BLOCK) {
        yield joined(small);
        small = [];
        length = 0;
      }
      small.push(part);
      length += part.length;
    }
  }
  if (length > 0) yield joined(small);
}
const joined = (parts: readonly Buffer[]) => (parts.length === 1 ? parts[0]! : Buffer.concat(parts));
