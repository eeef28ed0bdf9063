/**
 * `hikyaku import FILE`: reads an export into an empty PostgreSQL store. The queue continues where the
 * embedded store stopped.
 */
import { resolve } from 'node:path';
import { loadConfig } from '../config/config.ts';
import { systemClock } from '../runtime/clock.ts';
import { createRandom } from '../runtime/random.ts';
import { keyIdOf, presentKey } from '../secret-key.ts';
import { importStore } from '../stores.ts';
import { withProgress } from './progress.ts';
import { type CommandContext, parseFileAndOptions } from './usage.ts';

export async function run(args: readonly string[], { env, signal }: CommandContext): Promise<number> {
  const { file, options } = parseFileAndOptions(args, { json: { type: 'boolean' } });
  const config = loadConfig(env);
  const path = resolve(file);
  const rows = await withProgress('import', signal, (watch) =>
    importStore(config, {
      file: path,
      watch,
      member: createRandom().id(),
      now: systemClock.now(),
      check({ keyId }) {
        const present = presentKey(config);
        if (keyId !== null && (present === null || keyIdOf(present.key) !== keyId))
          throw new Error(
            'HIKYAKU_SECRET_KEY is not the key of the exported store: the service could not read DKIM keys and hook secrets and would not recognise static keys',
          );
      },
    }),
  );
  if (options.json === true) process.stdout.write(`${JSON.stringify({ file: path, rows })}\n`);
  else process.stdout.write(`${rows['message'] ?? 0} messages, ${rows['event'] ?? 0} events\n`);
  if (signal.aborted)
    process.stderr.write(
      'hikyaku import: all rows are imported; some tables are not analysed yet, and the first node that starts analyses them\n',
    );
  return 0;
}
