/**
 * Brings back what waits for a moment further ahead than anything may wait: it was written while the clock was
 * ahead. It is due now; what is suspended waits for as long as a hold may last. Lane by lane, in small
 * transactions. What somebody else moves at the same time is left to them. Rejects if the store does.
 */
import { StaleError, type Transactor } from '../runtime/transactor.ts';
import { HELD_LANES, type SpoolReader, type SpoolTx, type StoredLane } from '../spool/messages.ts';
import { brought } from '../spool/transitions.ts';
import { LONGEST_HOLD_MS } from './held.ts';

const AT_ONCE = 200;
/** A recipient over the limit waits until a window has room: a day, its last minute and their order. */
const LONGEST_LIMIT_MS = 25 * 3600 * 1000;
/** The jitter of waits. */
const LONGEST_SHARE = 1.25;

export interface BringDeps {
  readonly read: Pick<SpoolReader, 'dueAfter'>;
  readonly transactor: Transactor<Pick<SpoolTx, 'moveRecipient'>>;
  readonly now: () => number;
  /** ms; the longest wait between two attempts, without its jitter */
  readonly longestMs: number;
}
/** Returns how many recipients it moved; `moved` is called for each lane in which some were. */
export async function bringBack(
  lanes: readonly StoredLane[],
  deps: BringDeps,
  moved: (lane: StoredLane) => void,
): Promise<number> {
  let count = 0;
  for (const lane of lanes) {
    const longest = longestOf(lane.lane, deps.longestMs);
    const before = count;
    if (lane.lastDue > deps.now() + longest)
      for (let stale = 0; stale < 3; ) {
        const now = deps.now();
        const rows = await deps.read.dueAfter(lane, now + longest, AT_ONCE);
        if (rows.length === 0) break;
        const at = lane.lane === HELD_LANES.suspended ? now + longest : now;
        try {
          await deps.transactor.transact(lane.project, (tx) => {
            for (const { row } of rows) tx.moveRecipient(brought(row, now, at));
          });
          count += rows.length;
        } catch (error) {
          if (!(error instanceof StaleError)) throw error;
          stale += 1;
        }
      }
    if (count > before) moved(lane);
  }
  return count;
}
function longestOf(lane: string, retryMs: number): number {
  if (lane === HELD_LANES.suspended) return LONGEST_HOLD_MS;
  if (lane === HELD_LANES.quota || lane === HELD_LANES.priority) return LONGEST_LIMIT_MS;
  return retryMs * LONGEST_SHARE;
}
