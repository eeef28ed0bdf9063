/**
 * `hikyaku backup FILE`: copies the embedded store into one file; the service may keep running. A running
 * service makes the copy itself, because only its own process can copy the store without holding back the
 * store's log. This command checks and completes the copy. Only with `--with-secret-key` does the file
 * contain the secret key. Without the key, a thief of the backup can read mail, but cannot sign as a domain
 * or open an account.
 */
import { resolve } from 'node:path';
import { type CopyBody, identityOf } from '../api/control-copy.ts';
import { loadConfig } from '../config/config.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Report } from '../runtime/report.ts';
import { faultOf, keyIdOf, presentKey, secretKeyPath } from '../secret-key.ts';
import { backUpStore, embeddedFile, embeddedKeyNotes } from '../stores.ts';
import { askService, detailOf } from './control-client.ts';
import { withProgress } from './progress.ts';
import { type CommandContext, parseFileAndOptions } from './usage.ts';

export async function run(args: readonly string[], { env, signal }: CommandContext): Promise<number> {
  const { file, options } = parseFileAndOptions(args, {
    'with-secret-key': { type: 'boolean' },
    json: { type: 'boolean' },
  });
  const config = loadConfig(env);
  const present = presentKey(config);
  const withKey = options['with-secret-key'] === true;
  const fault = present === null ? null : faultOf(config, embeddedKeyNotes(config), present);
  if (fault !== null && withKey) throw fault;
  if (withKey && present === null)
    throw new Error(
      `there is no secret key: HIKYAKU_SECRET_KEY is not set, and ${secretKeyPath(config)} does not exist`,
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
      ended: 'the service stopped before it had copied its store: try again',
      signal,
      report,
    });
    if (answer === null) return false;
    if (answer.status === 500) throw new Error(detailOf(answer));
    if (answer.status !== 200)
      process.stderr.write(
        `${detailOf(answer)}: this command copies the store itself; while it does, the log of the store (-wal) grows\n`,
      );
    return answer.status === 200;
  }
  const facts = await withProgress('backup', signal, (watch) =>
    backUpStore(config, {
      file: path,
      secretKey: withKey ? present!.key : null,
      keyId: present === null || fault !== null ? null : keyIdOf(present.key),
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
  if (fault !== null) process.stderr.write(`${fault.message}\n`);
  process.stderr.write(
    withKey
      ? 'The file contains the secret key: anyone who has the file can sign as every domain in it. Protect it like the key.\n'
      : `The file does not contain the secret key. Without the key, the service cannot read DKIM keys and hook secrets and does not recognise static keys. Keep ${present?.from === 'environment' ? 'HIKYAKU_SECRET_KEY' : secretKeyPath(config)} separately from this file.\n`,
  );
  return 0;
}
