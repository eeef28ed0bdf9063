/**
 * Work on items of many projects, several at once. The projects share the places (shares.ts), so slow items of one
 * project do not stop the others. An item keeps its place while it rests, but not its project's share. Invariants: an
 * item is never under way twice; after `stop`, nothing starts.
 */
import { createShares, createTurns } from './shares.ts';

export interface RoundItem {
  readonly id: string;
  readonly projectId: string;
}
export interface RoundOptions<Item> {
  readonly atOnce: number;
  /** Must not reject. */
  readonly work: (item: Item) => Promise<void>;
  /** Before a place is used again while items wait. */
  readonly rest?: () => Promise<void>;
}
export interface Rounds<Item> {
  /** An item that is under way is passed over. */
  add(items: readonly Item[]): void;
  /** Resolves when a place is free: items that still wait are behind others of their own project. */
  hasRoom(): Promise<void>;
  /** Forgets the items that wait. */
  clear(): void;
  /** Nothing starts any more. Resolves when nothing is under way. */
  stop(): Promise<void>;
}

export function createRounds<Item extends RoundItem>({
  atOnce,
  work,
  rest,
}: RoundOptions<Item>): Rounds<Item> {
  const shares = createShares(atOnce);
  let waiting = createTurns<Item>(shares);
  const underWay = new Map<string, Promise<void>>();
  let room: PromiseWithResolvers<void> | null = null;
  let stopped = false;

  async function run(item: Item): Promise<void> {
    shares.enter(item.projectId);
    try {
      await work(item);
    } finally {
      shares.leave(item.projectId);
    }
    startMore();
    if (waiting.length > 0 && !stopped) await rest?.();
  }
  function startMore(): void {
    while (!stopped && underWay.size < atOnce) {
      const item = waiting.next();
      if (item === undefined) break;
      if (underWay.has(item.id)) continue;
      const ending = run(item).finally(() => {
        underWay.delete(item.id);
        startMore();
      });
      underWay.set(item.id, ending);
    }
    if (!stopped && underWay.size >= atOnce) return;
    room?.resolve();
    room = null;
  }
  function clear(): void {
    waiting = createTurns<Item>(shares);
  }
  return {
    add(items) {
      for (const item of items) waiting.push(item.projectId, item);
      startMore();
    },
    hasRoom() {
      if (stopped || underWay.size < atOnce) return Promise.resolve();
      room ??= Promise.withResolvers<void>();
      return room.promise;
    },
    clear,
    async stop() {
      stopped = true;
      clear();
      startMore();
      await Promise.all(underWay.values());
    },
  };
}
