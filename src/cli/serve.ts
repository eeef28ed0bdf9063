/**
 * `hikyaku serve`: runs the service until SIGINT or SIGTERM. If the embedded store is empty, it makes the
 * sandbox project first.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectLines } from '../api/connect.ts';
import { hasConsole } from '../api/console-files.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { parseDomain } from '../mail/domain.ts';
import { systemClock } from '../runtime/clock.ts';
import { type Logger, silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { openSealer } from '../secret-key.ts';
import { createLogger, type RunningService, startService } from '../service.ts';
import { openStore } from '../stores.ts';
import { operatorNotice } from './operator-words.ts';
import { type SetUp, setUp } from './setup.ts';
import { type CommandContext, parseOptions } from './usage.ts';

export async function run(args: readonly string[], { env, signal }: CommandContext): Promise<number> {
  parseOptions(args, {});
  const config = loadConfig(env);
  const logger = createLogger(config);
  const fenced = new AbortController();
  const stop = AbortSignal.any([signal, fenced.signal]);
  try {
    await serve(config, logger, stop, () => fenced.abort());
  } catch (error) {
    if (!stop.aborted || !isReason(error, stop.reason)) throw error;
    logger.info({}, 'stopped before it was ready');
  }
  // The supervisor of this process restarts it after a failure; the new process joins as a new member.
  return fenced.signal.aborted ? 1 : 0;
}
/** Also if something else failed on the way out. */
function isReason(error: unknown, reason: unknown): boolean {
  return error === reason || (error instanceof SuppressedError && isReason(error.suppressed, reason));
}

async function serve(config: Config, logger: Logger, stop: AbortSignal, fenced: () => void): Promise<void> {
  const sandbox = await firstStart(config, stop);
  await using service = await startService(config, logger, stop, { fenced });
  const { http, mx, submission, submissions, dns, metrics } = service;
  const optional = Object.entries({ dns, metrics }).filter(([, address]) => address !== '');
  logger.info({ http, mx, submission, submissions, ...Object.fromEntries(optional) }, 'ready');
  process.stderr.write(banner(service));
  if (sandbox !== null) {
    process.stderr.write(welcome(sandbox, service));
    rmSync(untoldFile(config), { force: true });
  }
  if (!hasConsole()) process.stderr.write(NO_CONSOLE);
  process.stderr.write(operatorNotice(service.operator, service.signInUrl));
  if (!stop.aborted) {
    // The listeners keep the process alive; this promise only tells when to stop.
    await new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }));
  }
  logger.info({}, 'stopping');
}

const NO_CONSOLE = `
The console is not built, so nobody can sign in to it. In a checkout, \`npm ci\` (without --omit=dev) and \`npm start\`
build it. The package contains it. The API and the commands work without it.
`;
/** This file exists while the first mail of a new sandbox has not been shown, because the start failed. */
const untoldFile = (config: Config) => join(config.dataDir, 'first-mail-untold');

/** Makes the sandbox in an empty embedded store, before anything listens; null if there are projects. */
async function firstStart(config: Config, signal: AbortSignal): Promise<SetUp | null> {
  if (config.store.kind !== 'sqlite') return null;
  await using store = await openStore(config, silentLogger, true, signal);
  const { items } = await store.read.projects({ limit: 1, cursor: null });
  if (items.length > 0 && !existsSync(untoldFile(config))) return null;
  writeFileSync(untoldFile(config), '', { mode: 0o600 });
  const deps = {
    read: store.read,
    transactor: store,
    sealer: await openSealer(config, store),
    clock: systemClock,
    random: createRandom(),
  };
  return await setUp(deps, {
    project: 'sandbox',
    sandbox: true,
    domain: parseDomain('sandbox.test')!,
    verified: true,
    delegated: false,
    role: 'admin',
  });
}

/** The URL for people may belong to a proxy, so this also says where the process itself listens. */
function banner({ url, listeningUrl, mx, submission, submissions, connect }: RunningService): string {
  return `
Hikyaku is running: ${url}/
It listens at:
  ${listeningUrl}  (console and API)
  ${mx}  (mail from the Internet)
  ${submissions}  (submission, implicit TLS)
  ${submission}  (submission, STARTTLS)
Programs connect here to send:
${connectLines(connect)
  .map((line) => `  ${line}\n`)
  .join('')}`;
}

function welcome({ ready }: SetUp, service: RunningService): string {
  const { id, secret } = ready!.key;
  // The lines are for this machine, where a public URL may lead elsewhere or nowhere.
  const base = service.listeningUrl;
  // On this machine the certificate's name is not the address that is called.
  const curl = base.startsWith('https:') ? 'curl -sS -k' : 'curl -sS';
  const body = JSON.stringify({
    procedure: 'send_message',
    arguments: {
      self: `${service.url}/mta/v1/domains/${ready!.domain.id}`,
      from: ['me@sandbox.test'],
      to: ['you@sandbox.test'],
      subject: 'First mail',
      content_type: 'text/plain; charset=UTF-8',
      body: 'Hello from Hikyaku!\n',
    },
  });
  const port = service.submissions.slice(service.submissions.lastIndexOf(':') + 1);
  return `The API's documents: ${base}/docs
The service made a sandbox project with the domain sandbox.test. Its mail stays on this machine. To send a first mail by
HTTP, paste this:

${curl} -u '${id}:${secret}' -H 'Content-Type: application/json' -d '${body}' '${base}/mta/v1/tasks?is_sync=true'

To send one by SMTP, paste this:

printf 'From: me@sandbox.test\\r\\nTo: you@sandbox.test\\r\\nSubject: First mail by SMTP\\r\\n\\r\\nHello!\\r\\n' | curl -sS -k --url smtps://127.0.0.1:${port} --user '${id}:${secret}' --mail-from me@sandbox.test --mail-rcpt you@sandbox.test -T -

To see what arrived:

  ${curl} -u '${id}:${secret}' '${base}/edj/v1/topics/${ready!.topic.id}/events?full=true'

The key is shown only now. \`hikyaku bootstrap\` makes new keys.
`;
}
