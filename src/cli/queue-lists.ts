/**
 * The lists of `hikyaku queue`: lanes, waiting recipients, suspensions, and the log of manual operations. The
 * command reads them from the store; the service may keep running. Invariants: it prints at most `limit`
 * items; if there are more, stderr says so and gives the `--cursor` to continue with; a search that finds
 * nothing shows its progress and can be interrupted.
 */
import { reasonOf } from '../delivery/reason.ts';
import type { ProjectId } from '../runtime/ids.ts';
import type { DueRecipient, SpoolReader, WaitingFilter } from '../spool/messages.ts';
import { isLookedThrough } from '../spool/waiting.ts';
import { isWaitingCursor } from '../stores.ts';
import { showProgress } from './progress.ts';
import { UsageError } from './usage.ts';

export interface QueueListOptions {
  readonly read: SpoolReader;
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
  readonly items: readonly object[];
  /** null if the items are shown as JSON. */
  readonly line: ((item: object) => string) | null;
  /** In words. */
  readonly leftOut: string;
  /** null if all items are shown. */
  readonly cursor: string | null;
}
const LISTS = { list: lanes, show: recipients, suspensions, log: operations } as const;
export type QueueList = keyof typeof LISTS;
export const isQueueList = (action: string): action is QueueList => Object.hasOwn(LISTS, action);

/** Throws UsageError if the cursor does not belong to this list. */
export async function printQueueList(list: QueueList, options: QueueListOptions): Promise<void> {
  if (options.cursor !== null && !CURSORS[list](options.cursor))
    throw new UsageError(
      `--cursor ${options.cursor} is damaged or belongs to another list: give the cursor that \`queue ${list}\` printed, or none to start from the beginning`,
    );
  const { items, line, leftOut, cursor } = await LISTS[list](options);
  if (options.json || line === null) process.stdout.write(`${JSON.stringify(items)}\n`);
  else for (const item of items) process.stdout.write(`${line(item)}\n`);
  if (cursor !== null) process.stderr.write(`not shown: ${leftOut}; continue with --cursor ${cursor}\n`);
}

const count = (n: number) => n.toLocaleString('en');
const values = (item: object) =>
  Object.values(item)
    .map((value) => (typeof value === 'object' ? JSON.stringify(value) : String(value)))
    .join('  ');

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
  return {
    items: shown.map(({ nextDue, ...lane }) => ({ ...lane, next_due_at: new Date(nextDue).toISOString() })),
    line(item) {
      const { project: id, lane, queued, deferred, held, next_due_at } = item as Record<string, unknown>;
      return `${id}  queued ${queued}  deferred ${deferred}  held ${held}  next ${next_due_at}  ${lane}`;
    },
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
  return {
    items: found.map(({ row, message }) => ({
      id: row.id,
      project: row.projectId,
      site: row.lane,
      state: row.state,
      address: row.address,
      sender: message.mailFrom,
      message: message.id,
      attempts: row.attempts,
      next_attempt_at: new Date(row.nextAttemptAt ?? 0).toISOString(),
      reason: reasonOf(row, false),
    })),
    line: values,
    leftOut: leftOut(total === null ? '' : ` of ${count(Math.max(total, looked))} recipients that wait`),
    cursor,
  };
}
async function suspensions({ read, project, limit, cursor }: QueueListOptions): Promise<Shown> {
  const all = (await read.suspensions()).filter((one) => project === null || one.filter.project === project);
  const rest = all.filter(({ id }) => id > (cursor ?? ''));
  const shown = rest.slice(0, limit);
  const left = rest.length - shown.length;
  return {
    items: shown,
    line: null,
    leftOut: `${count(left)} of ${count(all.length)} suspensions`,
    cursor: left === 0 ? null : shown.at(-1)!.id,
  };
}
async function operations({ read, project, limit, cursor: from }: QueueListOptions): Promise<Shown> {
  const items: object[] = [];
  let cursor = from;
  do {
    const page = await read.operations({ limit: Math.min(500, limit - items.length), cursor }, project);
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null && items.length < limit);
  return { items, line: null, leftOut: 'older ones', cursor };
}
