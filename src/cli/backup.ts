/**
 * `hikyaku backup FILE`: the embedded store in one file, beside a running service. The secret key goes along only with
 * `--with-secret-key`: without it a stolen backup tells mail, but signs nothing and opens no account.
 */
import { resolve } from 'node:path';
import { loadConfig } from '../config/config.ts';
import { systemClock } from '../runtime/clock.ts';
import { backUpStore } from '../stores.ts';
import { keyIdOf, presentKey, secretKeyPath } from './secret-key.ts';
import { type CommandContext, parseFileAndOptions } from './usage.ts';

export async function run(args: readonly string[], { env }: CommandContext): Promise<number> {
  const { file, options } = parseFileAndOptions(args, {
    'with-secret-key': { type: 'boolean' },
    json: { type: 'boolean' },
  });
  const config = loadConfig(env);
  const present = presentKey(config);
  const withKey = options['with-secret-key'] === true;
  if (withKey && present === null)
    throw new Error(
      `there is no secret key: HIKYAKU_SECRET_KEY is not set, nor is there ${secretKeyPath(config)}`,
    );
  const path = resolve(file);
  const facts = backUpStore(config, {
    file: path,
    secretKey: withKey ? present!.key : null,
    keyId: present === null ? null : keyIdOf(present.key),
    takenAt: systemClock.now(),
  });
  const out = {
    file: path,
    size: facts.size,
    version: facts.version,
    taken_at: new Date(facts.takenAt).toISOString(),
    waiting: facts.waiting,
    secret_key: withKey,
  };
  if (options.json === true) process.stdout.write(`${JSON.stringify(out)}\n`);
  else
    process.stdout.write(
      `${path}: ${out.size} octets, schema version ${out.version}, ${out.waiting} recipients waiting, as of ${out.taken_at}\n`,
    );
  process.stderr.write(
    withKey
      ? 'The secret key is inside: who has this file can sign as every domain in it. Keep it as you keep the key.\n'
      : `The secret key is not inside: without it DKIM keys and hook secrets cannot be read and static keys are not recognised. Keep ${present?.from === 'environment' ? 'HIKYAKU_SECRET_KEY' : secretKeyPath(config)} apart from this file.\n`,
  );
  return 0;
}
