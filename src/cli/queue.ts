/** `hikyaku queue`: what waits and why, read from the store; changes are made by the running service. */
import { request } from 'node:http';
import { join } from 'node:path';
import { CONTROL_SOCKET } from '../api/control.ts';
import { toFilter } from '../api/mta-queues.ts';
import { loadConfig } from '../config/config.ts';
import { reasonOf } from '../delivery/reason.ts';
import { type ProjectId, parseId } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { openStore } from '../stores.ts';
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
  json: { type: 'boolean' },
} as const;
const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90m`, `2h`, `3d`, `30s` in ms. Throws UsageError. */
export function parseDuration(text: string): number {
  const match = /^([1-9]\d{0,6})([smhd])$/.exec(text);
  if (match === null) throw new UsageError(`not a duration: ${text} (use 30s, 90m, 2h or 3d)`);
  return Number(match[1]) * UNITS[match[2]!]!;
}

export async function run(args: readonly string[], { env }: CommandContext): Promise<number> {
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
  const print = (value: unknown) => void process.stdout.write(`${JSON.stringify(value)}\n`);
  if (action === 'list' || action === 'show' || action === 'suspensions' || action === 'log') {
    await using store = await openStore(config, silentLogger, false);
    const limit = Number(options.limit ?? 50);
    if (action === 'suspensions') {
      print(await store.read.suspensions());
    } else if (action === 'log') {
      print((await store.read.operations({ limit: Math.min(limit, 500), cursor: null }, project)).items);
    } else if (action === 'show') {
      const items: object[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<typeof store.read.waiting>> = await store.read.waiting(
          toFilter(project, filter),
          { limit: Math.min(500, limit - items.length), cursor },
        );
        for (const { row, message } of page.items)
          items.push({
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
          });
        cursor = page.nextCursor;
      } while (cursor !== null && items.length < limit);
      if (options.json === true) print(items);
      else for (const item of items) process.stdout.write(`${Object.values(item).join('  ')}\n`);
    } else {
      const matches = (lane: { project: ProjectId; lane: string }) =>
        (project === null || lane.project === project) &&
        (options.site === undefined || lane.lane === options.site);
      const lanes = (await store.read.lanes('all')).filter(matches).map(({ nextDue, ...lane }) => ({
        ...lane,
        next_due_at: new Date(nextDue).toISOString(),
      }));
      if (options.json === true) print(lanes);
      else
        for (const { project: id, lane, queued, deferred, held, next_due_at } of lanes)
          process.stdout.write(
            `${id}  queued ${queued}  deferred ${deferred}  held ${held}  next ${next_due_at}  ${lane}\n`,
          );
    }
    return 0;
  }
  const answer = await ask(join(config.dataDir, CONTROL_SOCKET), project, {
    action,
    filter: JSON.parse(JSON.stringify(filter)),
    dry_run: options['dry-run'] ?? false,
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(options.for === undefined
      ? {}
      : { expires_at: new Date(Date.now() + parseDuration(options.for)).toISOString() }),
    ...(options.id === undefined ? {} : { suspension: options.id }),
  });
  if (answer.status !== 200) {
    process.stderr.write(`${(answer.json as { detail?: string }).detail ?? 'the service refused'}\n`);
    return 1;
  }
  print(answer.json);
  return 0;
}

function ask(
  socketPath: string,
  project: ProjectId | null,
  body: object,
): Promise<{ status: number; json: unknown }> {
  const path = project === null ? '/queue' : `/queue?project=${project}`;
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, method: 'POST' }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 500, json: JSON.parse(text) }));
    });
    call.on('error', (error: NodeJS.ErrnoException) => {
      const absent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
      reject(absent ? new Error('no service runs on this data directory: nothing was changed') : error);
    });
    call.end(JSON.stringify(body));
  });
}
