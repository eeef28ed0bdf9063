/**
 * `hikyaku secret-key check|replace`: tells whether the secret key of this configuration is the key of the store,
 * and replaces what a lost key has sealed. `replace` lists first what is lost, and asks. No service may run on
 * the store meanwhile. The exit status of `check` is 1 unless the key opens everything.
 */
import { createInterface } from 'node:readline/promises';
import { type Config, loadConfig } from '../config/config.ts';
import { keyRecord } from '../domains/delegation.ts';
import { signInUrl } from '../iam/links.ts';
import { createProjectEvents } from '../intake/project-events.ts';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { createSealer } from '../runtime/sealing.ts';
import { acceptLoss, type Replaced } from '../sealed/accept-loss.ts';
import { judgeKey } from '../sealed/judge-key.ts';
import { type Lost, tryAll } from '../sealed/try-all.ts';
import { makeKey, missingKey, nameOf, presentKey, wrongKey } from '../secret-key.ts';
import { keepServicesOut, openMadeStore } from '../stores.ts';
import { type CommandContext, parseWordsAndOptions, UsageError } from './usage.ts';

export async function run(args: readonly string[], { env, signal }: CommandContext): Promise<number> {
  const { words, options } = parseWordsAndOptions(args, {
    yes: { type: 'boolean' },
    json: { type: 'boolean' },
  });
  const [action, ...rest] = words;
  if ((action !== 'check' && action !== 'replace') || rest.length > 0)
    throw new UsageError('one of these is needed: check, replace');
  if (options.yes === true && action === 'check') throw new UsageError('--yes is for replace');
  const config = loadConfig(env);
  const json = options.json === true;
  return action === 'check' ? check(config, json) : replace(config, json, options.yes === true, signal);
}

async function check(config: Config, json: boolean): Promise<number> {
  await using store = await openMadeStore(config, silentLogger);
  const present = presentKey(config);
  const judgement =
    present === null ? ({ kind: 'missing' } as const) : await judgeKey(store.read, createSealer(present.key));
  if (json) process.stdout.write(`${JSON.stringify({ key: judgement.kind })}\n`);
  switch (judgement.kind) {
    case 'right':
      if (!json) process.stdout.write(`${nameOf(config, present!)} is the secret key of this store\n`);
      return 0;
    case 'partly':
      process.stderr.write(
        `${nameOf(config, present!)} does not open ${judgement.unreadable} secrets of this store, which another key has sealed: \`hikyaku secret-key replace\` replaces them\n`,
      );
      return 1;
    case 'wrong':
      process.stderr.write(`${wrongKey(config, present!).message}\n`);
      return 1;
    case 'missing':
      process.stderr.write(`${missingKey(config).message}\n`);
      return 1;
  }
}

async function replace(config: Config, json: boolean, yes: boolean, signal: AbortSignal): Promise<number> {
  await using store = await openMadeStore(config, silentLogger);
  // No service may start with the old key while this command asks.
  await using _ = await keepServicesOut(config);
  const { read } = store;
  const before = presentKey(config);
  const key = before?.key ?? null;
  if (key !== null && (await judgeKey(read, createSealer(key))).kind === 'right') {
    if (json) process.stdout.write(`${JSON.stringify({ replaced: false })}\n`);
    process.stderr.write(
      `${nameOf(config, before!)} is the secret key of this store: nothing is lost, and nothing was changed\n`,
    );
    return 0;
  }
  // Without a key, a key that nobody has opens nothing: everything is lost.
  const { lost } = await tryAll(read, createSealer(key ?? createRandom().bytes(32)));
  process.stderr.write(listOf(lost));
  if (!yes && !(await agreed(signal))) {
    process.stderr.write('hikyaku secret-key: nothing was changed\n');
    return 1;
  }
  const present = before ?? (await makeKey(config));
  const random = createRandom();
  const replaced = await acceptLoss(
    {
      read,
      transactor: store,
      sealer: createSealer(present.key),
      clock: systemClock,
      random,
      dkimZone: config.dkimZone,
      // The service reads the events from the store when it starts.
      projectEvents: createProjectEvents({ read, clock: systemClock, random, published: () => {} }),
    },
    lost,
  );
  const out = resultOf(config, replaced);
  if (json) process.stdout.write(`${JSON.stringify(out)}\n`);
  else process.stdout.write(textOf(out));
  process.stderr.write(
    `The store now belongs to ${nameOf(config, present)}. Keep a copy of the key apart from the store, and start the service.\n`,
  );
  return 0;
}

/** What is lost, before anything is changed. */
function listOf({ domains, subscribers, accounts, members }: Lost): string {
  const lines = [
    ...domains.map(
      ({ domain, keys }) =>
        `  ${domain.name}: the private DKIM keys ${keys.map(({ selector }) => selector).join(', ')}; new keys are made, and their records must be published`,
    ),
    ...subscribers.map(
      ({ id, projectId, settings }) =>
        `  subscriber ${id} (${String(settings['url'] ?? 'no address')}) of project ${projectId}: its secret; a new one is made, and its hook must learn it`,
    ),
    ...accounts.map(
      ({ name, provider, projectId }) =>
        `  DNS account ${name} (${provider}) of project ${projectId}: its credentials must be given again`,
    ),
    ...members.map(
      ({ email }) =>
        `  ${email}: the one-time codes; without a passkey also the password, and a one-time link is made`,
    ),
    '  all members: their recovery codes; they make new ones',
  ];
  return `The secret key that sealed these is not here. This is lost:\n${lines.join('\n')}\nStatic keys stay valid. Messages and settings are not affected.\n`;
}

async function agreed(signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new UsageError('there is no terminal to ask: --yes accepts the loss that is listed above');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question('Accept this loss? Type yes: ', { signal })).trim() === 'yes';
  } finally {
    lines.close();
  }
}

function resultOf(config: Config, { keys, subscribers, members }: Replaced) {
  return {
    replaced: true,
    dkim_keys: keys.flatMap(({ domain, fresh }) =>
      fresh.map((key) => ({
        project_id: domain.projectId,
        domain: domain.name,
        selector: key.selector,
        record: keyRecord(key, domain.name, config.dkimZone),
      })),
    ),
    subscribers: subscribers.map(({ subscriber, secret }) => ({
      project_id: subscriber.projectId,
      id: subscriber.id,
      removed: secret === null,
      secret,
    })),
    members: members.map(({ member, token }) => ({
      email: member.email,
      sign_in_url: signInUrl(config.publicUrl, token),
    })),
  };
}
function textOf({ dkim_keys: keys, subscribers, members }: ReturnType<typeof resultOf>): string {
  return [
    ...keys.map(({ record }) => `publish     ${record.name}. IN ${record.type} "${record.value}"`),
    ...subscribers.map(({ id, secret }) =>
      secret === null ? `subscriber  ${id}   removed` : `subscriber  ${id}   ${secret}   (shown only now)`,
    ),
    ...members.map(
      ({ email, sign_in_url: url }) => `member      ${email}   ${url}   (works once, within 24 hours)`,
    ),
  ]
    .map((line) => `${line}\n`)
    .join('');
}
