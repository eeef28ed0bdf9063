/**
 * `hikyaku bootstrap`: makes a project, a domain, a topic with a catch-all rule, an API client and its key in
 * one step; with `--email` it makes an owner as well, and with `--operator` that owner becomes an operator of the
 * instance. Without `--domain`, `--email` and `--operator` make an existing member an operator.
 */
import { connectLines, connectOf } from '../api/connect.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { canDelegate } from '../domains/delegation.ts';
import { checkOwnership, seenNow } from '../domains/ownership.ts';
import { isRole } from '../iam/policy.ts';
import { parseDomain } from '../mail/domain.ts';
import { systemClock } from '../runtime/clock.ts';
import { createResolver } from '../runtime/dns-resolver.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { ConflictError } from '../runtime/transactor.ts';
import { openSealer } from '../secret-key.ts';
import { openMadeStore, openStore } from '../stores.ts';
import { emailOption, makeOperator, ownerOf } from './first-member.ts';
import { publicUrlOf } from './own-service.ts';
import { setUp } from './setup.ts';
import { type CommandContext, parseOptions, UsageError } from './usage.ts';

/** Without an operator, nobody manages the instance in the console. */
const NO_OPERATOR =
  'This instance has no operator yet: add --operator to --email, or use the link that the service prints when it starts.';

async function promote(config: Config, email: string, json: boolean, signal: AbortSignal): Promise<number> {
  await using store = await openMadeStore(config, silentLogger, signal);
  const deps = { read: store.read, transactor: store, clock: systemClock, random: createRandom() };
  if (!(await makeOperator(deps, email))) {
    process.stderr.write(
      `hikyaku bootstrap: ${email} is not a member; with --domain, the command makes the member\n`,
    );
    return 1;
  }
  process.stdout.write(
    json
      ? `${JSON.stringify({ member: { email, operator: true } })}\n`
      : `member  ${email}   is an operator of this instance\n`,
  );
  return 0;
}

export async function run(args: readonly string[], { env, signal }: CommandContext): Promise<number> {
  const options = parseOptions(args, {
    domain: { type: 'string' },
    verified: { type: 'boolean' },
    project: { type: 'string' },
    role: { type: 'string' },
    email: { type: 'string' },
    operator: { type: 'boolean' },
    json: { type: 'boolean' },
  });
  const operator = options.operator === true;
  if (operator && options.email === undefined) throw new UsageError('--operator needs --email');
  if (options.domain === undefined) {
    if (!operator) throw new UsageError('--domain is needed');
    return promote(loadConfig(env), emailOption(options.email!), options.json === true, signal);
  }
  const domain = parseDomain(options.domain);
  if (domain === null) throw new UsageError(`'${options.domain}' is not a domain name`);
  const role = options.role ?? 'admin';
  if (!isRole(role)) throw new UsageError(`'${role}' is not a role`);
  const email = options.email === undefined ? null : emailOption(options.email);
  const config = loadConfig(env);
  await using store = await openStore(config, silentLogger, false, signal);
  const deps = {
    read: store.read,
    transactor: store,
    sealer: await openSealer(config, store),
    clock: systemClock,
    random: createRandom(),
  };
  const request = {
    project: options.project ?? domain,
    sandbox: false,
    domain,
    delegated: canDelegate(domain, config.dkimZone),
    role,
  };
  try {
    let result = await setUp(deps, { ...request, verified: options.verified === true });
    if (result.ready === null) {
      await using resolver = createResolver({ servers: [...config.dnsServers], clock: systemClock });
      const { owned } = result;
      if ((await checkOwnership(resolver, owned)).kind === 'proved') {
        const now = systemClock.now();
        await store.transact(owned.projectId, (tx) =>
          tx.verifyOwnedDomain(owned.projectId, owned.id, now, seenNow(now)),
        );
        result = await setUp(deps, { ...request, verified: false });
      }
    }
    const { project, ready, ownership } = result;
    const url = await publicUrlOf(config);
    const member = email === null ? null : await ownerOf(deps, project.id, { email, operator }, url);
    const out = {
      project_id: project.id,
      domain_id: ready?.domain.id ?? null,
      domain_url: ready === null ? null : `${url}/mta/v1/domains/${ready.domain.id}`,
      topic_id: ready?.topic.id ?? null,
      api_client_id: ready?.client.id ?? null,
      key: ready?.key ?? null,
      member,
      ownership,
    };
    if (options.json === true) process.stdout.write(`${JSON.stringify(out)}\n`);
    else if (ready === null) {
      process.stdout.write(
        `Publish this record, then run the same command again:\n  ${ownership.name}. IN TXT "${ownership.value}"\n`,
      );
    } else {
      process.stdout.write(
        `domain  ${out.domain_url}\ntopic   ${out.topic_id}\nkey id  ${ready.key.id}\nsecret  ${ready.key.secret}   (shown only now)\n\n` +
          `${whereToConnect(config, url)}\n\n` +
          `Next, publish the records of the domain (MX, SPF, DKIM). This lists them:\n` +
          `  hikyaku api --key-id ${ready.key.id} --key-secret SECRET mta.domains.dns.get ${ready.domain.id}\n`,
      );
    }
    if (options.json !== true && member !== null)
      process.stdout.write(
        member.sign_in_url === null
          ? `member  ${member.email}   can already sign in\n`
          : `member  ${member.email}   ${member.sign_in_url}   (works once, within 24 hours)\n`,
      );
    if ((await store.read.firstOperator()) === null) process.stderr.write(`${NO_OPERATOR}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    process.stderr.write(`hikyaku bootstrap: ${domain} belongs to another project (${error.what})\n`);
    return 1;
  }
}

/** From the configuration alone: the service need not be running. */
function whereToConnect(config: Config, url: string): string {
  const [submission, submissions] = [config.submissionListen[0]!.port, config.submissionsListen[0]!.port];
  return connectLines(connectOf(config, { submission, submissions }, url)).join('\n');
}
