/**
 * Rolls up minutes of traffic into hours and days, project by project, soon after each hour. Invariants: one
 * commit writes the mark and the rows that the mark covers, and only if the mark has not changed, so two
 * nodes at once do it exactly once; an hour is rolled up only when no commit for that hour can still be
 * running. Store errors are logged and the store is asked again.
 */
import type { Clock, Timer } from '../runtime/clock.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import { StaleError, type Transactor } from '../runtime/transactor.ts';
import { floorTo, type TrafficReader, type TrafficTx, WIDTHS } from './traffic.ts';
import type { ProjectLister } from './usage.ts';

export interface RollUpDeps {
  readonly read: TrafficReader & ProjectLister;
  readonly transactor: Transactor<TrafficTx>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether this node makes the rounds now: of the nodes that share a store, one does. */
  readonly mayRun?: () => Promise<boolean>;
}
const FIRST_MS = 20_000;
const INTERVAL_MS = 10 * 60_000;
/** s after the end of an hour until it is final: commits take a few seconds at most. */
const GRACE = 300;
const PAGE = 100;

export function createRollUp(deps: RollUpDeps): Service {
  const { read, transactor, clock, logger, mayRun = async () => true } = deps;
  let timer: Timer | null = null;
  let round: Promise<void> = Promise.resolve();
  let stopped = true;

  async function rollUp(): Promise<void> {
    const to = floorTo(WIDTHS.hour, clock.now() / 1000 - GRACE);
    for (let cursor: string | null = null; !stopped; ) {
      const page: Awaited<ReturnType<ProjectLister['projects']>> = await read.projects({
        limit: PAGE,
        cursor,
      });
      for (const { id } of page.items) {
        if (stopped) return;
        const from = await read.trafficRolledTo(id);
        if (from >= to) continue;
        try {
          await transactor.transact(id, (tx) => tx.rollUpTraffic(id, from, to));
        } catch (error) {
          if (!(error instanceof StaleError)) throw error;
        }
      }
      if (page.nextCursor === null) return;
      cursor = page.nextCursor;
    }
  }
  function schedule(ms: number): void {
    timer = clock.after(ms, () => {
      round = mayRun()
        .then((mine) => (mine ? rollUp() : undefined))
        .catch((error: unknown) => logger.error({ err: error }, 'rolling up traffic failed'))
        .then(() => {
          if (!stopped) schedule(INTERVAL_MS);
        });
    });
  }
  function stop(): void {
    stopped = true;
    timer?.cancel();
  }
  return {
    async start(signal) {
      if (signal.aborted) return;
      stopped = false;
      signal.addEventListener('abort', stop, { once: true });
      schedule(FIRST_MS);
    },
    async [Symbol.asyncDispose]() {
      stop();
      await round;
    },
  };
}
