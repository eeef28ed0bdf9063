/** Rolling windows of 60 s (1 s buckets) and 24 h (60 s buckets), counting recipients, per project and per domain. */
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';
import type { AlertReader, AlertTx } from './alerts.ts';
import type { LimitRequestReader, LimitRequestTx } from './requests.ts';
import type { TrafficReader, TrafficTx } from './traffic.ts';

export interface ProjectLimits {
  /** recipients per 60 s; 0 = no limit */
  readonly perMinute: number;
  /** recipients per 24 h; 0 = no limit */
  readonly perDay: number;
}
/** A project's settings for sending and retention. */
export interface SendingSettings {
  /** Seconds for which delivery is tried. */
  readonly retrySeconds: number;
  /** Ages (s) of a message at which a deferral becomes an event: the first deferral at or after each age. */
  readonly deferredAges: readonly number[];
  /**
   * What happens to mail over the limit: it is refused at once, or accepted and sent when the window has
   * room.
   */
  readonly overLimit: 'reject' | 'hold';
  /** Days for which messages, events and their records are kept: MIN_RETENTION_DAYS to MAX_RETENTION_DAYS. */
  readonly retentionDays: number;
}
export const MIN_RETENTION_DAYS = 1;
export const MAX_RETENTION_DAYS = 400;
/** 5 days (RFC 5321 §4.5.4.1 asks for 4-5). */
export const DEFAULT_SENDING: SendingSettings = {
  retrySeconds: 5 * 24 * 3600,
  deferredAges: [0, 3600, 4 * 3600, 24 * 3600, 48 * 3600, 72 * 3600, 96 * 3600],
  overLimit: 'reject',
  retentionDays: 30,
};
export const DAY_MS = 24 * 3600 * 1000;
/** ms for which a project keeps its data. */
export function keptMs(settings: SendingSettings | null): number {
  return (settings ?? DEFAULT_SENDING).retentionDays * DAY_MS;
}
/** One bucket's count: `width` 1 (second) or 60 (minute); `start` in whole seconds of wall time. */
export interface UsageBucket {
  readonly width: 1 | 60;
  readonly start: number;
  readonly count: number;
}
export interface LimitReader extends WindowReader, TrafficReader, AlertReader, LimitRequestReader {}
/** What is set for a project, and the buckets of its windows. */
export interface WindowReader {
  /** null for the instance's defaults. */
  projectLimits(project: ProjectId): Promise<ProjectLimits | null>;
  /** null for DEFAULT_SENDING. */
  sendingSettings(project: ProjectId): Promise<SendingSettings | null>;
  /** Buckets with start >= since (s), of the project as a whole (domain null) or of one domain. */
  usage(
    project: ProjectId,
    domain: DomainId | null,
    width: 1 | 60,
    since: number,
  ): Promise<readonly UsageBucket[]>;
}
export interface LimitTx extends WindowTx, TrafficTx, AlertTx, LimitRequestTx {}
export interface WindowTx {
  setProjectLimits(project: ProjectId, limits: ProjectLimits): void;
  /** Writes the fields that are given; if none are stored, the others are those of DEFAULT_SENDING. */
  setSendingSettings(project: ProjectId, settings: Partial<SendingSettings>): void;
  /** Adds to the buckets of the second and of the minute, of the project (domain null) or of one domain. */
  addUsage(project: ProjectId, domain: DomainId | null, atSeconds: number, recipients: number): void;
  /** Drops buckets that no window reaches any more. */
}
/** Lists all projects, for rounds over all of them. */
export interface ProjectLister {
  projects(page: PageRequest): Promise<Page<{ readonly id: ProjectId }>>;
}
/** Limits of one request; 0 = no limit. */
export interface UsageRequest {
  readonly project: ProjectId;
  readonly domain: DomainId;
  /** Whole seconds of wall time. */
  readonly second: number;
  readonly recipients: number;
  readonly limits: { readonly project: ProjectLimits; readonly domain: ProjectLimits };
}
export type UsageDecision =
  /** `noted`: an alert became due with it. */
  | { readonly kind: 'ok'; readonly noted: boolean }
  | {
      readonly kind: 'over';
      readonly scope: 'project' | 'domain';
      readonly window: 'minute' | 'day';
      readonly limit: number;
      readonly used: number;
      readonly retryAfterSeconds: number;
    };
/** Windows that several nodes share: places are reserved in the store, at once and exactly. */
export interface SharedUsage {
  take(request: UsageRequest): Promise<UsageDecision>;
  /** Gives back what was reserved and not used. */
  giveBack(project: ProjectId, domain: DomainId, second: number, recipients: number): Promise<void>;
}
/**
 * A condition of a transaction. It fails with StaleError if, at the commit, the settings differ from those
 * given; null: no settings are stored.
 */
export interface SettingsExpectations {
  expectSendingSettings(project: ProjectId, settings: SendingSettings | null): void;
  /** null if the project has no limits of its own. */
  expectProjectLimits(project: ProjectId, limits: ProjectLimits | null): void;
}
