/**
 * A set of current entries, for thousands of entries that come and go each second. A Set would rebuild its
 * table every few entries, and each discarded table keeps its entries, with everything that they refer to,
 * alive until the collector's next large round. Here places are reused. Invariant: each entry is at the place
 * that it knows. An entry is in one roster only.
 */
export interface Entry {
  /** Its place; only the roster uses it. */
  place: number;
}
export interface Roster<T extends Entry> extends Iterable<T> {
  readonly size: number;
  /** The entry must not be in the roster. */
  add(entry: T): void;
  /** The entry must be in the roster. */
  remove(entry: T): void;
}

export function createRoster<T extends Entry>(): Roster<T> {
  const entries: T[] = [];
  return {
    get size() {
      return entries.length;
    },
    add(entry) {
      entry.place = entries.push(entry) - 1;
    },
    remove(entry) {
      const last = entries.pop()!;
      if (last === entry) return;
      entries[entry.place] = last;
      last.place = entry.place;
    },
    [Symbol.iterator]: () => entries.values(),
  };
}
