/** Pages of lists: where they end, and that walking along them shows each item once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { byId, listJson, marked, PAGE_OCTETS, pagesOf, type ReadPage } from './pages.ts';

interface Item {
  readonly id: string;
  readonly size: number;
}
const view = ({ id, size }: Item) => ({ id, text: 'x'.repeat(size) });
const itemsOf = (sizes: readonly number[]): Item[] =>
  sizes.map((size, i) => ({ id: String(i).padStart(6, '0'), size }));

async function walk(items: readonly Item[], limit: number) {
  const read = pagesOf({ items, keyOf: byId, order: 'up' });
  const pages: string[][] = [];
  for (let cursor: string | null = null; ; ) {
    const json = await listJson({ list: 'l', read, view, limit, cursor });
    const page: { items: Item[]; next_cursor: string | null } = JSON.parse(json);
    pages.push(page.items.map(byId));
    if (page.items.length > 1) assert.ok(Buffer.byteLength(json) <= PAGE_OCTETS + 100);
    cursor = page.next_cursor?.split('.')[0] ?? null;
    if (cursor === null) return pages;
  }
}

test('pages end at 4 MiB, or behind their first item, and a walk shows each item once', async () => {
  const MIB = 1024 * 1024;
  assert.deepEqual(await walk(itemsOf([]), 50), [[]]);
  const sizes = [5 * MIB, 1, 3 * MIB, 2 * MIB, 1, 4 * MIB, 4 * MIB];
  const pages = await walk(itemsOf(sizes), 50);
  assert.deepEqual(
    pages.map((page) => page.map(Number)),
    [[0], [1, 2], [3, 4], [5], [6]],
  );
});

test('whatever sizes and limits: each item once, in order', async () => {
  const size = fc.oneof(fc.nat(100), fc.nat(2_000_000));
  await fc.assert(
    fc.asyncProperty(
      fc.array(size, { maxLength: 80 }),
      fc.integer({ min: 1, max: 100 }),
      async (sizes, limit) => {
        const items = itemsOf(sizes);
        const pages = await walk(items, limit);
        assert.deepEqual(pages.flat(), items.map(byId));
        assert.ok(pages.every((page) => page.length <= limit));
      },
    ),
    { numRuns: 30 },
  );
});

test('a place in a list outlives the item that named it', async () => {
  const items = itemsOf([1, 1, 1, 1]);
  const first = await pagesOf({ items, keyOf: byId, order: 'up' })({ limit: 2, cursor: null });
  const left = items.filter(({ id }) => id !== first.items[1]!.id);
  const rest = await pagesOf({ items: left, keyOf: byId, order: 'up' })({
    limit: 5,
    cursor: first.nextCursor,
  });
  assert.deepEqual(rest.items, items.slice(2));
  assert.equal(rest.nextCursor, null);
});

test('a store that gives fewer than asked ends the page, and says where to go on', async () => {
  const asked: (string | null)[] = [];
  const json = await listJson({
    list: 'l',
    limit: 500,
    cursor: null,
    view,
    async read({ cursor }) {
      asked.push(cursor);
      return { items: itemsOf([1]), cursors: ['a'], nextCursor: 'b' };
    },
  });
  assert.deepEqual([asked, JSON.parse(json).next_cursor], [[null], marked('b', 'l')]);
});

test('where a filter passes rows by, the answer says how many were looked at, and ends after so many', async () => {
  const rare = async (limit: number, lookedAt: number) => {
    const asked: number[] = [];
    const json = await listJson({
      list: 'l',
      limit,
      cursor: null,
      view,
      async read({ limit }) {
        asked.push(limit);
        const items = itemsOf(Array.from({ length: limit }, () => 1));
        return { items, cursors: items.map(byId), nextCursor: 'more', lookedAt };
      },
    });
    const { items, next_cursor, looked_at } = JSON.parse(json);
    return { asked, shown: items.length, next_cursor, looked_at };
  };
  assert.deepEqual(await rare(500, 400), {
    asked: [25, 25, 25],
    shown: 75,
    next_cursor: marked('more', 'l'),
    looked_at: 1200,
  });
  assert.deepEqual(await rare(30, 40), {
    asked: [25, 5],
    shown: 30,
    next_cursor: marked('more', 'l'),
    looked_at: 80,
  });
  assert.deepEqual(
    JSON.parse(
      await listJson({
        list: 'l',
        limit: 50,
        cursor: null,
        view,
        read: async () => ({ items: [], cursors: [], nextCursor: null, lookedAt: 0 }),
      }),
    ),
    { items: [], next_cursor: null, looked_at: 0 },
  );
});

test('work ends when its client is gone', async () => {
  const gone = new AbortController();
  const items = itemsOf(Array.from({ length: 500 }, () => 1));
  let views = 0;
  await assert.rejects(
    listJson({
      list: 'l',
      read: pagesOf({ items, keyOf: byId, order: 'up' }),
      view(item: Item) {
        if (++views === 10) gone.abort(new Error('gone'));
        return view(item);
      },
      limit: 500,
      cursor: null,
      signal: gone.signal,
    }),
    /gone/,
  );
  assert.equal(views, 25);
});

test('a filter says of how many rows it looked at some, where that is known; a list without one says neither', async () => {
  const items = [1, 2].map((n) => ({ id: String(n) }));
  const whole = pagesOf({ items, keyOf: byId, order: 'up' });
  const passing: ReadPage<{ id: string }> = async (page) => ({ ...(await whole(page)), lookedAt: 7 });
  const answer = async (read: ReadPage<{ id: string }>, rows: number | null) => {
    const json = await listJson({
      list: 'l',
      read,
      view: (item) => item,
      limit: 9,
      cursor: null,
      of: async () => rows,
    });
    const { looked_at, of } = JSON.parse(json);
    return [looked_at, of];
  };
  assert.deepEqual(await answer(passing, 40), [7, 40]);
  assert.deepEqual(await answer(passing, 3), [7, 7]);
  assert.deepEqual(await answer(passing, null), [7, undefined]);
  assert.deepEqual(await answer(whole, 40), [undefined, undefined]);
});
