/** A queue whose shift costs the same at any length. */
export interface Fifo<T> {
  push(item: T): void;
  shift(): T | undefined;
  /** What `shift` would take. */
  peek(): T | undefined;
  readonly length: number;
}

export function createFifo<T>(): Fifo<T> {
  return new Items<T>();
}

/** A class: of object literals with a getter each has a shape of its own to V8, and there are thousands a second. */
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
