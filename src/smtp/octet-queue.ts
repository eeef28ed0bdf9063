/**
 * Octets that have come and wait to be read, as one view. Each is copied a fixed number of times, however small the
 * chunks are they come in; a chunk that is read whole is not copied. A view that was handed out keeps its octets.
 */
export interface OctetQueue {
  readonly length: number;
  push(chunk: Buffer): void;
  /** All that waits. */
  view(): Buffer;
  /** The first `count` are read. */
  drop(count: number): void;
  clear(): void;
}
const NOTHING = Buffer.alloc(0);
const SMALLEST_ROOM = 512;

export function createOctetQueue(): OctetQueue {
  let room: Buffer = NOTHING;
  /** The room was made here: octets may be written behind those that wait, never before. */
  let own = false;
  let from = 0;
  let to = 0;

  return {
    get length() {
      return to - from;
    },
    push(chunk) {
      if (from === to) {
        [room, own, from, to] = [chunk, false, 0, chunk.length];
        return;
      }
      const needed = to - from + chunk.length;
      if (!own || to + chunk.length > room.length) {
        const larger = Buffer.allocUnsafe(Math.max(SMALLEST_ROOM, needed * 2));
        room.copy(larger, 0, from, to);
        [room, own, from, to] = [larger, true, 0, to - from];
      }
      to += chunk.copy(room, to);
    },
    view: () => room.subarray(from, to),
    drop(count) {
      from = Math.min(to, from + count);
    },
    clear() {
      [room, own, from, to] = [NOTHING, false, 0, 0];
    },
  };
}
