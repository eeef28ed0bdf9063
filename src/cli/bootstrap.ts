/**
 * `hikyaku bootstrap`: makes a project, a domain, a topic with a catch-all rule, an API client and its key in
 * one step; with `--email` it makes an owner as well.
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
import { openStore } from '../stores.ts';
import { emailOption, ownerOf } from './first-member.ts';
import { setUp } from './setup.ts';
import { type CommandContext, parseOptions, UsageError } from './usage.ts';

export async function run(args: readonly string[], { env }: CommandContext): Promise<number> {
  const options = parseOptions(args, {
    domain: { type: 'string' },
    verified: { type: 'boolean' },
    project: { type: 'string' },
    role: { type: 'string' },
    email: { type: 'string' },
    json: { type: 'boolean' },
  });
  if (options.domain === undefined) throw new UsageError('--domain is needed');
  const domain = parseDomain(options.domain);
  if (domain === null) throw new UsageError(`'${options.domain}' is not a domain name`);
  const role = options.role ?? 'admin';
  if (!isRole(role)) throw new UsageError(`'${role}' is not a role`);
  const email = options.email === undefined ? null : emailOption(options.email);
  const config = loadConfig(env);
  await using store = await openStore(config, silentLogger, false);
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
    const member = email === null ? null : await ownerOf(deps, project.id, email, config.publicUrl);
    const out = {
      project_id: project.id,
      domain_id: ready?.domain.id ?? null,
      domain_url: ready === null ? null : `${config.publicUrl}/mta/v1/domains/${ready.domain.id}`,
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
          `${whereToConnect(config)}\n\n` +
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
    return 0;
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    process.stderr.write(`hikyaku bootstrap: ${domain} belongs to another project (${error.what})\n`);
    return 1;
  }
}

/** From the configuration alone: the service need not be running. */
function whereToConnect(config: Config): string {
  const [submission, submissions] = [config.submissionListen[0]!.port, config.submissionsListen[0]!.port];
  return connectLines(connectOf(config, { submission, submissions }, config.publicUrl)).join('\n');
}
