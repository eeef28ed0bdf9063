/**
 * `hikyaku restore FILE`: a backup becomes the store of this configuration; no service may run on it. The key is put in
 * place where the backup holds it; a key that is here already and is another one is never lost: it is kept beside.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type Config, loadConfig } from '../config/config.ts';
import { systemClock } from '../runtime/clock.ts';
import { restoreStore } from '../stores.ts';
import { withProgress } from './progress.ts';
import { keyIdOf, presentKey, secretKeyPath } from './secret-key.ts';
import { type CommandContext, parseFileAndOptions } from './usage.ts';

/** What became of the secret key: put in place, the right one already here, none here, another one here. */
type KeyOutcome = 'restored' | 'same' | 'missing' | 'different';

const UNREADABLE = 'DKIM keys and hook secrets cannot be read, and static keys are not recognised';

export async function run(args: readonly string[], { env, signal }: CommandContext): Promise<number> {
  const { file, options } = parseFileAndOptions(args, {
    force: { type: 'boolean' },
    json: { type: 'boolean' },
  });
  const config = loadConfig(env);
  const force = options.force === true;
  const key = { outcome: 'same' as KeyOutcome };
  const facts = await withProgress('restore', signal, (watch) =>
    restoreStore(config, {
      file,
      force,
      watch,
      planKey({ secretKey, keyId }) {
        const present = presentKey(config);
        const here = present === null ? null : keyIdOf(present.key);
        if (here !== null && here === keyId) return () => {};
        if (secretKey === null) {
          if (here === null || keyId === null) {
            key.outcome = here === null && keyId !== null ? 'missing' : 'same';
            return () => {};
          }
          if (!force)
            throw new Error(
              `the secret key here is not the one of this backup: ${UNREADABLE}; --force restores all the same`,
            );
          key.outcome = 'different';
          return () => {};
        }
        if (present?.from === 'environment')
          throw new Error(
            'HIKYAKU_SECRET_KEY is not the key of this backup, which holds its own: unset it, or set it to that one',
          );
        if (present !== null && !force)
          throw new Error(
            `${secretKeyPath(config)} is not the key of this backup; --force keeps it beside and puts the backup's in its place`,
          );
        key.outcome = 'restored';
        return () => placeKey(config, secretKey);
      },
    }),
  );
  const out = {
    store: config.store.kind === 'sqlite' ? config.store.directory : null,
    version: facts.version,
    taken_at: new Date(facts.takenAt).toISOString(),
    waiting: facts.waiting,
    secret_key: key.outcome,
  };
  if (options.json === true) process.stdout.write(`${JSON.stringify(out)}\n`);
  else
    process.stdout.write(
      `${out.store}: ${out.waiting} recipients waiting, as of ${out.taken_at}; secret key: ${out.secret_key}\n`,
    );
  if (key.outcome === 'missing')
    process.stderr.write(
      `There is no secret key here. Before the first start set HIKYAKU_SECRET_KEY or put the old one at ${secretKeyPath(config)} (mode 0600): the service would make a new one, with which ${UNREADABLE}.\n`,
    );
  if (key.outcome === 'different')
    process.stderr.write(`The secret key here is another one: ${UNREADABLE}.\n`);
  process.stderr.write('What was delivered after the backup was taken is delivered again.\n');
  return 0;
}

/** Synced and under its name in one step; the key that was there keeps its octets under another name. */
function placeKey(config: Config, key: Buffer): void {
  const path = secretKeyPath(config);
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  // A second name for the old octets: at no moment is there no key, which a start would answer by making one.
  if (existsSync(path)) linkSync(path, `${path}.replaced-${systemClock.now()}`);
  const partial = `${path}.restoring`;
  rmSync(partial, { force: true });
  const descriptor = openSync(partial, 'wx', 0o600);
  try {
    writeFileSync(descriptor, key);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(partial, path);
}
