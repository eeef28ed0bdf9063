/** `hikyaku openapi`: prints an OpenAPI document of the running service. */
import { loadConfig } from '../config/config.ts';
import { publicUrlOf } from './own-service.ts';
import { type CommandContext, UsageError } from './usage.ts';

export async function run(args: readonly string[], { env }: CommandContext): Promise<number> {
  const [name = ''] = args;
  if (!['mta', 'edj', 'iam'].includes(name) || args.length !== 1)
    throw new UsageError('expected mta, edj or iam');
  const url = await publicUrlOf(loadConfig(env));
  const response = await fetch(`${url}/${name}/v1/openapi.json`).catch(
    (error: { cause?: { code?: string } }) => {
      throw new Error(
        `no service answers at ${url} (HIKYAKU_PUBLIC_URL, HIKYAKU_HTTP_LISTEN): ${error.cause?.code ?? String(error)}; only a running service has the document`,
      );
    },
  );
  if (!response.ok) throw new Error(`the service answered ${response.status}`);
  process.stdout.write(`${await response.text()}\n`);
  return 0;
}
