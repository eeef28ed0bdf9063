/**
 * `hikyaku backup FILE`: the embedded store in one file, beside a running service, which makes the copy itself: it alone
 * can without holding on to what its log must keep. What it copied is checked and finished here. The secret key goes along only with
 * `--with-secret-key`: without it a stolen backup tells mail, but signs nothing and opens no account.
 */
import { resolve } from 'node:path';
import { type CopyBody, identityOf } from '../api/control-copy.ts';
import { loadConfig } from '../config/config.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Report } from '../runtime/report.ts';
import { backUpStore, embeddedFile } from '../stores.ts';
import { askService, detailOf } from './control-client.ts';
import { withProgress } from './progress.ts';
import { keyIdOf, presentKey, secretKeyPath } from './secret-key.ts';
import { type CommandContext, parseFileAndOptions } from './usage.ts';

export async function run(args: readonly string[], { env, signal }: CommandContext): Promise<number> {
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
  async function copyServed(partial: string, report: Report): Promise<boolean> {
    const request: CopyBody = {
      file: partial,
      fileIdentity: identityOf(partial),
      storeIdentity: identityOf(embeddedFile(config)),
    };
    const answer = await askService({
      directory: config.dataDir,
      path: '/copy',
      request,
      ended: 'the service ended before its store was copied: try again',
      signal,
      report,
    });
    if (answer === null) return false;
    if (answer.status === 500) throw new Error(detailOf(answer));
    if (answer.status !== 200)
      process.stderr.write(
        `${detailOf(answer)}: copied without it, and the log of its store (-wal) grows meanwhile\n`,
      );
    return answer.status === 200;
  }
  const facts = await withProgress('backup', signal, (watch) =>
    backUpStore(config, {
      file: path,
      secretKey: withKey ? present!.key : null,
      keyId: present === null ? null : keyIdOf(present.key),
      takenAt: systemClock.now(),
      copyServed: (partial) => copyServed(partial, watch.report),
      watch,
    }),
  );
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
