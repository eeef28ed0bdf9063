/**
 * The order of events. A reader that continues after an event must never miss one that was committed later.
 *
 * Events are in the order of (era, xid, seq): the transaction's id and the place in it. Several nodes write at
 * once, so a transaction with a lower id may commit after one with a higher id. Its events would then appear
 * before the place that a reader has already reached. So every transaction that inserts events takes a shared
 * advisory lock *before* it gets its id, and holds it to its end. A reader first asks which of these transactions
 * are running (`bound`), and reads afterwards:
 *
 *   bound = the lowest id among the holders of the lock, but at most the first id not yet given out (xmax) when
 *           the question began. A holder whose id cannot be seen yet counts with the lowest id of any
 *           transaction (xmin).
 *
 * A transaction with an id below the bound was no longer running when the locks were read: either the later read
 * sees what it wrote, or it wrote nothing. A transaction that begins later gets an id of at least xmax. So nothing
 * new can appear below the bound. Transactions of other programs delay nobody, because they do not have the lock.
 *
 * The next read of this node must see a commit that was answered. Its id is below xmax, but it may be above the
 * bound while a batch of another node with a lower id is running. The reader then waits for those batches (a few
 * ms; the writers' time limits bound it) and does not answer without that commit. It waits only for what was
 * committed before the question, so a steady stream of batches delays nobody for long. After WAIT_MS it answers
 * without them.
 */
import type { Clock } from '../../runtime/clock.ts';
import { EVENT_LOCK } from './commit.ts';
import { LOCK_SPACE } from './migrate.ts';
import type { Reading } from './reading.ts';

const WAIT_MS = 3000;
const LOOK_AGAIN_MS = 5;
const WRAP = 2 ** 32;

const UNDER_WAY = `WITH s AS MATERIALIZED (
    SELECT pg_snapshot_xmin(x)::text::int8 AS xmin, pg_snapshot_xmax(x)::text::int8 AS xmax FROM pg_current_snapshot() AS x
  ), l AS MATERIALIZED (
    SELECT locktype, virtualtransaction, transactionid::text::int8 AS id, mode, granted, database, classid::int8, objid::int8, objsubid
      FROM pg_locks WHERE locktype IN ('advisory', 'transactionid')
  ), w AS MATERIALIZED (
    SELECT k.virtualtransaction, (SELECT array_agg(t.id::text) FROM l t WHERE t.locktype = 'transactionid' AND t.mode = 'ExclusiveLock'
        AND t.granted AND t.virtualtransaction = k.virtualtransaction) AS ids
      FROM l k WHERE k.locktype = 'advisory' AND k.granted AND k.classid = ${LOCK_SPACE} AND k.objid = ${EVENT_LOCK} AND k.objsubid = 2
        AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  )
  SELECT s.xmin, s.xmax, w.virtualtransaction IS NOT NULL AS writes, w.ids FROM s LEFT JOIN w ON true`;

interface UnderWay {
  readonly xmin: number;
  readonly xmax: number;
  readonly writes: boolean;
  readonly ids: readonly string[] | null;
}
/** A 32-bit transaction id as one of 64 bits: the one nearest to `near`. */
export function widen(id: number, near: number): number {
  const behind = (((near - id) % WRAP) + WRAP) % WRAP;
  return behind < WRAP / 2 ? near - behind : near + (WRAP - behind);
}
export interface Horizon {
  /** Events with a lower transaction id are all there. */
  readonly bound: number;
  /** Every answered commit has a lower transaction id. */
  readonly xmax: number;
}
async function horizonOf(all: Reading): Promise<Horizon> {
  const rows = await all<UnderWay>(UNDER_WAY);
  const { xmin, xmax } = rows[0]!;
  let bound = xmax;
  for (const { writes, ids } of rows) {
    if (!writes) continue;
    bound = Math.min(bound, ids === null ? xmin : Math.min(...ids.map((id) => widen(Number(id), xmax))));
  }
  return { bound, xmax };
}

const HIDDEN = `SELECT 1 FROM event WHERE project_id = $1 AND topic_id = $2 AND era = $3 AND xid >= $4::xid8 AND xid < $5::xid8 LIMIT 1`;

export type EventOrder = (project: string, topic: string) => Promise<number>;
/** Gives the bound below which events of the topic are read: all that was answered before the question is below it. */
export function createEventOrder(all: Reading, era: number, clock: Clock): EventOrder {
  const pause = () => new Promise<void>((resolve) => void clock.after(LOOK_AGAIN_MS, resolve));
  return async (project, topic) => {
    const deadline = clock.monotonic() + WAIT_MS;
    for (let answered: number | null = null; ; ) {
      const { bound, xmax } = await horizonOf(all);
      answered ??= xmax;
      if (bound >= answered || clock.monotonic() >= deadline) return bound;
      const hidden = await all(HIDDEN, [project, topic, era, String(bound), String(answered)]);
      if (hidden.length === 0) return bound;
      await pause();
    }
  };
}
