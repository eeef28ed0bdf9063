/** SIGTERM under load, again and again: nothing acknowledged is lost or doubled, and how long a stop takes. */
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, startService } from '../../test/journeys/harness.ts';
import { sendNumbered } from './numbered.ts';
import { median, prepared, type Result, type ScenarioOptions } from './scenario.ts';
import { startSite } from './site.ts';

export async function stops({ count }: ScenarioOptions): Promise<Result> {
  const times = count ?? 50;
  const seen = new Map<string, number>();
  const acked = new Set<string>();
  await using good = await startSite('good', (recipient) =>
    seen.set(recipient, (seen.get(recipient) ?? 0) + 1),
  );
  const { directory, settings } = await prepared();
  const env = { ...settings, HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${good.port}` };
  const took: number[] = [];
  for (let stop = 0; stop < times; stop++) {
    const service = await startService(env, directory, true);
    const load = sendNumbered(service, Number.POSITIVE_INFINITY, `s${stop}`, () => false);
    await delay(100 + ((stop * 37) % 400));
    const began = performance.now();
    await service[Symbol.asyncDispose]();
    took.push(performance.now() - began);
    if (service.child.exitCode !== 0)
      throw new Error(`stop ${stop}: exit ${service.child.exitCode ?? service.child.signalCode}`);
    for (const address of await load) acked.add(address);
  }
  await using service = await startService(env, directory);
  await eventually('all arrived', async () => [...acked].every((address) => seen.has(address)), 120).catch(
    () => {},
  );
  await delay(1000);
  void service;
  const lost = [...acked].filter((address) => !seen.has(address)).length;
  const doubled = [...seen.values()].filter((n) => n > 1).length;
  return {
    stops: times,
    acked: acked.size,
    lost,
    doubled,
    stop_ms_median: Math.round(median(took)),
    stop_ms_worst: Math.round(Math.max(...took)),
  };
}
