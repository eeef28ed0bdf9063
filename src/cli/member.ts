/**
 * `hikyaku member reset`: for a member who can no longer sign in. It removes the password, ends all sessions
 * and prints a one-time link to sign in again. With `--second-factor` it also removes one-time codes,
 * passkeys and recovery codes. The service may keep running. The exit status is 1 if there is no such member.
 */
import { loadConfig } from '../config/config.ts';
import { memberEmail } from '../iam/email.ts';
import { recordLink, signInUrl } from '../iam/links.ts';
import { systemClock } from '../runtime/clock.ts';
import { INSTANCE } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { openMadeStore } from '../stores.ts';
import { publicUrlOf } from './own-service.ts';
import { type CommandContext, parseFileAndOptions, UsageError } from './usage.ts';

export async function run(args: readonly string[], { env, signal }: CommandContext): Promise<number> {
  const [action, ...rest] = args;
  if (action !== 'reset') throw new UsageError('expected: reset');
  const { file: text, options } = parseFileAndOptions(rest, {
    'second-factor': { type: 'boolean' },
    json: { type: 'boolean' },
  });
  const email = memberEmail(text);
  if (email === null) throw new UsageError(`'${text}' is not an e-mail address`);
  const config = loadConfig(env);
  await using store = await openMadeStore(config, silentLogger, signal);
  const member = await store.read.memberByEmail(email);
  if (member === null) {
    process.stderr.write(`hikyaku member: ${email} is not a member\n`);
    return 1;
  }
  const random = createRandom();
  const now = systemClock.now();
  let token = '';
  await store.transact(INSTANCE, (tx) => {
    tx.setPassword(member.id, null);
    if (options['second-factor'] === true) tx.clearFactors(member.id);
    tx.deleteSessions(member.id);
    token = recordLink(tx, { random, now }, member.id);
    tx.insertAuditEvent({
      id: random.id(),
      projectId: INSTANCE,
      actor: { kind: 'command', id: null },
      operation: 'command.member.reset',
      target: `/iam/v1/members/${member.id}`,
      address: null,
      at: now,
      fields: options['second-factor'] === true ? ['password', 'second_factor'] : ['password'],
      outcome: 'succeeded',
    });
  });
  const url = signInUrl(await publicUrlOf(config), token);
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ email, sign_in_url: url })}\n`
      : `${email} signs in again with this link (works once, within 24 hours):\n  ${url}\n`,
  );
  return 0;
}
