/** Many messages through a healthy service: each arrives once. */
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, startService } from '../../test/journeys/harness.ts';
import { sendNumbered } from './numbered.ts';
import { prepared, type Result, type ScenarioOptions } from './scenario.ts';
import { startSite } from './site.ts';

export async function onceOnly({ count }: ScenarioOptions): Promise<Result> {
  const total = count ?? 100_000;
  const seen = new Map<string, number>();
  await using good = await startSite('good', (recipient) =>
    seen.set(recipient, (seen.get(recipient) ?? 0) + 1),
  );
  const { directory, settings } = await prepared();
  await using service = await startService(
    { ...settings, HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${good.port}` },
    directory,
  );
  const began = performance.now();
  await sendNumbered(service, total, 'once', () => false);
  await eventually('all arrived', async () => seen.size >= total, 300);
  await delay(2000);
  const copies = [...seen.values()].reduce((sum, n) => sum + n, 0);
  return {
    sent: total,
    arrived: seen.size,
    duplicates: copies - seen.size,
    seconds: Math.round((performance.now() - began) / 1000),
  };
}
