/** `hikyaku queue`: shows what waits and why, read from the store. The running service makes changes. */
import { toFilter } from '../api/mta-queues.ts';
import { loadConfig } from '../config/config.ts';
import { parseId } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { openMadeStore } from '../stores.ts';
import { askService, detailOf } from './control-client.ts';
import { withProgress } from './progress.ts';
import { isQueueList, printQueueList } from './queue-lists.ts';
import { type CommandContext, parseOptions, UsageError } from './usage.ts';

const ACTIONS = [
  'list',
  'show',
  'retry',
  'cancel',
  'bounce',
  'suspend',
  'resume',
  'suspensions',
  'log',
] as const;
const OPTIONS = {
  project: { type: 'string' },
  site: { type: 'string' },
  domain: { type: 'string' },
  sender: { type: 'string' },
  'older-than': { type: 'string' },
  state: { type: 'string' },
  'dry-run': { type: 'boolean' },
  reason: { type: 'string' },
  for: { type: 'string' },
  id: { type: 'string' },
  limit: { type: 'string' },
  cursor: { type: 'string' },
  json: { type: 'boolean' },
} as const;
/** Filters that apply to recipients, not to lanes. */
const BY_RECIPIENT = new Set(['domain', 'sender', 'older-than', 'state']);
const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90m`, `2h`, `3d`, `30s` in ms. Throws UsageError. */
export function parseDuration(text: string): number {
  const match = /^([1-9]\d{0,6})([smhd])$/.exec(text);
  if (match === null) throw new UsageError(`not a duration: ${text} (use 30s, 90m, 2h or 3d)`);
  return Number(match[1]) * UNITS[match[2]!]!;
}

export async function run(args: readonly string[], { env, signal }: CommandContext): Promise<number> {
  const [action = 'list', ...rest] = args[0]?.startsWith('-') === false ? args : ['list', ...args];
  if (!(ACTIONS as readonly string[]).includes(action))
    throw new UsageError(`no such action: ${action}; there are ${ACTIONS.join(', ')}`);
  const options = parseOptions(rest, OPTIONS);
  const project = options.project === undefined ? null : parseId<'project'>(options.project);
  if (options.project !== undefined && project === null)
    throw new UsageError('--project needs the id of a project');
  if (options.state !== undefined && !/^(queued|deferred|held)$/.test(options.state))
    throw new UsageError('--state is queued, deferred or held');
  if (options.limit !== undefined && !/^[1-9]\d{0,5}$/.test(options.limit))
    throw new UsageError('--limit is a whole number');
  if (action === 'list' && Object.keys(options).some((name) => BY_RECIPIENT.has(name)))
    throw new UsageError(
      `queue list shows lanes: ${[...BY_RECIPIENT].map((name) => `--${name}`).join(', ')} work only with queue show`,
    );
  if (action === 'resume' && options.id === undefined)
    throw new UsageError('queue resume needs --id; `hikyaku queue suspensions` lists the ids');
  const filter = {
    site: options.site,
    domain: options.domain,
    sender: options.sender,
    state: options.state as 'queued' | 'deferred' | 'held' | undefined,
    accepted_before:
      options['older-than'] === undefined
        ? undefined
        : new Date(Date.now() - parseDuration(options['older-than'])).toISOString(),
  };
  const config = loadConfig(env);
  if (isQueueList(action)) {
    await using store = await openMadeStore(config, silentLogger);
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
  const request = {
    action,
    filter: JSON.parse(JSON.stringify(filter)),
    dry_run: options['dry-run'] ?? false,
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(options.for === undefined
      ? {}
      : { expires_at: new Date(Date.now() + parseDuration(options.for)).toISOString() }),
    ...(options.id === undefined ? {} : { suspension: options.id }),
  };
  const answer = await withProgress(`queue ${action}`, signal, (watch) =>
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
  if (answer.status !== 200) {
    process.stderr.write(`${detailOf(answer)}\n`);
    return 1;
  }
  process.stdout.write(`${JSON.stringify(answer.json)}\n`);
  return 0;
}
