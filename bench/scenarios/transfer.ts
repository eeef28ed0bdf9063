/** A full embedded store moved to PostgreSQL: all that waited is delivered from there, once. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startPostgres } from '../../src/testing/postgres.ts';
import { environment, eventually, hikyaku, startService } from '../../test/journeys/harness.ts';
import { fill } from './fill.ts';
import { prepared, type Result, type ScenarioOptions } from './scenario.ts';
import { startSite } from './site.ts';

export async function transfer({ count }: ScenarioOptions): Promise<Result> {
  const recipients = count ?? 100_000;
  const { directory, who, settings } = await prepared();
  fill(directory, who, { recipients, sites: 100, dueFrom: -1000, dueTo: 0, domain: (i) => `d${i}.test` });
  const file = join(directory, 'store.export');
  const run = async (args: string[], env: Record<string, string>) => {
    const began = performance.now();
    const { status, stderr } = await hikyaku(args, env);
    if (status !== 0) throw new Error(`${args[0]}: ${stderr}`);
    return Math.round(performance.now() - began);
  };
  const exported = await run(['export', file], environment(directory, settings));
  await using postgres = await startPostgres();
  const seen = new Map<string, number>();
  await using good = await startSite('good', (recipient) =>
    seen.set(recipient, (seen.get(recipient) ?? 0) + 1),
  );
  const env = {
    ...settings,
    HIKYAKU_STORE: await postgres.database(),
    HIKYAKU_SECRET_KEY: readFileSync(join(directory, 'secret.key')).toString('base64'),
    HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${good.port}`,
  };
  const imported = await run(['import', file], environment(directory, env));
  const began = performance.now();
  await using service = await startService(env, directory);
  await eventually('all arrived', async () => seen.size >= recipients, 600);
  const delivered = Math.round(performance.now() - began);
  await delay(2000);
  void service;
  const copies = [...seen.values()].reduce((sum, n) => sum + n, 0);
  return {
    recipients,
    export_ms: exported,
    import_ms: imported,
    delivered_ms: delivered,
    arrived: seen.size,
    duplicates: copies - seen.size,
  };
}
