/**
 * A binary min-heap: push and pop in O(log n). If an item's key changes, push the item again; the caller must
 * ignore outdated entries.
 */
export interface Heap<T> {
  push(key: number, item: T): void;
  /** The item with the smallest key, or undefined. */
  pop(): { readonly key: number; readonly item: T } | undefined;
  readonly smallest: number | undefined;
  readonly length: number;
}

export function createHeap<T>(): Heap<T> {
  const nodes: { key: number; item: T }[] = [];
  function swap(a: number, b: number): void {
    const node = nodes[a]!;
    nodes[a] = nodes[b]!;
    nodes[b] = node;
  }
  return {
    push(key, item) {
      let at = nodes.push({ key, item }) - 1;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (nodes[parent]!.key <= nodes[at]!.key) return;
        swap(at, parent);
        at = parent;
      }
    },
    pop() {
      const top = nodes[0];
      const last = nodes.pop();
      if (nodes.length === 0 || last === undefined) return top;
      nodes[0] = last;
      for (let at = 0; ; ) {
        const left = 2 * at + 1;
        const right = left + 1;
        let least = at;
        if (left < nodes.length && nodes[left]!.key < nodes[least]!.key) least = left;
        if (right < nodes.length && nodes[right]!.key < nodes[least]!.key) least = right;
        if (least === at) return top;
        swap(at, least);
        at = least;
      }
    },
    get smallest() {
      return nodes[0]?.key;
    },
    get length() {
      return nodes.length;
    },
  };
}
