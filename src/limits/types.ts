/** Rolling windows of 60 s (1 s buckets) and 24 h (60 s buckets), counting recipients, per project and per domain. */
import type { DomainId, ProjectId } from '../runtime/ids.ts';

export interface ProjectLimits {
  /** recipients per 60 s; 0 = none */
  readonly perMinute: number;
  /** recipients per 24 h; 0 = none */
  readonly perDay: number;
}
/** One bucket's count: `width` 1 (second) or 60 (minute); `start` in whole seconds of wall time. */
export interface UsageBucket {
  readonly width: 1 | 60;
  readonly start: number;
  readonly count: number;
}
export interface LimitReader {
  /** null: the instance's defaults. */
  projectLimits(project: ProjectId): Promise<ProjectLimits | null>;
  /** Buckets with start >= since (s), for the project as a whole (domain null) or one domain. */
  usage(
    project: ProjectId,
    domain: DomainId | null,
    width: 1 | 60,
    since: number,
  ): Promise<readonly UsageBucket[]>;
}
export interface LimitTx {
  setProjectLimits(project: ProjectId, limits: ProjectLimits): void;
  /** Adds to the second's and the minute's bucket, of the project (domain null) or one domain. */
  addUsage(project: ProjectId, domain: DomainId | null, atSeconds: number, recipients: number): void;
  /** Drops buckets no window reaches any more. */
  pruneUsage(project: ProjectId, beforeSecond: number, beforeMinute: number): void;
}
