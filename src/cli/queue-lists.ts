/**
 * The lists of `hikyaku queue`: lanes, waiting recipients, suspensions, and the log of manual operations. The
 * command reads them from the store; the service may keep running. Invariants: it prints at most `limit`
 * items; if there are more, stderr says so and gives the `--cursor` to continue with; a search that finds
 * nothing shows its progress and can be interrupted; what is suspended is marked before it is due, without a query of
 * its own for each row.
 */
import { endOf, showFilter } from '../api/queue-request.ts';
import { reasonOf } from '../delivery/reason.ts';
import { createSuspensions, type Suspensions } from '../delivery/suspensions.ts';
import type { DomainReader } from '../domains/mta-domains.ts';
import type { IamReader } from '../iam/projects.ts';
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import {
  type DueRecipient,
  HELD_LANES,
  type LaneSummary,
  type SpoolReader,
  type Suspension,
  type WaitingFilter,
} from '../spool/messages.ts';
import { isLookedThrough } from '../spool/waiting.ts';
import { isWaitingCursor } from '../stores.ts';
import { showProgress } from './progress.ts';
import { table } from './table.ts';
import { UsageError } from './usage.ts';

export interface QueueListOptions {
  readonly read: SpoolReader & Pick<IamReader, 'project'> & Pick<DomainReader, 'domain'>;
  readonly project: ProjectId | null;
  readonly filter: WaitingFilter;
  readonly limit: number;
  readonly cursor: string | null;
  readonly json: boolean;
  readonly signal: AbortSignal;
}
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** The content of a list's cursor; '' if the cursor is damaged. */
function decoded(cursor: string): string {
  const octets = Buffer.from(cursor, 'base64url');
  return octets.toString('base64url') === cursor ? octets.toString('utf8') : '';
}
/** For each list: whether the cursor belongs to it. */
const CURSORS: Readonly<Record<QueueList, (cursor: string) => boolean>> = {
  list: (cursor) => ID.test(decoded(cursor).split(' ', 1)[0]!),
  show: isWaitingCursor,
  suspensions: (cursor) => ID.test(cursor),
  log: (cursor) => ID.test(decoded(cursor)),
};
/** The shown items, and what is not shown. */
interface Shown {
  /** As JSON. */
  readonly items: readonly object[];
  readonly columns: readonly string[];
  /** The cells of each item. */
  readonly rows: readonly (readonly string[])[];
  /** In words, if there is no item. */
  readonly empty: string;
  /** What people read below the table. */
  readonly below?: string;
  /** In words. */
  readonly leftOut: string;
  /** null if all items are shown. */
  readonly cursor: string | null;
}
const LISTS = { list: lanes, show: recipients, suspensions, log: operations } as const;
export type QueueList = keyof typeof LISTS;
export const isQueueList = (action: string): action is QueueList => Object.hasOwn(LISTS, action);
const NUMBERS = new Set(['QUEUED', 'DEFERRED', 'HELD', 'TRIES', 'CHANGED']);

/** Throws UsageError if the cursor does not belong to this list. */
export async function printQueueList(list: QueueList, options: QueueListOptions): Promise<void> {
  if (options.cursor !== null && !CURSORS[list](options.cursor))
    throw new UsageError(
      `--cursor ${options.cursor} is damaged or belongs to another list: give the cursor that \`queue ${list}\` printed, or none to start from the beginning`,
    );
  const { items, columns, rows, empty, below = '', leftOut, cursor } = await LISTS[list](options);
  if (options.json) process.stdout.write(`${JSON.stringify(items)}\n`);
  else process.stdout.write(`${rows.length === 0 ? `${empty}\n` : table(columns, rows, NUMBERS)}${below}`);
  if (cursor !== null) process.stderr.write(`not shown: ${leftOut}; continue with --cursor ${cursor}\n`);
}

const count = (n: number) => n.toLocaleString('en');
const time = (ms: number) => new Date(ms).toISOString();
const inSeconds = (ms: number) => time(ms).replace(/\.\d+Z$/, 'Z');

/** Names of projects and domains by id, each read once; the id of one that is gone. */
function namesIn(read: QueueListOptions['read']) {
  const known = new Map<string, Promise<string>>();
  function once(id: string, look: () => Promise<{ readonly name: string } | null>): Promise<string> {
    const found = known.get(id) ?? look().then((one) => one?.name ?? id);
    known.set(id, found);
    return found;
  }
  return {
    project: (id: ProjectId | null) =>
      id === null ? Promise.resolve('all projects') : once(id, () => read.project(id)),
    domain: (project: ProjectId, id: DomainId) => once(id, () => read.domain(project, id)),
  };
}
type Names = ReturnType<typeof namesIn>;

/** In words, as the options of the command. */
async function inWords(filter: WaitingFilter, names: Names): Promise<string> {
  const { site, domain, sender, accepted_before: before, state } = showFilter(filter);
  const parts = Object.entries({ site, domain, sender, before, state })
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} ${value}`);
  if (filter.sentWith !== undefined && filter.project !== null)
    parts.push(`sent with ${await names.domain(filter.project, filter.sentWith)}`);
  return parts.length === 0 ? 'all mail' : parts.join(', ');
}

/** Those in force that hold mail of the project, or of any if it is null. */
async function inForce(
  { read, project }: Pick<QueueListOptions, 'read' | 'project'>,
  now: number,
): Promise<readonly Suspension[]> {
  return (await read.suspensions()).filter(
    ({ filter, expiresAt }) =>
      (project === null || filter.project === null || filter.project === project) && expiresAt > now,
  );
}
const SUSPENSION_COLUMNS = ['ID', 'PROJECT', 'MAIL', 'ENDS', 'BY', 'REASON'];
async function suspensionRows(all: readonly Suspension[], names: Names): Promise<string[][]> {
  const rows: string[][] = [];
  for (const one of all)
    rows.push([
      one.id,
      await names.project(one.filter.project),
      await inWords(one.filter, names),
      endOf(one) === null ? 'when resumed' : inSeconds(one.expiresAt),
      one.actor,
      one.reason,
    ]);
  return rows;
}
/** For matching: all of them, and where a held recipient goes when it is released. */
function suspendedBy(known: Suspensions, { row, message }: DueRecipient, now: number): Suspension | null {
  return (
    known.match({ row: { ...row, lane: row.domain }, message }, now) ?? known.match({ row, message }, now)
  );
}
/** How much of a lane is suspended; `first`: what waits there and is tried first. null: nothing that is known of. */
function suspendedIn(
  { project, lane }: LaneSummary,
  first: DueRecipient | undefined,
  suspensions: readonly Suspension[],
  known: Suspensions,
  now: number,
): 'all' | 'some' | null {
  const isWhole = ({ filter }: Suspension): boolean => {
    if (filter.project !== null && filter.project !== project) return false;
    if (lane === HELD_LANES.suspended) return true;
    const { lane: site = lane, domain = lane, sender, sentWith, acceptedBefore } = filter;
    const isOfSome = [sender, sentWith, acceptedBefore].some((part) => part !== undefined);
    return site === lane && domain.toLowerCase() === lane && !isOfSome;
  };
  if (suspensions.some(isWhole)) return 'all';
  return first !== undefined && suspendedBy(known, first, now) !== null ? 'some' : null;
}

async function lanes({ read, project, filter, limit, cursor }: QueueListOptions): Promise<Shown> {
  const now = Date.now();
  const suspensions = await inForce({ read, project }, now);
  const known = createSuspensions();
  known.load(suspensions);
  const keyOf = (one: { project: string; lane: string }) => `${one.project} ${one.lane}`;
  const all = (await read.lanes('all')).filter(
    (one) =>
      (project === null || one.project === project) &&
      (filter.lane === undefined || one.lane === filter.lane),
  );
  const from = cursor === null ? '' : Buffer.from(cursor, 'base64url').toString('utf8');
  const rest = all.filter((one) => keyOf(one) > from).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const shown = rest.slice(0, limit);
  const left = rest.length - shown.length;
  const names = namesIn(read);
  /** The recipient that is tried first. */
  async function firstIn({ project: of, lane }: LaneSummary): Promise<DueRecipient | undefined> {
    return (await read.waiting({ project: of, lane }, { limit: 1, cursor: null })).items[0];
  }
  const items: (Omit<LaneSummary, 'nextDue'> & {
    project_name: string;
    next_due_at: string;
    reason: string;
    suspended: 'all' | 'some' | null;
  })[] = [];
  for (const one of shown) {
    const first = await firstIn(one);
    const { nextDue, ...lane } = one;
    items.push({
      ...lane,
      project_name: await names.project(one.project),
      next_due_at: time(nextDue),
      reason: first === undefined ? '' : reasonOf(first.row, false),
      suspended: suspendedIn(one, first, suspensions, known, now),
    });
  }
  const isMarked = suspensions.length > 0;
  return {
    items,
    columns: [
      ...['PROJECT', 'SITE', 'QUEUED', 'DEFERRED', 'HELD', 'NEXT TRY'],
      ...(isMarked ? ['SUSPENDED'] : []),
      'REASON',
    ],
    rows: items.map((one) => [
      one.project_name,
      one.lane,
      String(one.queued),
      String(one.deferred),
      String(one.held),
      inSeconds(Date.parse(one.next_due_at)),
      ...(isMarked ? [one.suspended ?? ''] : []),
      one.reason,
    ]),
    empty: 'no mail waits',
    below: isMarked ? await suspensionsBelow(suspensions, limit, names) : '',
    leftOut: `${count(left)} of ${count(all.length)} lanes`,
    cursor: left === 0 ? null : Buffer.from(keyOf(shown.at(-1)!)).toString('base64url'),
  };
}
async function suspensionsBelow(all: readonly Suspension[], limit: number, names: Names): Promise<string> {
  const shown = all.slice(0, limit);
  const more =
    shown.length === all.length
      ? ''
      : `and ${count(all.length - shown.length)} more: hikyaku queue suspensions\n`;
  return `\nsuspensions in force:\n${table(SUSPENSION_COLUMNS, await suspensionRows(shown, names))}${more}`;
}
async function recipients(options: QueueListOptions): Promise<Shown> {
  const { read, project, filter, limit, signal } = options;
  using progress = showProgress('queue show');
  const found: DueRecipient[] = [];
  let [cursor, looked] = [options.cursor, 0];
  const depth = filter.lane === undefined ? await read.depth(project) : null;
  const total = depth === null ? null : depth.queued + depth.deferred + depth.held;
  do {
    const page = await read.waiting(filter, { limit: Math.min(500, limit - found.length), cursor });
    signal.throwIfAborted();
    found.push(...page.items);
    looked += page.lookedAt ?? page.items.length;
    cursor = page.nextCursor;
    progress.report({
      done: looked,
      total: total === null ? null : Math.max(total, looked),
      unit: 'recipients',
    });
    await new Promise<void>((resolve) => setImmediate(resolve));
  } while (cursor !== null && found.length < limit);
  const leftOut = (of: string) =>
    isLookedThrough(filter) ? `the rest; ${count(looked)}${of} were read` : `the rest${of}`;
  const names = namesIn(read);
  const now = Date.now();
  const suspensions = await inForce(options, now);
  const known = createSuspensions();
  known.load(suspensions);
  async function show({ row, message }: DueRecipient) {
    const stop = suspendedBy(known, { row, message }, now);
    return {
      id: row.id,
      project: row.projectId,
      project_name: await names.project(row.projectId),
      site: row.lane,
      state: row.state,
      address: row.address,
      sender: message.mailFrom,
      message: message.id,
      attempts: row.attempts,
      next_attempt_at: time(row.nextAttemptAt ?? 0),
      reason: reasonOf(row, false),
      suspension: stop === null ? null : { id: stop.id, ends_at: endOf(stop) },
    };
  }
  const items: Awaited<ReturnType<typeof show>>[] = [];
  for (const one of found) items.push(await show(one));
  const isMarked = suspensions.length > 0;
  const markOf = ({ suspension }: (typeof items)[number]): string => {
    if (suspension === null) return '';
    const { ends_at: end } = suspension;
    return end === null ? 'until resumed' : `until ${inSeconds(Date.parse(end))}`;
  };
  return {
    items,
    columns: [
      ...['PROJECT', 'STATE', 'RECIPIENT', 'SENDER', 'MESSAGE', 'TRIES', 'NEXT TRY'],
      ...(isMarked ? ['SUSPENDED'] : []),
      'REASON',
    ],
    rows: items.map((one) => [
      one.project_name,
      one.state,
      one.address,
      one.sender === '' ? '<>' : one.sender,
      one.message,
      String(one.attempts),
      inSeconds(Date.parse(one.next_attempt_at)),
      ...(isMarked ? [markOf(one)] : []),
      one.reason,
    ]),
    empty: 'no recipient waits that the filter means',
    leftOut: leftOut(total === null ? '' : ` of ${count(Math.max(total, looked))} recipients that wait`),
    cursor,
  };
}
async function suspensions({ read, project, limit, cursor }: QueueListOptions): Promise<Shown> {
  const all = await inForce({ read, project }, Date.now());
  const rest = all.filter(({ id }) => id > (cursor ?? ''));
  const shown = rest.slice(0, limit);
  const left = rest.length - shown.length;
  return {
    items: shown.map((one) => ({ ...one, ends_at: endOf(one) })),
    columns: SUSPENSION_COLUMNS,
    rows: await suspensionRows(shown, namesIn(read)),
    empty: 'nothing is suspended',
    leftOut: `${count(left)} of ${count(all.length)} suspensions`,
    cursor: left === 0 ? null : shown.at(-1)!.id,
  };
}
async function operations({ read, project, limit, cursor: from }: QueueListOptions): Promise<Shown> {
  const found = [];
  let cursor = from;
  do {
    const page = await read.operations({ limit: Math.min(500, limit - found.length), cursor }, project);
    found.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null && found.length < limit);
  const names = namesIn(read);
  const rows: string[][] = [];
  for (const { at, action, changed, filter, actor } of found)
    rows.push([
      inSeconds(at),
      action,
      String(changed),
      await names.project(filter.project),
      await inWords(filter, names),
      actor,
    ]);
  return {
    items: found,
    columns: ['AT', 'ACTION', 'CHANGED', 'PROJECT', 'MAIL', 'BY'],
    rows,
    empty: 'nobody has changed the queue by hand',
    leftOut: 'older ones',
    cursor,
  };
}
