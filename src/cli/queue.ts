/** `hikyaku queue`: shows what waits and why, read from the store. The running service makes changes. */
import { FILTER_NAMES, LONGEST_SUSPENSION_MS, toFilter } from '../api/queue-request.ts';
import { timeOf } from '../api/times.ts';
import { type Config, loadConfig } from '../config/config.ts';
import type { Project } from '../iam/projects.ts';
import { type ProjectId, parseId } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { openMadeStore } from '../stores.ts';
import { terminalOf } from './confirm.ts';
import { type Answer, askService } from './control-client.ts';
import { projectNamed } from './find-project.ts';
import { withProgress } from './progress.ts';
import { type Change, changeQueue } from './queue-change.ts';
import { isQueueList, printQueueList } from './queue-lists.ts';
import { type CommandContext, parseOptions, UsageError } from './usage.ts';

const OPTIONS = {
  project: { type: 'string' },
  site: { type: 'string' },
  domain: { type: 'string' },
  sender: { type: 'string' },
  'older-than': { type: 'string' },
  state: { type: 'string' },
  all: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  reason: { type: 'string' },
  for: { type: 'string' },
  until: { type: 'string' },
  'until-resumed': { type: 'boolean' },
  id: { type: 'string' },
  yes: { type: 'boolean' },
  limit: { type: 'string' },
  cursor: { type: 'string' },
  json: { type: 'boolean' },
} as const;
type OptionName = keyof typeof OPTIONS;
type Options = ReturnType<typeof parseOptions<typeof OPTIONS>>;
/** Filters that apply to recipients, not to lanes. */
const BY_RECIPIENT = ['domain', 'sender', 'older-than', 'state'] as const;
const FILTERS = ['project', 'site', ...BY_RECIPIENT] as const;
/** A suspension holds mail of every state. */
const OF_SUSPENSIONS = ['project', 'site', 'domain', 'sender', 'older-than'] as const;
const PAGE = ['limit', 'cursor', 'json'] as const;
const CHANGE = ['all', 'dry-run', 'reason', 'json'] as const;
/** What each action takes. An option that an action would ignore is refused: it may be meant to spare something. */
const TAKES = {
  list: ['project', 'site', ...PAGE],
  show: [...FILTERS, ...PAGE],
  retry: [...FILTERS, ...CHANGE],
  cancel: [...FILTERS, ...CHANGE, 'yes'],
  bounce: [...FILTERS, ...CHANGE, 'yes'],
  suspend: [...OF_SUSPENSIONS, ...CHANGE, 'yes', 'for', 'until', 'until-resumed'],
  resume: [...OF_SUSPENSIONS, ...CHANGE, 'id'],
  suspensions: ['project', ...PAGE],
  log: ['project', ...PAGE],
} as const satisfies Record<string, readonly OptionName[]>;
type Action = keyof typeof TAKES;
/** These need a filter or --all. */
const NEEDS_OBJECT: ReadonlySet<Action> = new Set(['cancel', 'bounce', 'suspend']);
const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90m`, `2h`, `3d`, `30s` in ms. Throws UsageError. */
export function parseDuration(text: string): number {
  const match = /^([1-9]\d{0,6})([smhd])$/.exec(text);
  if (match === null) throw new UsageError(`not a duration: ${text} (use 30s, 90m, 2h or 3d)`);
  return Number(match[1]) * UNITS[match[2]!]!;
}
const listed = (names: readonly string[]) => names.map((name) => `--${name}`).join(', ');

function actionOf(name: string): Action {
  if (!Object.hasOwn(TAKES, name))
    throw new UsageError(`no such action: ${name}; there are ${Object.keys(TAKES).join(', ')}`);
  return name as Action;
}
const filtersOf = (action: Action) =>
  FILTERS.filter((name) => (TAKES[action] as readonly OptionName[]).includes(name));

/** Throws UsageError unless the options fit the action and each other. */
function checkOptions(action: Action, options: Options): void {
  const given = Object.keys(options) as OptionName[];
  // A variable of a script that is not set must not widen what the command acts on.
  for (const name of given)
    if (options[name] === '') throw new UsageError(`--${name} is empty: give a value, or leave it out`);
  const unknown = given.filter((name) => !(TAKES[action] as readonly OptionName[]).includes(name));
  if (action === 'list' && unknown.some((name) => (BY_RECIPIENT as readonly string[]).includes(name)))
    throw new UsageError(`queue list shows lanes: ${listed(BY_RECIPIENT)} work only with queue show`);
  if ((action === 'suspend' || action === 'resume') && unknown.includes('state'))
    throw new UsageError(`queue ${action} takes no --state: a suspension holds mail of every state`);
  if (unknown.length > 0)
    throw new UsageError(`queue ${action} takes no ${listed(unknown)}; it takes ${listed(TAKES[action])}`);
  if (options.state !== undefined && !/^(queued|deferred|held)$/.test(options.state))
    throw new UsageError('--state is queued, deferred or held');
  if (options.limit !== undefined && !/^[1-9]\d{0,5}$/.test(options.limit))
    throw new UsageError('--limit is a whole number');
  const filters = FILTERS.filter((name) => options[name] !== undefined);
  if (options.all === true && filters.length > 0)
    throw new UsageError(
      `--all means everything that waits, of all projects; with ${listed(filters)} leave it out`,
    );
  if (options.id !== undefined && (options.all === true || filters.length > 0))
    throw new UsageError('--id names one suspension; leave out --all and the filters');
  if (options.id !== undefined && parseId<'suspension'>(options.id) === null)
    throw new UsageError(
      `--id ${options.id} is not the id of a suspension; \`hikyaku queue suspensions\` lists the ids`,
    );
  const isNamed = filters.length > 0 || options.all === true;
  if (NEEDS_OBJECT.has(action) && !isNamed)
    throw new UsageError(
      `queue ${action} needs a filter (${listed(filtersOf(action))}), or --all for everything that waits, of all projects`,
    );
  if (action === 'resume' && options.id === undefined && !isNamed)
    throw new UsageError(
      'queue resume needs --id, a filter or --all; `hikyaku queue suspensions` lists the ids and filters',
    );
  const ends = (['for', 'until', 'until-resumed'] as const).filter((name) => options[name] !== undefined);
  if (ends.length > 1) throw new UsageError(`of ${listed(ends)} only one can say when the suspension ends`);
}
const ENDLESS = '--until-resumed sets no end';
function untilOf(options: Options): { readonly until?: string | null } {
  if (options['until-resumed'] === true) return { until: null };
  const now = Date.now();
  if (options.for !== undefined) {
    const ms = parseDuration(options.for);
    if (ms > LONGEST_SUSPENSION_MS)
      throw new UsageError(`--for ${options.for} is too long: a suspension lasts 366d at most; ${ENDLESS}`);
    return { until: new Date(now + ms).toISOString() };
  }
  if (options.until === undefined) return {};
  const end = endOf(options.until);
  if (end <= now)
    throw new UsageError(`--until ${options.until} is in the past: give a time in the next 366 days`);
  if (end > now + LONGEST_SUSPENSION_MS)
    throw new UsageError(
      `--until ${options.until} is too far ahead: a suspension ends within 366 days; ${ENDLESS}`,
    );
  return { until: new Date(end).toISOString() };
}
function endOf(until: string): number {
  try {
    return timeOf(until, '--until');
  } catch {
    throw new UsageError('--until needs a time with a zone, such as 2026-12-24T18:00:00+09:00');
  }
}
/** A name of a filter is only looked at here; the service reads it. Throws UsageError. */
function checkName(name: keyof typeof FILTER_NAMES, text: string | undefined): void {
  const { read, wrong } = FILTER_NAMES[name];
  if (text !== undefined && read(text) === null) throw new UsageError(`--${name} ${text} ${wrong}`);
}
/** Throws UsageError. */
function filterOf(options: Options): NonNullable<Change['filter']> {
  const { site, domain, sender, state, 'older-than': older } = options;
  checkName('site', site);
  checkName('domain', domain);
  checkName('sender', sender);
  return {
    ...(site === undefined ? {} : { site }),
    ...(domain === undefined ? {} : { domain }),
    ...(sender === undefined ? {} : { sender }),
    ...(state === undefined ? {} : { state: state as 'queued' | 'deferred' | 'held' }),
    ...(older === undefined
      ? {}
      : { accepted_before: new Date(Math.max(0, Date.now() - parseDuration(older))).toISOString() }),
  };
}
async function projectOf(
  config: Config,
  text: string | undefined,
  signal: AbortSignal,
): Promise<Project | null> {
  if (text === undefined) return null;
  await using store = await openMadeStore(config, silentLogger, signal);
  return await projectNamed(store.read, text);
}

export async function run(args: readonly string[], { env, signal }: CommandContext): Promise<number> {
  const [name = 'list', ...rest] = args[0]?.startsWith('-') === false ? args : ['list', ...args];
  const action = actionOf(name);
  const options = parseOptions(rest, OPTIONS);
  checkOptions(action, options);
  const filter = filterOf(options);
  const until = untilOf(options);
  const config = loadConfig(env);
  const named = await projectOf(config, options.project, signal);
  const project = named?.id ?? null;
  if (isQueueList(action)) {
    await using store = await openMadeStore(config, silentLogger, signal);
    await printQueueList(action, {
      read: store.read,
      project,
      filter: toFilter(project, filter),
      limit: Number(options.limit ?? 50),
      cursor: options.cursor ?? null,
      json: options.json === true,
      signal,
    });
    return 0;
  }
  const change: Change = {
    action: action as Change['action'],
    ...(Object.keys(filter).length === 0 ? {} : { filter }),
    ...(options.all === true ? { all: true } : {}),
    dry_run: options['dry-run'] ?? false,
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...until,
    ...(options.id === undefined ? {} : { suspension: options.id }),
  };
  return await changeQueue(change, {
    ask: (request) => ask(config, project, request, signal),
    project: named?.name ?? null,
    json: options.json === true,
    terminal: options.yes === true ? null : terminalOf(),
    signal,
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  });
}
async function ask(
  config: Config,
  project: ProjectId | null,
  request: Change,
  signal: AbortSignal,
): Promise<Answer> {
  const answer = await withProgress(`queue ${request.action}`, signal, (watch) =>
    askService({
      directory: config.dataDir,
      path: project === null ? '/queue' : `/queue?project=${project}`,
      request,
      ended: 'the service stopped before it answered: `hikyaku queue log` shows what it did',
      ...watch,
    }),
  );
  if (answer === null)
    throw new Error(
      `no service runs with the data directory ${config.dataDir}: nothing was changed; start the service (hikyaku serve), or set HIKYAKU_DATA_DIR to its data directory`,
    );
  return answer;
}
