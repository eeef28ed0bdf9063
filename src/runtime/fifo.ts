/** A queue whose `shift` costs the same at any length. */
export interface Fifo<T> {
  push(item: T): void;
  shift(): T | undefined;
  /** The item that `shift` would return. */
  peek(): T | undefined;
  readonly length: number;
}

export function createFifo<T>(): Fifo<T> {
  return new Items<T>();
}

/**
 * A class, because V8 gives each object literal with a getter its own shape, and thousands are made each
 * second.
 */
class Items<T> implements Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }
  push(item: T): void {
    this.#items.push(item);
  }
  peek(): T | undefined {
    return this.#items[this.#head];
  }
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head > 512 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
