/**
 * Requests of a project for higher limits, and what operators make of them. At most one is open per project. A request
 * moves once, from `open` to what was decided; pure, the store applies it "if still open".
 */
import type { LimitRequestId, ProjectId } from '../runtime/ids.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';

export type LimitRequestState = 'open' | 'approved' | 'approved_in_part' | 'refused' | 'cancelled';
export interface LimitRequest {
  readonly id: LimitRequestId;
  readonly projectId: ProjectId;
  readonly state: LimitRequestState;
  /** What is asked for; null: this one may stay as it is. 0: no limit. */
  readonly perMinute: number | null;
  readonly perDay: number | null;
  readonly reason: string;
  /** Who asked, e.g. `api_client <id>`. */
  readonly actor: string;
  /** Address that is told of the decision. */
  readonly notify: string | null;
  readonly createdAt: number;
  readonly decidedAt: number | null;
  readonly decidedBy: string | null;
  /** The project's limits from the decision on, of an approved one; null: as before. */
  readonly grantedPerMinute: number | null;
  readonly grantedPerDay: number | null;
  /** The operator's words. */
  readonly note: string | null;
}
export interface LimitRequestReader {
  limitRequest(project: ProjectId, id: LimitRequestId): Promise<LimitRequest | null>;
  /** Global directory look-up, for operators. */
  findLimitRequest(id: LimitRequestId): Promise<LimitRequest | null>;
  /** Newest first; project null: of all projects. */
  limitRequests(
    project: ProjectId | null,
    state: LimitRequestState | null,
    page: PageRequest,
  ): Promise<Page<LimitRequest>>;
  /** null: more than are counted, which are 10,000. */
  countLimitRequests(project: ProjectId | null): Promise<number | null>;
}
export interface LimitRequestTx {
  /** ConflictError 'limit_request.open' where the project has an open one. */
  insertLimitRequest(request: LimitRequest): void;
  /** StaleError where it is no longer open. */
  decideLimitRequest(request: LimitRequest): void;
}
export interface Decision {
  readonly by: string;
  readonly at: number;
  readonly note: string | null;
}

/** A higher limit than the other; 0 is none at all. */
export function isHigher(limit: number, than: number): boolean {
  return than !== 0 && (limit === 0 || limit > than);
}
function isLess(granted: number | null, asked: number | null): boolean {
  if (asked === null || granted === asked) return false;
  return granted === null || isHigher(asked, granted);
}
/** Approved with what was granted (null: that limit stays): in full where nothing is less than was asked for. */
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
/** The project's limits once the request is approved. */
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
