/** A queue whose shift costs the same at any length. */
export interface Fifo<T> {
  push(item: T): void;
  shift(): T | undefined;
  /** What `shift` would take. */
  peek(): T | undefined;
  readonly length: number;
}

export function createFifo<T>(): Fifo<T> {
  let items: (T | undefined)[] = [];
  let head = 0;
  return {
    push: (item) => void items.push(item),
    shift() {
      if (head === items.length) return undefined;
      const item = items[head];
      items[head++] = undefined;
      if (head > 512 && head * 2 > items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
    peek: () => items[head],
    get length() {
      return items.length - head;
    },
  };
}
