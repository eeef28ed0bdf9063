/**
 * Group commit: many transactions, one writer, one fsync. What has gathered by the end of the event loop's turn is
 * committed as one batch; a lone transaction waits for nothing but that turn.
 * Invariants: order of submission is order of commit, among the urgent ones and among the others; the urgent go first,
 * but never take a whole batch while others wait; at most `maxInFlight` batches are under way; one item's failure is its own.
 * Fails: `commit` throwing rejects its whole batch; a StoreError that is not retryable refuses all later ones too.
 */
import { StoreError } from './transactor.ts';

/** null: committed; else why this item alone was not. */
export type ItemOutcome = Error | null;

export interface GroupCommitOptions<T> {
  /** Commits a batch durably; one outcome per item, in order. Throws where nothing of the batch was written. */
  readonly commit: (batch: readonly T[]) => readonly ItemOutcome[] | Promise<readonly ItemOutcome[]>;
  /** Octets an item brings along, for the batch's bound. */
  readonly weigh: (item: T) => number;
  readonly maxItems?: number;
  /** Of them so many that are not urgent: an urgent one waits for the batch before it. */
  readonly maxLater?: number;
  readonly maxBytes?: number;
  /** Batches given to `commit` and not yet answered; 1. */
  readonly maxInFlight?: number;
}
export interface GroupCommit<T> {
  /** Resolves after the commit. Rejects with the item's own error, or with StoreError. `urgent`: someone waits for it. */
  submit(item: T, urgent?: boolean): Promise<void>;
  /** Commits what has gathered, then refuses everything. */
  close(): Promise<void>;
}

/** Of a batch, while others wait. */
const URGENT_SHARE = 0.75;

interface Waiting<T> {
  readonly item: T;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export function createGroupCommit<T>(options: GroupCommitOptions<T>): GroupCommit<T> {
  const { commit, weigh, maxItems = 200, maxBytes = 8 * 1024 * 1024, maxInFlight = 1 } = options;
  const { maxLater = maxItems } = options;
  let urgent: Waiting<T>[] = [];
  let queue: Waiting<T>[] = [];
  const idle: (() => void)[] = [];
  let inFlight = 0;
  let scheduled = false;
  let closed = false;
  let broken: StoreError | null = null;

  const idleNow = () => queue.length === 0 && urgent.length === 0;
  function takeBatch(): Waiting<T>[] {
    const batch: Waiting<T>[] = [];
    let bytes = 0;
    /** Moves items into the batch until it has `most`; what is left. */
    function take(from: Waiting<T>[], most: number): Waiting<T>[] {
      let count = 0;
      for (const waiting of from) {
        const weight = weigh(waiting.item);
        if (batch.length >= most || (batch.length > 0 && bytes + weight > maxBytes)) break;
        bytes += weight;
        count += 1;
        batch.push(waiting);
      }
      return from.slice(count);
    }
    urgent = take(urgent, queue.length === 0 ? maxItems : Math.ceil(maxItems * URGENT_SHARE));
    queue = take(queue, Math.min(maxItems, batch.length + maxLater));
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
    submit(item, isUrgent = false) {
      if (closed) return Promise.reject(new StoreError('the store is closed', false));
      if (broken !== null) return Promise.reject(broken);
      return new Promise<void>((resolve, reject) => {
        (isUrgent ? urgent : queue).push({ item, resolve, reject });
        pump();
      });
    },
    async close() {
      closed = true;
      if (inFlight > 0 || !idleNow()) await new Promise<void>((resolve) => idle.push(resolve));
    },
  };
}
