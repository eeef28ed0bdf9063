/**
 * When a project is told about its limits. `approaching`: a window has reached 80 %; told once, and again
 * only after the window was below 70 %. `exceeded`: mail was refused or held; told at most once a minute for
 * the minute's window and once an hour for the day's. An alert is a row that is *due* until it is published.
 * It is written with the usage that it tells of (approaching) or before the refusal is answered (exceeded),
 * so no crash loses one. It is published after the commit.
 */
import type { Clock } from '../runtime/clock.ts';
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Transactor } from '../runtime/transactor.ts';

export type Span = 'minute' | 'day';
export interface LimitAlert {
  readonly projectId: ProjectId;
  /** null for the project's limit. */
  readonly domainId: DomainId | null;
  readonly window: Span;
  readonly kind: 'approaching' | 'exceeded';
  /** Wall ms. */
  readonly at: number;
  readonly used: number;
  readonly limit: number;
  /**
   * Wall ms. approaching: when the first of the counted recipients leaves the window; exceeded: when the
   * refused mail would fit.
   */
  readonly returnsAt: number;
}
export interface AlertReader {
  /** Alerts to be published, of all projects, at most `most`. */
  limitAlertsDue(most: number): Promise<readonly LimitAlert[]>;
  /** The windows for which the project was told, or will be told, that they approach their limit. */
  approachedWindows(project: ProjectId, domain: DomainId | null): Promise<readonly Span[]>;
}
export interface AlertTx {
  /**
   * Makes the alert due. An `exceeded` alert becomes due only if the last one was made at least
   * EXCEEDED_EVERY_MS before.
   */
  noteLimitAlert(alert: LimitAlert): void;
  /** The alert was published. StaleError if it was already. */
  closeLimitAlert(alert: LimitAlert): void;
  /** The window has emptied: the next crossing is told again. An alert that is still due stays due. */
  rearmLimitAlert(project: ProjectId, domain: DomainId | null, window: Span): void;
}
export const EXCEEDED_EVERY_MS: Readonly<Record<Span, number>> = { minute: 60_000, day: 3_600_000 };
const APPROACHING = 0.8;
const REARMED = 0.7;

/** How a reservation that fits changes whether `approaching` is told for the window. */
export function crossing(
  told: boolean,
  limit: number,
  usedBefore: number,
  usedAfter: number,
): { readonly told: boolean; readonly rearmed: boolean; readonly crossed: boolean } {
  if (limit === 0) return { told, rearmed: false, crossed: false };
  const rearmed = told && usedBefore < REARMED * limit;
  const open = !told || rearmed;
  const crossed = open && usedAfter >= APPROACHING * limit;
  return { told: crossed || !open, rearmed, crossed };
}

/**
 * Tells that mail was refused or held. It writes at most once in a period for each window of this process.
 */
export type TellExceeded = (project: ProjectId, domain: DomainId, over: OverFacts) => Promise<void>;
/** Which limit was exceeded, and for how long. */
export interface OverFacts {
  readonly scope: 'project' | 'domain';
  readonly window: Span;
  readonly limit: number;
  readonly used: number;
  readonly retryAfterSeconds: number;
}

/** The most windows that are remembered as told. */
const MOST_TOLD = 10_000;

export interface AlertSinkDeps {
  readonly transactor: Transactor<AlertTx>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** An alert is due, or will be with the next commit. */
  readonly noticed: () => void;
}
/** Never rejects: a refusal is answered even if it cannot be told; the next refusal tries again. */
export function createTellExceeded({ transactor, clock, logger, noticed }: AlertSinkDeps): TellExceeded {
  const told = new Map<string, { readonly at: number; readonly noted: Promise<void> }>();

  async function note(alert: LimitAlert, key: string): Promise<void> {
    try {
      await transactor.transact(alert.projectId, (tx) => tx.noteLimitAlert(alert), true);
      noticed();
    } catch (error) {
      told.delete(key);
      const { projectId: project, window } = alert;
      logger.warn({ err: error, project, window }, 'recording a limit alert failed');
    }
  }
  return (project, domain, { scope, window, limit, used, retryAfterSeconds }) => {
    const domainId = scope === 'domain' ? domain : null;
    const at = clock.now();
    const key = `${project} ${domainId ?? ''} ${window}`;
    const last = told.get(key);
    if (last !== undefined && Math.abs(at - last.at) < EXCEEDED_EVERY_MS[window]) return last.noted;
    told.delete(key);
    if (told.size >= MOST_TOLD) told.delete(told.keys().next().value!);
    const returnsAt = at + retryAfterSeconds * 1000;
    const kind = 'exceeded';
    const noted = note({ projectId: project, domainId, window, kind, at, used, limit, returnsAt }, key);
    told.set(key, { at, noted });
    return noted;
  };
}
