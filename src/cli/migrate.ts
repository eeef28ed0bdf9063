/** `hikyaku migrate`: brings the store to this program's schema, forward only; nodes of the version before may still run. */
import { loadConfig } from '../config/config.ts';
import { migrateStore } from '../stores.ts';
import { withProgress } from './progress.ts';
import { type CommandContext, parseOptions } from './usage.ts';

export async function run(args: readonly string[], { env, signal }: CommandContext): Promise<number> {
  const options = parseOptions(args, { json: { type: 'boolean' } });
  const config = loadConfig(env);
  const version = await withProgress('migrate', signal, (watch) => migrateStore(config, watch));
  process.stdout.write(
    options.json === true ? `${JSON.stringify({ version })}\n` : `schema version ${version}\n`,
  );
  return 0;
}
