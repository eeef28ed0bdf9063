/**
 * Outcomes made durable. A store that cannot take them is asked again, waiting longer each time, for as long as the
 * process lives: an outcome once known is not forgotten. A transaction that is stale is replayed recipient by
 * recipient, so that one cancelled row costs the others nothing; a stale single row has been settled by someone else.
 */
import type { EdjTx } from '../edj/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { ConflictError, StaleError, type Transactor } from '../runtime/transactor.ts';
import type { RecipientRow, SpoolTx } from '../spool/types.ts';
import type { Outcome } from './outcome.ts';
import type { MessageHead, Settled, Settlement } from './settle.ts';

export interface Item {
  readonly row: RecipientRow;
  readonly outcome: Outcome;
}
export interface CommitDeps {
  readonly transactor: Transactor<SpoolTx & EdjTx>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly prepare: (message: MessageHead) => Promise<Settlement>;
  /** Give up waiting for the store: the process is going down. */
  readonly abandoned: AbortSignal;
}

/** What was committed by recipient id; rows that someone else had settled are missing. Never rejects. */
export async function commitOutcomes(
  head: MessageHead,
  items: readonly Item[],
  prepared: Promise<Settlement> | null,
  deps: CommitDeps,
): Promise<ReadonlyMap<string, Settled>> {
  let first = prepared;
  let stale = 0;
  for (let tries = 0; !deps.abandoned.aborted; tries++) {
    try {
      const settlement = await (first ?? deps.prepare(head));
      await deps.transactor.transact(head.projectId, (tx) => {
        for (const { row, outcome } of items) settlement.record(tx, row, outcome);
      });
      return settlement.recorded;
    } catch (error) {
      first = null; // rules may have changed meanwhile
      if (error instanceof StaleError || error instanceof ConflictError) {
        if (items.length > 1) return commitSingly(head, items, deps);
        stale += 1;
        if (stale < 2) continue;
        deps.logger.warn(
          { message: head.id, recipient: items[0]?.row.id, outcome: items[0]?.outcome.kind },
          'outcome dropped: the recipient was settled meanwhile',
        );
        return new Map();
      }
      deps.logger.error({ error, message: head.id, tries }, 'outcome not committed, trying again');
      await pause(Math.min(100 * 2 ** Math.min(tries, 10), 10_000), deps);
    }
  }
  return new Map();
}

async function commitSingly(
  head: MessageHead,
  items: readonly Item[],
  deps: CommitDeps,
): Promise<ReadonlyMap<string, Settled>> {
  const all = await Promise.all(items.map((item) => commitOutcomes(head, [item], null, deps)));
  return new Map(all.flatMap((map) => [...map]));
}

function pause(ms: number, deps: CommitDeps): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      timer.cancel();
      deps.abandoned.removeEventListener('abort', end);
      resolve();
    };
    const timer = deps.clock.after(ms, end);
    deps.abandoned.addEventListener('abort', end, { once: true });
  });
}
