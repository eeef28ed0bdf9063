/**
 * Group commit: many transactions, one writer, one fsync. All transactions that arrive during one turn of the
 * event loop are committed as one batch; a single transaction waits only for the end of that turn.
 * Invariants: within a project, transactions are committed in the order of submission, among the urgent ones
 * and among the others; projects take turns; urgent transactions go first, but never take a whole batch while
 * others wait; at most `maxInFlight` batches run at the same time; the failure of one item affects only that
 * item. Errors: if `commit` throws, its whole batch is rejected; after a StoreError that is not retryable,
 * all later transactions are refused as well.
 */
import { createTurns, type Turns } from './shares.ts';
import { StoreError } from './transactor.ts';

/** null if the item was committed; otherwise why this item was not. */
export type ItemOutcome = Error | null;

export interface GroupCommitOptions<T> {
  /**
   * Commits a batch durably; returns one outcome per item, in order. Throws if nothing of the batch was
   * written.
   */
  readonly commit: (batch: readonly T[]) => readonly ItemOutcome[] | Promise<readonly ItemOutcome[]>;
  /** The size of an item in octets, for the limit of a batch. */
  readonly weigh: (item: T) => number;
  readonly maxItems?: number;
  /** The most items of a batch that are not urgent; an urgent item must wait for the batch before it. */
  readonly maxLater?: number;
  readonly maxBytes?: number;
  /** The most batches given to `commit` and not yet answered. The default is 1. */
  readonly maxInFlight?: number;
}
export interface GroupCommit<T> {
  /**
   * Resolves after the commit. Rejects with the item's own error or with StoreError. `share`: the project
   * whose turn it takes. `urgent`: somebody waits for it.
   */
  submit(item: T, share: string, urgent?: boolean): Promise<void>;
  /** Commits what is submitted so far, then refuses everything. */
  close(): Promise<void>;
}

/** The share for the service's own writes. */
export const OWN = '';
/** The part of a batch that urgent items may take while others wait. */
const URGENT_SHARE = 0.75;
const ALWAYS = { hasRoom: () => true };

interface Waiting<T> {
  readonly item: T;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export function createGroupCommit<T>(options: GroupCommitOptions<T>): GroupCommit<T> {
  const { commit, weigh, maxItems = 200, maxBytes = 8 * 1024 * 1024, maxInFlight = 1 } = options;
  const { maxLater = maxItems } = options;
  const urgent = createTurns<Waiting<T>>(ALWAYS);
  const queue = createTurns<Waiting<T>>(ALWAYS);
  const idle: (() => void)[] = [];
  let inFlight = 0;
  let scheduled = false;
  let closed = false;
  let broken: StoreError | null = null;

  const idleNow = () => queue.length === 0 && urgent.length === 0;
  function takeBatch(): Waiting<T>[] {
    const batch: Waiting<T>[] = [];
    let bytes = 0;
    const fits = ({ item }: Waiting<T>) => batch.length === 0 || bytes + weigh(item) <= maxBytes;
    function take(from: Turns<Waiting<T>>, most: number): void {
      while (batch.length < most) {
        const waiting = from.next(fits);
        if (waiting === undefined) break;
        bytes += weigh(waiting.item);
        batch.push(waiting);
      }
    }
    take(urgent, queue.length === 0 ? maxItems : Math.ceil(maxItems * URGENT_SHARE));
    take(queue, Math.min(maxItems, batch.length + maxLater));
    return batch;
  }

  async function commitOne(batch: Waiting<T>[]): Promise<void> {
    try {
      if (broken !== null) throw broken;
      const outcomes = await commit(batch.map((waiting) => waiting.item));
      batch.forEach((waiting, i) => {
        const outcome = outcomes[i];
        if (outcome === null) waiting.resolve();
        else waiting.reject(outcome ?? new StoreError('the store gave no outcome', true));
      });
    } catch (error) {
      const failure = error instanceof StoreError ? error : new StoreError('the commit failed', false, error);
      if (!failure.retryable) broken = failure;
      for (const waiting of batch) waiting.reject(failure);
    }
  }
  function pump(): void {
    if (scheduled || inFlight >= maxInFlight || idleNow()) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      inFlight += 1;
      void commitOne(takeBatch()).finally(() => {
        inFlight -= 1;
        if (inFlight === 0 && idleNow())
          idle.splice(0).forEach((resolve) => {
            resolve();
          });
        pump();
      });
      pump();
    });
  }

  return {
    submit(item, share, isUrgent = false) {
      if (closed) return Promise.reject(new StoreError('the store is closed', false));
      if (broken !== null) return Promise.reject(broken);
      return new Promise<void>((resolve, reject) => {
        (isUrgent ? urgent : queue).push(share, { item, resolve, reject });
        pump();
      });
    },
    async close() {
      closed = true;
      if (inFlight > 0 || !idleNow()) await new Promise<void>((resolve) => idle.push(resolve));
    },
  };
}
