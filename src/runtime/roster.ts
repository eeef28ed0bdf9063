/**
 * Who is there now, where thousands come and go in a second. A Set is written anew every few of them, and each table it
 * leaves keeps whom it held, with all they hold, until the collector's next large round; here a place is taken again.
 * Invariant: each entry stands at the place it knows. An entry is in one roster.
 */
export interface Entry {
  /** Its place; the roster's alone. */
  place: number;
}
export interface Roster<T extends Entry> extends Iterable<T> {
  readonly size: number;
  /** One that is not there. */
  add(entry: T): void;
  /** One that is there. */
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
