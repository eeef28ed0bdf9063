/** A million deferred recipients: start, memory, the queue's lists, and the rate of new mail beside them and without. */
import { rmSync } from 'node:fs';
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
  const rates: { full: number[]; empty: number[]; ratio: number[] } = { full: [], empty: [], ratio: [] };
  const readies: number[] = [];
  const lists: number[] = [];
  let most = 0;
  const key = `Basic ${Buffer.from(`${full.who.key.id}:${full.who.key.secret}`).toString('base64')}`;
  async function list(service: Running): Promise<void> {
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
  }
  // Never both at once, and one right after the other: the machine's own speed changes over minutes.
  for (let run = 0; run < runs; run++) {
    {
      await using without = await startService({ ...empty.settings, ...routes }, empty.directory, true);
      await rate(without, sink, 2000);
      rates.empty.push(await rate(without, sink, 8000));
    }
    const began = performance.now();
    await using service = await startService({ ...full.settings, ...routes }, full.directory, true);
    readies.push(performance.now() - began);
    await rate(service, sink, 2000);
    rates.full.push(await rate(service, sink, 8000));
    rates.ratio.push(rates.full.at(-1)! / rates.empty.at(-1)!);
    await list(service);
    // The last one goes on for as much again as all of them had: what grows shows.
    for (let more = 0; run === runs - 1 && more < runs; more++) {
      await rate(service, sink, 8000);
      await list(service);
    }
    most = Math.max(most, rss(service.child.pid!));
  }
  for (const { directory } of [full, empty]) rmSync(directory, { recursive: true, force: true });
  return {
    recipients,
    sites,
    ready_ms: Math.round(Math.max(...readies)),
    rss_mib: Math.round(most),
    list_ms_worst: Math.round(Math.max(...lists)),
    rate: Math.round(median(rates.full)),
    empty: Math.round(median(rates.empty)),
    ratio: Number(median(rates.ratio).toFixed(2)),
    runs,
  };
}
