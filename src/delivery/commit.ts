/**
 * Outcomes made durable. A store that cannot take them is asked again, waiting longer each time, for as long as the
 * process lives: an outcome once known is not forgotten. A transaction that is stale is replayed recipient by
 * recipient, so that one cancelled row costs the others nothing; a stale single row has been settled by someone else.
 * A notification the sender is owed (RFC 3461) is accepted in the very commit that settles what it tells of.
 */
import type { EdjTx } from '../edj/topics.ts';
import type { TrafficTx } from '../limits/traffic.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { ConflictError, StaleError, type Transactor } from '../runtime/transactor.ts';
import type { NewMessage, RecipientRow, SpoolTx } from '../spool/messages.ts';
import type { Item, MessageHead, Settled, Settlement } from './settle.ts';

export type { Item } from './settle.ts';
/** What outcomes are written with. */
export type OutcomeTx = SpoolTx & EdjTx & TrafficTx;
/** A message to be accepted together with what it tells of. */
export interface Notice {
  readonly message: NewMessage;
  readonly recipients: readonly RecipientRow[];
}
export interface CommitDeps {
  readonly transactor: Transactor<OutcomeTx>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly prepare: (message: MessageHead) => Promise<Settlement>;
  /** The notifications owed for these items. */
  readonly notices: (
    message: MessageHead,
    items: readonly Item[],
    settlement: Settlement,
  ) => Promise<readonly Notice[]>;
  /** The one door: accepts the notices and records the rest in the same commit. */
  readonly accept: (notices: readonly Notice[], also: (tx: OutcomeTx) => void) => Promise<void>;
  /** An outcome cannot be written for now (+1), or could be after all (-1): meanwhile nothing new should be tried. */
  readonly stuck: (by: 1 | -1) => void;
  /** A store that does not take an outcome is not asked again: who made it can make it again. Default: it is. */
  readonly once?: boolean;
  /** Give up waiting for the store: the process is going down. */
  readonly abandoned: AbortSignal;
}

/**
 * What was committed by recipient id; rows that someone else had settled are missing. Rejects with what the store said
 * only where it is asked once.
 */
export async function commitOutcomes(
  head: MessageHead,
  items: readonly Item[],
  prepared: Promise<Settlement> | null,
  deps: CommitDeps,
): Promise<ReadonlyMap<string, Settled>> {
  let first = prepared;
  let stale = 0;
  let waited = false;
  for (let tries = 0; !deps.abandoned.aborted; tries++) {
    try {
      const settlement = await (first ?? deps.prepare(head));
      const recordAll = (tx: OutcomeTx) => {
        for (const item of items) settlement.record(tx, item);
      };
      const notices = await deps.notices(head, items, settlement);
      if (notices.length === 0) await deps.transactor.transact(head.projectId, recordAll);
      else await deps.accept(notices, recordAll);
      if (waited) deps.stuck(-1);
      return settlement.recorded;
    } catch (error) {
      first = null; // rules may have changed meanwhile
      if (error instanceof StaleError || error instanceof ConflictError) {
        if (waited) deps.stuck(-1);
        waited = false;
        if (items.length > 1) return commitSingly(head, items, deps);
        stale += 1;
        if (stale < 2) continue;
        deps.logger.warn(
          { message: head.id, recipient: items[0]?.row.id, outcome: items[0]?.outcome.kind },
          'outcome dropped: the recipient was settled meanwhile',
        );
        return new Map();
      }
      if (deps.once === true) throw error;
      deps.logger.error({ err: error, message: head.id, tries }, 'outcome not committed, trying again');
      if (!waited) deps.stuck(1);
      waited = true;
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
