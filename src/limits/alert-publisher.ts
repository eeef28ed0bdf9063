/**
 * Publishes due alerts as events, after the commit that made them due, never in that commit. Invariants: one
 * commit writes the event and ends the alert's being due, so each alert is published exactly once, by
 * whichever node; an alert that is still due after a crash is published after the next start. Store errors
 * are logged and the store is asked again.
 */
import type { EventContent } from '../contract/event-contents.ts';
import type { PrepareProjectEvents } from '../rules/project-events.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import { StaleError, type Transactor } from '../runtime/transactor.ts';
import type { AlertReader, AlertTx, LimitAlert } from './alerts.ts';

const EVENT_OF = { approaching: 'limit.approaching', exceeded: 'limit.exceeded' } as const;

export interface AlertPublisherDeps<Tx extends AlertTx> {
  readonly read: AlertReader;
  readonly transactor: Transactor<Tx>;
  readonly projectEvents: PrepareProjectEvents<Tx>;
  /** null if the domain no longer exists. */
  readonly domainName: (project: ProjectId, id: DomainId) => Promise<string | null>;
  readonly clock: Clock;
  readonly logger: Logger;
}
export interface AlertPublisher extends Service {
  /** Something is due, or will be with the next commit. */
  nudge(): void;
}
/** Time after a nudge by which its commit is done. */
const SOON_MS = 200;
/** Finds alerts that other nodes left due, and alerts whose nudge came too early. */
const POLL_MS = 5_000;
const AT_ONCE = 50;

export function createAlertPublisher<Tx extends AlertTx>(deps: AlertPublisherDeps<Tx>): AlertPublisher {
  const { read, transactor, clock, logger } = deps;
  let timer: Timer | null = null;
  let soon = false;
  let looking: Promise<void> | null = null;
  let stopped = true;

  async function publish(alert: LimitAlert): Promise<void> {
    const { projectId, domainId } = alert;
    const events = await deps.projectEvents(projectId);
    const name = domainId === null ? null : await deps.domainName(projectId, domainId);
    const content: EventContent<'limit.exceeded'> = {
      window: alert.window,
      scope: domainId === null ? 'project' : 'domain',
      domain: domainId === null ? null : { id: domainId, name: name ?? '' },
      limit: alert.limit,
      used: alert.used,
      at: new Date(alert.at).toISOString(),
      room_returns_at: new Date(alert.returnsAt).toISOString(),
    };
    try {
      await transactor.transact(projectId, (tx) => {
        tx.closeLimitAlert(alert);
        // An alert about a removed domain is not published.
        if (domainId === null || name !== null)
          events.record(tx, EVENT_OF[alert.kind], content, { summary: summaryOf(alert, name) });
      });
    } catch (error) {
      if (error instanceof StaleError) return; // another node told it, or a topic has gone: the next look knows
      throw error;
    }
  }
  async function look(): Promise<void> {
    for (let full = true; full && !stopped; ) {
      const due = await read.limitAlertsDue(AT_ONCE);
      for (const alert of due) await publish(alert);
      full = due.length === AT_ONCE;
    }
  }
  function arm(ms: number): void {
    timer?.cancel();
    timer = stopped ? null : clock.after(ms, begin);
  }
  function begin(): void {
    soon = false;
    looking = look()
      .catch((error: unknown) => logger.error({ err: error }, 'publishing limit alerts failed'))
      .then(() => {
        looking = null;
        arm(soon ? SOON_MS : POLL_MS);
      });
  }
  function stop(): void {
    stopped = true;
    timer?.cancel();
  }
  return {
    nudge() {
      if (stopped || soon) return;
      soon = true;
      if (looking === null) arm(SOON_MS);
    },
    async start(signal) {
      if (signal.aborted) return;
      stopped = false;
      signal.addEventListener('abort', stop, { once: true });
      begin();
    },
    async [Symbol.asyncDispose]() {
      stop();
      await looking;
    },
  };
}

function summaryOf({ kind, window, limit, used, domainId }: LimitAlert, domain: string | null): string {
  const whose = domainId === null ? "the project's limit" : `the limit of ${domain}`;
  const what = `${whose} of ${limit} recipients per ${window}`;
  return kind === 'approaching'
    ? `${used} of ${what} are used`
    : `mail was refused or held: ${what} is reached (${used} used)`;
}
