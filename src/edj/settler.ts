/**
 * Writes the results of deliveries, many in one transaction. Invariants: a result is written once, or its delivery or
 * subscriber is gone; while the store fails, it is asked again until the service stops.
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../runtime/clock.ts';
import type { ProjectId } from '../runtime/ids.ts';
import type { Logger } from '../runtime/logger.ts';
import { StaleError, type Transactor } from '../runtime/transactor.ts';
import type { EdjTx, Followers, SubscriberDeliveryMove } from './topics.ts';

const AT_ONCE = 64;
const RETRY_MS = 1_000;

export interface SettlerDeps {
  readonly transactor: Transactor<Pick<EdjTx, 'moveDelivery' | 'moveFollowers'>>;
  readonly clock: Clock;
  readonly logger: Logger;
}
interface Result {
  readonly move: SubscriberDeliveryMove;
  readonly followers: Followers | null;
}
export interface Settler {
  /**
   * Resolves when the result is written, nobody needs it, or the service stops. Never rejects. `followers` are moved in the
   * same transaction.
   */
  settle(move: SubscriberDeliveryMove, followers?: Followers | null): Promise<void>;
  /** From now on, what the store refuses is not written again. */
  stop(): void;
}

export function createSettler({ transactor, clock, logger }: SettlerDeps): Settler {
  const pending = new Map<ProjectId, Result[]>();
  /** The write that the next results of each project go with. */
  const writes = new Map<ProjectId, Promise<void>>();
  const state = { stopped: false };

  async function flush(project: ProjectId): Promise<void> {
    await setImmediate();
    const moves = pending.get(project) ?? [];
    pending.delete(project);
    writes.delete(project);
    const batches: Promise<void>[] = [];
    for (let at = 0; at < moves.length; at += AT_ONCE)
      batches.push(write(project, moves.slice(at, at + AT_ONCE)));
    await Promise.all(batches);
  }
  async function write(project: ProjectId, results: readonly Result[]): Promise<void> {
    for (;;) {
      try {
        await transactor.transact(project, (tx) => {
          for (const { move, followers } of results) {
            tx.moveDelivery(move);
            if (followers !== null) tx.moveFollowers(followers);
          }
        });
        return;
      } catch (error) {
        if (error instanceof StaleError) {
          // One subscriber is gone: the others' results are written all the same.
          if (results.length > 1) await Promise.all(results.map((one) => write(project, [one])));
          return;
        }
        logger.error(
          { project, deliveries: results.map(({ move }) => move.id), err: error },
          'the results of subscriber deliveries could not be stored, trying again',
        );
        if (state.stopped) return;
        await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
      }
    }
  }

  return {
    settle(move, followers = null) {
      const { projectId: project } = move;
      const own = pending.get(project) ?? [];
      own.push({ move, followers });
      pending.set(project, own);
      let written = writes.get(project);
      if (written === undefined) {
        written = flush(project);
        writes.set(project, written);
      }
      return written;
    },
    stop() {
      state.stopped = true;
    },
  };
}
