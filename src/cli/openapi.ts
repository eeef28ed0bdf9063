/** `hikyaku openapi`: prints a document of the running service's API. */
import { loadConfig } from '../config/config.ts';
import { type CommandContext, UsageError } from './usage.ts';

export async function run(args: readonly string[], { env }: CommandContext): Promise<number> {
  const [name = ''] = args;
  if (!['mta', 'edj', 'iam'].includes(name) || args.length !== 1)
    throw new UsageError('expected mta, edj or iam');
  const response = await fetch(`${loadConfig(env).publicUrl}/${name}/v1/openapi.json`);
  if (!response.ok) throw new Error(`the service answered ${response.status}`);
  process.stdout.write(`${await response.text()}\n`);
  return 0;
}
