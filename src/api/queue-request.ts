/**
 * What a request to change the queue means, and carrying it out, for the API and for the operator's commands.
 * Invariant: cancel, bounce and suspend name what they act on, by a filter or by `all`; otherwise they do nothing.
 * Fails with Problems.
 */
import type { Static } from 'typebox';
import type { QueueFilterInput, QueueRequest as QueueRequestBody } from '../contract/operations/mta-mail.ts';
import type { Resources } from '../contract/resources/index.ts';
import { MOST_OPERATOR_SUSPENSIONS, MOST_SUSPENSIONS, type QueueRequest } from '../delivery/operate.ts';
import { CLOSED_REASON } from '../iam/closing.ts';
import { filterAddress, filterDomain, filterSite } from '../mail/filter-values.ts';
import { type ProjectId, parseId, type SuspensionId } from '../runtime/ids.ts';
import type { Watch } from '../runtime/report.ts';
import { type Suspension, UNTIL_RESUMED, type WaitingFilter } from '../spool/messages.ts';
import { covers } from '../spool/waiting.ts';
import type { ApiDeps } from './deps.ts';
import { invalid, notFound, Problem } from './problems.ts';
import { iso, timeOf } from './times.ts';
import { withinCap } from './within-cap.ts';

type FilterInput = Static<typeof QueueFilterInput>;
export type QueueInput = Static<typeof QueueRequestBody>;
/** Whose mail it is about. */
export interface QueueScope {
  /** null: of all projects. */
  readonly project: ProjectId | null;
  /** The caller chose the project for this request, so that it is a filter like the others. */
  readonly isChosen: boolean;
  /** The operator of the instance asks. What the operator suspended, no project may resume. */
  readonly byOperator: boolean;
}
const DAY_MS = 24 * 3_600_000;
export const LONGEST_SUSPENSION_MS = 366 * DAY_MS;
const DEFAULT_SUSPENSION_MS = DAY_MS;
const DEFAULT_REASON = 'no reason was given';
const NEEDS_OBJECT: ReadonlySet<QueueInput['action']> = new Set(['cancel', 'bounce', 'suspend']);
/** How people write the empty envelope sender. */
const NULL_SENDER = '<>';

/** How each name of a filter is read into the form of the store; null: it is `wrong`. */
export const FILTER_NAMES = {
  site: { read: filterSite, wrong: 'is not a destination site' },
  domain: { read: filterDomain, wrong: 'is not a domain name' },
  sender: {
    read: (text: string) => (text === NULL_SENDER ? '' : filterAddress(text)),
    wrong: 'is not an e-mail address',
  },
} as const;

/** The filter in the form of the spool. `within`: what stands before its fields in the request. */
export function toFilter(
  project: WaitingFilter['project'],
  input: FilterInput,
  within = 'filter.',
): WaitingFilter {
  const { site, domain, sender, accepted_before: before, state } = input;
  const named = (name: keyof typeof FILTER_NAMES, text: string): string => {
    const { read, wrong } = FILTER_NAMES[name];
    const value = read(text);
    if (value === null) throw invalid(`${within}${name}`, wrong);
    return value;
  };
  return {
    project,
    ...(site === undefined ? {} : { lane: named('site', site) }),
    ...(domain === undefined ? {} : { domain: named('domain', domain) }),
    ...(sender === undefined ? {} : { sender: named('sender', sender) }),
    ...(before === undefined ? {} : { acceptedBefore: timeOf(before, `${within}accepted_before`) }),
    ...(state === undefined ? {} : { states: [state] }),
  };
}
export function showFilter(f: WaitingFilter): Resources['Suspension']['filter'] {
  return {
    site: f.lane ?? null,
    domain: f.domain ?? null,
    sender: f.sender === '' ? NULL_SENDER : (f.sender ?? null),
    sent_with: f.sentWith ?? null,
    accepted_before: iso(f.acceptedBefore ?? null),
    state: f.states?.[0] ?? null,
  };
}
/** When a suspension ends; null: when it is resumed. */
export const endOf = ({ expiresAt }: Pick<Suspension, 'expiresAt'>): string | null =>
  expiresAt >= UNTIL_RESUMED ? null : iso(expiresAt);

/** Throws unless the request says, in exactly one way, what it is about. */
function checkObject({ action, filter = {}, all = false, suspension }: QueueInput, scope: QueueScope): void {
  const fields = Object.values(filter).filter((value) => value !== undefined);
  const isFiltered = fields.length > 0 || scope.isChosen;
  if (action === 'suspend' && filter.state !== undefined)
    throw invalid('filter.state', 'a suspension holds mail of every state');
  if (all && isFiltered) throw invalid('all', 'means everything, so there must be no filter beside it');
  if (suspension !== undefined) {
    if (action !== 'resume') throw invalid('suspension', `${action} takes no suspension`);
    if (all || fields.length > 0)
      throw invalid('suspension', 'names one suspension, so there must be no filter and no all beside it');
    return;
  }
  if (isFiltered || all) return;
  if (action === 'resume')
    throw invalid('suspension', 'resume needs the id of a suspension, a filter, or all: true');
  if (NEEDS_OBJECT.has(action))
    throw invalid('filter', `${action} needs a filter, or all: true for everything that waits`);
}
function expiryOf({ action, until, expires_at: older }: QueueInput, now: number): number {
  const field = until === undefined ? 'expires_at' : 'until';
  const given = until === undefined ? older : until;
  if (given !== undefined && action !== 'suspend') throw invalid(field, `${action} has no end`);
  if (until !== undefined && older !== undefined) throw invalid('expires_at', 'is the older name of until');
  if (given === undefined) return now + DEFAULT_SUSPENSION_MS;
  if (given === null) return UNTIL_RESUMED;
  const end = timeOf(given, field);
  if (end <= now) throw invalid(field, 'has passed');
  if (end > now + LONGEST_SUSPENSION_MS) throw invalid(field, 'must be within the next 366 days');
  return end;
}

type Deps = Pick<ApiDeps, 'operate' | 'clock' | 'read'>;

/** Beside the answer of the API, for the operator's command. */
interface Beyond {
  /** Projects of the recipients that were counted or changed; absent: not known. */
  readonly projects?: number;
  /** Nodes that gave no answer in time, and may still be at work; absent: none. */
  readonly silent_nodes?: number;
}
/** Carries out a request of a caller who may make it. */
export async function answerQueueRequest(
  deps: Deps,
  scope: QueueScope,
  actor: string,
  input: QueueInput,
  watch?: Watch,
): Promise<Resources['QueueResult'] & Beyond> {
  checkObject(input, scope);
  const now = deps.clock.now();
  const expiresAt = expiryOf(input, now);
  const request: QueueRequest = {
    action: input.action,
    filter: toFilter(scope.project, input.filter ?? {}),
    dryRun: input.dry_run ?? false,
    // Wherever the reason of a suspension is shown, its actor stands beside it.
    reason: input.reason ?? (input.action === 'suspend' ? DEFAULT_REASON : `${input.action} by ${actor}`),
    actor,
    byOperator: scope.byOperator,
    ...(input.action === 'suspend' ? { expiresAt } : {}),
  };
  if (input.action === 'resume') return await resume(deps, request, input.suspension, watch);
  const operate = () => deps.operate(request, watch);
  const most = scope.byOperator ? MOST_OPERATOR_SUSPENSIONS : MOST_SUSPENSIONS;
  const cap = {
    reached: async () =>
      (await deps.read.suspensions()).filter(
        (one) =>
          one.expiresAt > now &&
          one.byOperator === scope.byOperator &&
          (scope.byOperator || one.filter.project === scope.project),
      ).length >= most,
    problem: () =>
      new Problem(
        'too-many-suspensions',
        `${scope.byOperator ? 'the operator' : 'the project'} already has ${most} suspensions; resume some first`,
      ),
  };
  const adds = request.action === 'suspend' && !request.dryRun;
  const result = adds ? await withinCap(operate, cap) : await operate();
  if (result === null) throw notFound();
  const { matched, changed, inFlight, suspension, projects, silentNodes } = result;
  return {
    matched,
    changed,
    in_flight: inFlight,
    suspension,
    expires_at: input.action === 'suspend' ? endOf({ expiresAt }) : null,
    resumed: 0,
    ...(projects === null ? {} : { projects }),
    ...(silentNodes === 0 ? {} : { silent_nodes: silentNodes }),
  };
}
/** Ends one suspension, or all that concern only mail of the filter; for a project, of those that it made. */
async function resume(
  deps: Deps,
  request: QueueRequest,
  named: string | undefined,
  watch: Watch | undefined,
): Promise<Resources['QueueResult'] & Beyond> {
  const id = named === undefined ? null : parseId<'suspension'>(named);
  if (named !== undefined && id === null) throw invalid('suspension', 'is not the id of a suspension');
  // Only reopening a project lets its mail flow again.
  const isMeant = (one: Suspension) =>
    id === null
      ? one.reason !== CLOSED_REASON && one.expiresAt > deps.clock.now() && covers(request.filter, one.filter)
      : one.id === id;
  const found = (await deps.read.suspensions()).filter(
    (one) =>
      (request.filter.project === null || one.filter.project === request.filter.project) && isMeant(one),
  );
  const meant = found.filter((one) => request.byOperator === true || !one.byOperator);
  let resumed: SuspensionId[] = meant.map((one) => one.id);
  let silent = 0;
  if (!request.dryRun) {
    resumed = [];
    for (const one of meant) {
      const result = await deps.operate({ ...request, suspension: one.id }, watch);
      if (result === null) continue;
      resumed.push(one.id);
      silent = Math.max(silent, result.silentNodes);
    }
  }
  if (meant.length === 0 && found.length > 0)
    throw new Problem(
      'suspended-by-operator',
      'the operator of the service made this suspension, so only the operator can end it',
    );
  if (resumed.length === 0)
    throw id === null
      ? new Problem('not-found', 'no suspension concerns only mail of this filter')
      : notFound();
  return {
    matched: 0,
    changed: 0,
    in_flight: 0,
    suspension: id,
    expires_at: null,
    resumed: resumed.length,
    ...(silent === 0 ? {} : { silent_nodes: silent }),
  };
}
