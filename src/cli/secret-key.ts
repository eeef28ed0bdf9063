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
import { StaleError } from '../runtime/transactor.ts';
import { acceptLoss, finish } from '../sealed/accept-loss.ts';
import { type Made, madeBy } from '../sealed/made.ts';
import { keyCheckOf } from '../sealed/secret-key.ts';
import { type Lost, tryAll } from '../sealed/try-all.ts';
import { makeKey, nameOf, presentKey, verdictOf } from '../secret-key.ts';
import { keepServicesOut, openMadeStore } from '../stores.ts';
import { publicUrlOf } from './own-service.ts';
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
  return action === 'check'
    ? check(config, json, signal)
    : replace(config, json, options.yes === true, signal);
}

async function check(config: Config, json: boolean, signal: AbortSignal): Promise<number> {
  await using store = await openMadeStore(config, silentLogger, signal);
  const { kind, text } = await verdictOf(config, store.read, presentKey(config));
  const isGood = kind === 'right' || kind === 'new';
  if (json) process.stdout.write(`${JSON.stringify({ key: kind })}\n`);
  if (!isGood) process.stderr.write(`${text}\n`);
  else if (!json) process.stdout.write(`${text}\n`);
  return isGood ? 0 : 1;
}

async function replace(config: Config, json: boolean, yes: boolean, signal: AbortSignal): Promise<number> {
  await using store = await openMadeStore(config, silentLogger, signal);
  // No service may start with the old key while this command asks, and no other replacement may run.
  await using _ = await keepServicesOut(config, signal);
  const { read } = store;
  const before = presentKey(config);
  const verdict = await verdictOf(config, read, before);
  if (verdict.kind === 'right' || verdict.kind === 'new') {
    if (json) process.stdout.write(`${JSON.stringify({ replaced: false })}\n`);
    process.stderr.write(`${verdict.text}: nothing is lost, and nothing was changed\n`);
    return 0;
  }
  // Without a key, a key that nobody has opens nothing: everything is lost.
  const sealer = createSealer(before?.key ?? createRandom().bytes(32));
  const { lost } = await tryAll(read, sealer);
  if (verdict.kind === 'unfinished') process.stderr.write(`${verdict.text}.\n`);
  process.stderr.write(listOf(lost, (await read.keyCheck()) !== keyCheckOf(sealer)));
  if (!yes && !(await agreed(signal))) {
    process.stderr.write('hikyaku secret-key: nothing was changed\n');
    return 1;
  }
  const present = before ?? (await makeKey(config));
  const random = createRandom();
  const deps = {
    read,
    transactor: store,
    sealer: createSealer(present.key),
    clock: systemClock,
    random,
    dkimZone: config.dkimZone,
    // The service reads the events from the store when it starts.
    projectEvents: createProjectEvents({ read, clock: systemClock, random, published: () => {} }),
  };
  try {
    const replacement = await acceptLoss(deps, lost);
    const out = resultOf(config, await madeBy(deps, replacement), await publicUrlOf(config));
    // Secrets are shown once: what was not written out must be shown by the next run, so the end comes last.
    await written(json ? `${JSON.stringify(out)}\n` : textOf(out));
    await finish(deps, replacement);
  } catch (error) {
    if (!(error instanceof StaleError)) throw error;
    throw new Error(
      'another `hikyaku secret-key replace` or a service has changed the store meanwhile: make sure that none runs, then run `hikyaku secret-key check`',
      { cause: error },
    );
  }
  process.stderr.write(
    `The store now belongs to ${nameOf(config, present)}. Keep a copy of the key apart from the store, and start the service.\n`,
  );
  return 0;
}

/** Rejects if the output takes no more. */
const written = (text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.once('error', reject);
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });

/** What is lost, before anything is changed. */
function listOf({ domains, subscribers, accounts, members }: Lost, isNewKey: boolean): string {
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
    ...(isNewKey ? ['  all members: their recovery codes; they make new ones'] : []),
  ];
  if (lines.length === 0) return 'Nothing else is lost: the key that is here opens everything.\n';
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

function resultOf(config: Config, { keys, subscribers, members }: Made, url: string) {
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
    subscribers: subscribers.map(({ projectId, id, secret }) => ({
      project_id: projectId,
      id,
      removed: secret === null,
      secret,
    })),
    members: members.map(({ member, token }) => ({
      email: member.email,
      sign_in_url: signInUrl(url, token),
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
