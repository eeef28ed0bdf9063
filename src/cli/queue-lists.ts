/**
 * The lists of `hikyaku queue`: lanes, waiting recipients, suspensions, and the log of manual operations. The
 * command reads them from the store; the service may keep running. Invariants: it prints at most `limit`
 * items; if there are more, stderr says so and gives the `--cursor` to continue with; a search that finds
 * nothing shows its progress and can be interrupted.
 */
import { endOf, showFilter } from '../api/queue-request.ts';
import { reasonOf } from '../delivery/reason.ts';
import type { DomainReader } from '../domains/mta-domains.ts';
import type { IamReader } from '../iam/projects.ts';
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import type { DueRecipient, LaneSummary, SpoolReader, WaitingFilter } from '../spool/messages.ts';
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
  const { items, columns, rows, empty, leftOut, cursor } = await LISTS[list](options);
  if (options.json) process.stdout.write(`${JSON.stringify(items)}\n`);
  else process.stdout.write(rows.length === 0 ? `${empty}\n` : table(columns, rows, NUMBERS));
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

async function lanes({ read, project, filter, limit, cursor }: QueueListOptions): Promise<Shown> {
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
  /** The reason of the recipient that is tried first. */
  async function reasonIn({ project: of, lane }: LaneSummary): Promise<string> {
    const { items } = await read.waiting({ project: of, lane }, { limit: 1, cursor: null });
    return items[0] === undefined ? '' : reasonOf(items[0].row, false);
  }
  const items: (Omit<LaneSummary, 'nextDue'> & {
    project_name: string;
    next_due_at: string;
    reason: string;
  })[] = [];
  for (const one of shown) {
    const { nextDue, ...lane } = one;
    items.push({
      ...lane,
      project_name: await names.project(one.project),
      next_due_at: time(nextDue),
      reason: await reasonIn(one),
    });
  }
  return {
    items,
    columns: ['PROJECT', 'SITE', 'QUEUED', 'DEFERRED', 'HELD', 'NEXT TRY', 'REASON'],
    rows: items.map((one) => [
      one.project_name,
      one.lane,
      String(one.queued),
      String(one.deferred),
      String(one.held),
      inSeconds(Date.parse(one.next_due_at)),
      one.reason,
    ]),
    empty: 'no mail waits',
    leftOut: `${count(left)} of ${count(all.length)} lanes`,
    cursor: left === 0 ? null : Buffer.from(keyOf(shown.at(-1)!)).toString('base64url'),
  };
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
  const items = [];
  for (const { row, message } of found)
    items.push({
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
    });
  return {
    items,
    columns: ['PROJECT', 'STATE', 'RECIPIENT', 'SENDER', 'MESSAGE', 'TRIES', 'NEXT TRY', 'REASON'],
    rows: items.map((one) => [
      one.project_name,
      one.state,
      one.address,
      one.sender === '' ? '<>' : one.sender,
      one.message,
      String(one.attempts),
      inSeconds(Date.parse(one.next_attempt_at)),
      one.reason,
    ]),
    empty: 'no recipient waits that the filter means',
    leftOut: leftOut(total === null ? '' : ` of ${count(Math.max(total, looked))} recipients that wait`),
    cursor,
  };
}
async function suspensions({ read, project, limit, cursor }: QueueListOptions): Promise<Shown> {
  const now = Date.now();
  const all = (await read.suspensions()).filter(
    (one) => (project === null || one.filter.project === project) && one.expiresAt > now,
  );
  const rest = all.filter(({ id }) => id > (cursor ?? ''));
  const shown = rest.slice(0, limit);
  const left = rest.length - shown.length;
  const names = namesIn(read);
  const rows: string[][] = [];
  for (const one of shown)
    rows.push([
      one.id,
      await names.project(one.filter.project),
      await inWords(one.filter, names),
      endOf(one) === null ? 'when resumed' : inSeconds(one.expiresAt),
      one.actor,
      one.reason,
    ]);
  return {
    items: shown.map((one) => ({ ...one, ends_at: endOf(one) })),
    columns: ['ID', 'PROJECT', 'MAIL', 'ENDS', 'BY', 'REASON'],
    rows,
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
