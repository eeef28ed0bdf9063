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
  return new Octets();
}

/** A class, since each connection has some: see Fifo. */
class Octets implements OctetQueue {
  #room: Buffer = NOTHING;
  /** The room was made here: octets may be written behind those that wait, never before. */
  #own = false;
  #from = 0;
  #to = 0;

  get length(): number {
    return this.#to - this.#from;
  }
  push(chunk: Buffer): void {
    if (this.length === 0) {
      this.#hold(chunk, false, chunk.length);
      return;
    }
    const needed = this.length + chunk.length;
    if (!this.#own || this.#to + chunk.length > this.#room.length) {
      const larger = Buffer.allocUnsafe(Math.max(SMALLEST_ROOM, needed * 2));
      this.#room.copy(larger, 0, this.#from, this.#to);
      this.#hold(larger, true, this.length);
    }
    this.#to += chunk.copy(this.#room, this.#to);
  }
  view(): Buffer {
    return this.#room.subarray(this.#from, this.#to);
  }
  drop(count: number): void {
    this.#from = Math.min(this.#to, this.#from + count);
  }
  clear(): void {
    this.#hold(NOTHING, false, 0);
  }
  #hold(room: Buffer, own: boolean, length: number): void {
    this.#room = room;
    this.#own = own;
    this.#from = 0;
    this.#to = length;
  }
}
