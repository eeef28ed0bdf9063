/**
 * A page of the rows that match a filter without an index, newest first. It reads a bounded number of rows, a
 * few at a time, and the page says how many. Invariant: the next page continues after the last row that was
 * read.
 */
import { MOST_LOOKED_AT, type Page, type PageRequest } from '../../runtime/transactor.ts';
import { decodeCursor, encodeCursor } from '../command.ts';

const AT_ONCE = 250;
/** The total number of rows is counted up to this many: a higher number is expensive to count. */
const MOST_COUNTED = 10_000;
/** The number of rows, from a count up to one more than MOST_COUNTED; null: there are more. */
export const MOST_ROWS = MOST_COUNTED + 1;
export const counted = (rows: readonly { readonly n: number }[]): number | null =>
  rows[0]!.n > MOST_COUNTED ? null : rows[0]!.n;

export interface LookThrough<R, T> {
  /** Rows with an id below `below`, the highest first. */
  readonly read: (below: string, limit: number) => Promise<readonly R[]>;
  readonly isMeant: (row: R) => boolean;
  /** True if neither this row nor any row below it can match. */
  readonly isEnd?: (row: R) => boolean;
  readonly map: (row: R) => T;
}
export async function lookThrough<R extends { readonly id: string }, T>(
  { limit, cursor }: PageRequest,
  { read, isMeant, isEnd = () => false, map }: LookThrough<R, T>,
): Promise<Page<T>> {
  const found: R[] = [];
  let [below, lookedAt] = [decodeCursor(cursor), 0];
  const page = (isOver: boolean): Page<T> => ({
    items: found.map(map),
    cursors: found.map(({ id }) => encodeCursor(id)),
    nextCursor: isOver ? null : encodeCursor(below),
    lookedAt,
  });
  while (lookedAt < MOST_LOOKED_AT) {
    const most = Math.min(AT_ONCE, MOST_LOOKED_AT - lookedAt);
    const rows = await read(below, most);
    for (const [i, row] of rows.entries()) {
      if (isEnd(row)) return page(true);
      below = row.id;
      lookedAt += 1;
      if (isMeant(row)) found.push(row);
      if (found.length === limit) return page(i === rows.length - 1 && rows.length < most);
    }
    if (rows.length < most) return page(true);
  }
  return page(false);
}
