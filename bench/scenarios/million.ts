/** A million deferred recipients: start, memory, the queue's lists, and the rate of new mail beside them and without. */
import { type Running, startService } from '../../test/journeys/harness.ts';
import { runLoad, startCountingSink } from '../processes.ts';
import { fill } from './fill.ts';
import { median, prepared, type Result, relay, rss, type ScenarioOptions } from './scenario.ts';
import { startSite } from './site.ts';

async function rate(
  service: Running,
  sink: Awaited<ReturnType<typeof startCountingSink>>,
  count: number,
): Promise<number> {
  const before = sink.count;
  const began = performance.now();
  const arrived = sink.reached(before + count);
  await runLoad(relay(service, 'someone@new.test', count), true);
  await arrived;
  return (count / (performance.now() - began)) * 1000;
}

export async function million({ runs, count }: ScenarioOptions): Promise<Result> {
  const recipients = count ?? 1_000_000;
  const sites = Math.max(1, Math.round(recipients / 100));
  await using sink = await startCountingSink();
  await using bad = await startSite('refusing');
  const full = await prepared();
  const empty = await prepared();
  // Due over the next 66 minutes, the longest wait between attempts: about 250 attempts a second go on meanwhile.
  fill(full.directory, full.who, {
    recipients,
    sites,
    dueFrom: 0,
    dueTo: 4_000_000,
    domain: (i) => `d${i}.test`,
  });
  const routes = { HIKYAKU_ROUTES: `new.test=smtp://127.0.0.1:${sink.port},*=smtp://127.0.0.1:${bad.port}` };
  const rates: { full: number[]; empty: number[] } = { full: [], empty: [] };
  {
    await using without = await startService({ ...empty.settings, ...routes }, empty.directory);
    await rate(without, sink, 2000);
    for (let run = 0; run < runs; run++) rates.empty.push(await rate(without, sink, 8000));
  }
  const began = performance.now();
  await using service = await startService({ ...full.settings, ...routes }, full.directory);
  const ready = performance.now() - began;
  const key = `Basic ${Buffer.from(`${full.who.key.id}:${full.who.key.secret}`).toString('base64')}`;
  const lists: number[] = [];
  const pid = service.child.pid!;
  let most = rss(pid);
  await rate(service, sink, 2000);
  for (let run = 0; run < runs; run++) {
    rates.full.push(await rate(service, sink, 8000));
    for (const path of [
      'queues?limit=500',
      'queues/recipients?limit=100',
      'queues/recipients?limit=100&site=d7.test',
    ]) {
      const from = performance.now();
      const response = await fetch(`http://${service.ready.http}/mta/v1/${path}`, {
        headers: { authorization: key },
      });
      await response.text();
      if (!response.ok) throw new Error(`${path}: ${response.status}`);
      lists.push(performance.now() - from);
    }
    most = Math.max(most, rss(pid));
  }
  return {
    recipients,
    sites,
    ready_ms: Math.round(ready),
    rss_mib: Math.round(most),
    list_ms_worst: Math.round(Math.max(...lists)),
    rate: Math.round(median(rates.full)),
    empty: Math.round(median(rates.empty)),
    ratio: Number((median(rates.full) / median(rates.empty)).toFixed(2)),
    runs,
  };
}
