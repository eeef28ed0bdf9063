/**
 * Requests of a project for higher limits, and the operators' decisions. A project has at most one open
 * request. A request changes its state once, from `open` to the decision. Pure; the store applies the change
 * only if the request is still open.
 */
import type { LimitRequestId, ProjectId } from '../runtime/ids.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';

export type LimitRequestState = 'open' | 'approved' | 'approved_in_part' | 'refused' | 'cancelled';
export interface LimitRequest {
  readonly id: LimitRequestId;
  readonly projectId: ProjectId;
  readonly state: LimitRequestState;
  /** The requested limit; null: this limit may stay; 0: no limit. */
  readonly perMinute: number | null;
  readonly perDay: number | null;
  readonly reason: string;
  /** Who requested it, such as `api_client <id>`. */
  readonly actor: string;
  /** The address that gets the decision. */
  readonly notify: string | null;
  readonly createdAt: number;
  readonly decidedAt: number | null;
  readonly decidedBy: string | null;
  /** For an approved request: the project's limit from the decision on; null: unchanged. */
  readonly grantedPerMinute: number | null;
  readonly grantedPerDay: number | null;
  /** The operator's note. */
  readonly note: string | null;
}
export interface LimitRequestReader {
  limitRequest(project: ProjectId, id: LimitRequestId): Promise<LimitRequest | null>;
  /** Global directory look-up, for operators. */
  findLimitRequest(id: LimitRequestId): Promise<LimitRequest | null>;
  /** Newest first; project null means all projects. */
  limitRequests(
    project: ProjectId | null,
    state: LimitRequestState | null,
    page: PageRequest,
  ): Promise<Page<LimitRequest>>;
  /** null if there are more than 10,000, the most that are counted. */
  countLimitRequests(project: ProjectId | null): Promise<number | null>;
}
export interface LimitRequestTx {
  /** ConflictError 'limit_request.open' if the project has an open request. */
  insertLimitRequest(request: LimitRequest): void;
  /** StaleError if it is no longer open. */
  decideLimitRequest(request: LimitRequest): void;
}
export interface Decision {
  readonly by: string;
  readonly at: number;
  readonly note: string | null;
}

/** Whether a limit is higher than another; 0 means no limit, the highest. */
export function isHigher(limit: number, than: number): boolean {
  return than !== 0 && (limit === 0 || limit > than);
}
function isLess(granted: number | null, asked: number | null): boolean {
  if (asked === null || granted === asked) return false;
  return granted === null || isHigher(asked, granted);
}
/**
 * The approved request with what was granted (null: that limit stays). It is approved in full if no granted
 * limit is lower than requested.
 */
export function approved(
  request: LimitRequest,
  granted: { readonly perMinute: number | null; readonly perDay: number | null },
  { by, at, note }: Decision,
): LimitRequest {
  const part = isLess(granted.perMinute, request.perMinute) || isLess(granted.perDay, request.perDay);
  return {
    ...request,
    state: part ? 'approved_in_part' : 'approved',
    grantedPerMinute: granted.perMinute,
    grantedPerDay: granted.perDay,
    decidedAt: at,
    decidedBy: by,
    note,
  };
}
export function refused(request: LimitRequest, { by, at, note }: Decision): LimitRequest {
  return { ...request, state: 'refused', decidedAt: at, decidedBy: by, note };
}
export function cancelled(request: LimitRequest, { by, at, note }: Decision): LimitRequest {
  return { ...request, state: 'cancelled', decidedAt: at, decidedBy: by, note };
}
/** The project's limits after the approval. */
export function limitsAfter<Limits extends { readonly perMinute: number; readonly perDay: number }>(
  request: LimitRequest,
  before: Limits,
): Limits {
  return {
    ...before,
    perMinute: request.grantedPerMinute ?? before.perMinute,
    perDay: request.grantedPerDay ?? before.perDay,
  };
}
