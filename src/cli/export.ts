/**
 * `hikyaku export FILE`: writes the embedded store into a file that `import` reads into PostgreSQL. The
 * service must be stopped.
 */
import { resolve } from 'node:path';
import { loadConfig } from '../config/config.ts';
import { systemClock } from '../runtime/clock.ts';
import { faultOf, keyIdOf, presentKey } from '../secret-key.ts';
import { embeddedKeyNotes, exportStore } from '../stores.ts';
import { withProgress } from './progress.ts';
import { type CommandContext, parseFileAndOptions } from './usage.ts';

export async function run(args: readonly string[], { env, signal }: CommandContext): Promise<number> {
  const { file, options } = parseFileAndOptions(args, { json: { type: 'boolean' } });
  const config = loadConfig(env);
  const present = presentKey(config);
  const fault = present === null ? null : faultOf(config, embeddedKeyNotes(config), present);
  if (fault !== null) throw fault;
  const path = resolve(file);
  const rows = await withProgress('export', signal, (watch) =>
    exportStore(config, {
      file: path,
      watch,
      takenAt: systemClock.now(),
      keyId: present === null ? null : keyIdOf(present.key),
    }),
  );
  if (options.json === true) process.stdout.write(`${JSON.stringify({ file: path, rows })}\n`);
  else process.stdout.write(`${path}: ${rows['message']} messages, ${rows['event']} events\n`);
  process.stderr.write(
    'Import it with the same HIKYAKU_SECRET_KEY (base64 of the key file), and do not start this store again: both services would send its waiting mail.\n',
  );
  return 0;
}
