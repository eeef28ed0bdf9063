/**
 * `hikyaku migrate`: migrates the store to this program's schema version. There is no way back to an older
 * version. Nodes of the previous program version may keep running.
 */
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
