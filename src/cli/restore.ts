/**
 * `hikyaku restore FILE`: replaces the store of this configuration with a backup. No service may run on the
 * store. If the backup contains the secret key, restore puts the key in place. `--force` replaces a store;
 * only `--other-key` goes on although a different key is here. That key is never lost: it keeps its octets under
 * another name.
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
import { faultOf, keyIdOf, LOSS, presentKey, secretKeyPath } from '../secret-key.ts';
import { embeddedKeyNotes, restoreStore } from '../stores.ts';
import { withProgress } from './progress.ts';
import { type CommandContext, parseFileAndOptions } from './usage.ts';

/**
 * What happened to the secret key. restored: put in place; same: the right key was already here; missing:
 * there is no key; different: another key is here.
 */
type KeyOutcome = 'restored' | 'same' | 'missing' | 'different';

const UNREADABLE = 'the service cannot read DKIM keys and hook secrets and does not recognise static keys';

export async function run(args: readonly string[], { env, signal }: CommandContext): Promise<number> {
  const { file, options } = parseFileAndOptions(args, {
    force: { type: 'boolean' },
    'other-key': { type: 'boolean' },
    json: { type: 'boolean' },
  });
  const config = loadConfig(env);
  const force = options.force === true;
  const otherKey = options['other-key'] === true;
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
          if (!otherKey)
            throw new Error(
              `the secret key of this configuration is not the key of this backup; with it, ${UNREADABLE}; --other-key restores anyway`,
            );
          key.outcome = 'different';
          return () => {};
        }
        if (present?.from === 'environment')
          throw new Error(
            'HIKYAKU_SECRET_KEY is not the key of this backup, and the backup contains its key: unset the variable, or set it to that key',
          );
        if (present !== null && !otherKey)
          throw new Error(
            `${secretKeyPath(config)} is not the key of this backup; with --other-key, restore renames that file and puts the backup's key in its place`,
          );
        key.outcome = 'restored';
        return () => placeKey(config, secretKey);
      },
    }),
  );
  // A backup may not know the id of its key; the store that was restored knows its key.
  const present = presentKey(config);
  const fault = present === null ? null : faultOf(config, embeddedKeyNotes(config), present);
  if (fault !== null) key.outcome = 'different';
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
      `There is no secret key. Before the first start, set HIKYAKU_SECRET_KEY to the old key or put the old key at ${secretKeyPath(config)} (mode 0600). The service does not start without it. ${LOSS}\n`,
    );
  if (key.outcome === 'different')
    process.stderr.write(
      fault === null
        ? `The secret key of this configuration is not the key of this backup. With it, the service does not start. ${LOSS}\n`
        : `With this key, the service does not start: ${fault.message}\n`,
    );
  process.stderr.write(
    'The service will deliver again the waiting mail that was delivered after the backup was taken.\n',
  );
  return 0;
}

/**
 * Writes and syncs the key, then renames it into place in one step. A key that was there before gets another
 * name.
 */
function placeKey(config: Config, key: Buffer): void {
  const path = secretKeyPath(config);
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  // A hard link gives the old key a second name. So there is a key at every moment; without one, a start of
  // the service would make a new key.
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
