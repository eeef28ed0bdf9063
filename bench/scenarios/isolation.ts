/** A bad site with 100,000 waiting beside a good one: the time in queue at the good site, each kind of bad in turn. */
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, type Running, startService } from '../../test/journeys/harness.ts';
import { openSmtp } from '../../test/journeys/raw-smtp.ts';
import { fill } from './fill.ts';
import { at, median, prepared, type Result, type ScenarioOptions } from './scenario.ts';
import { type Manner, startSite } from './site.ts';

/** Time from the 250 to the arrival at the good site, an open loop of 100 a second. */
async function latencies(
  service: Running,
  arrivals: Map<string, number>,
  count: number,
  run: string,
): Promise<number[]> {
  const sent = new Map<string, number>();
  const clients = await Promise.all(Array.from({ length: 20 }, () => openSmtp(service.ready.submission)));
  const idle = [...clients];
  const waiting: ((client: (typeof clients)[number]) => void)[] = [];
  const began = performance.now();
  const body = Buffer.from(`From: <sender@sender.test>\r\nSubject: x\r\n\r\n${'x'.repeat(900)}\r\n`);
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      await delay(Math.max(0, began + i * 10 - performance.now()));
      const client =
        idle.pop() ?? (await new Promise<(typeof clients)[number]>((resolve) => waiting.push(resolve)));
      const address = `${run}-${i}@good.test`;
      await client.command('MAIL FROM:<sender@sender.test>');
      await client.command(`RCPT TO:<${address}>`);
      const answer = await client.data(body);
      if (!answer.startsWith('250')) throw new Error(answer);
      sent.set(address, performance.now());
      const next = waiting.shift();
      if (next === undefined) idle.push(client);
      else next(client);
    }),
  );
  await eventually('all arrived', async () => [...sent.keys()].every((address) => arrivals.has(address)), 60);
  for (const client of clients) await client[Symbol.asyncDispose]();
  return [...sent].map(([address, time]) => Math.max(0, arrivals.get(address)! - time)).sort((a, b) => a - b);
}

/** A service with so many waiting for a bad site, and a good one beside it; not yet started. */
async function filled(manner: Manner, waiting: number, stack: AsyncDisposableStack) {
  const arrivals = new Map<string, number>();
  const bad = stack.use(await startSite(manner));
  const good = stack.use(await startSite('good', (recipient) => arrivals.set(recipient, performance.now())));
  const { directory, who, settings } = await prepared();
  if (waiting > 0)
    fill(directory, who, {
      recipients: waiting,
      sites: 1,
      dueFrom: -1000,
      dueTo: 0,
      domain: () => 'bad.test',
    });
  const routes = `good.test=smtp://127.0.0.1:${good.port},*=smtp://127.0.0.1:${bad.port}`;
  return { manner, arrivals, start: () => startService({ ...settings, HIKYAKU_ROUTES: routes }, directory) };
}
/** p99 of the time in queue at the good site, ms, for each kind of bad one; all of them at once, each a service of its own. */
async function p99Beside(
  manners: readonly Manner[],
  waiting: number,
  mails: number,
  tag: string,
): Promise<number[]> {
  await using stack = new AsyncDisposableStack();
  const all = [];
  for (const manner of manners) all.push(await filled(manner, waiting, stack));
  const services = await Promise.all(all.map(async (one) => stack.use(await one.start())));
  return await Promise.all(
    all.map(async ({ manner, arrivals }, i) =>
      at(await latencies(services[i]!, arrivals, mails, `${manner}${tag}`), 0.99),
    ),
  );
}

/** Kinds that are measured at the same time, which only makes it harder for each. */
const TOGETHER: readonly (readonly Manner[])[] = [
  ['refusing', 'silent', 'slow'],
  ['closing', 'dropping'],
];

/** Each round measures the empty system once and then, right after it, the bad sites: the pairs of that round. */
export async function isolation({ runs, count, kind }: ScenarioOptions): Promise<Result[]> {
  const mails = count ?? 10_000;
  const groups = kind === null ? TOGETHER : [[kind as Manner]];
  const manners = groups.flat();
  const pairs = new Map(manners.map((manner) => [manner, [] as { alone: number; beside: number }[]]));
  for (let run = 0; run < runs; run++) {
    const [alone = 0] = await p99Beside(['refusing'], 0, mails, `alone${run}`);
    for (const group of groups) {
      const measured = await p99Beside(group, 100_000, mails, String(run));
      for (const [i, beside] of measured.entries()) {
        pairs.get(group[i]!)!.push({ alone, beside });
        process.stderr.write(`${group[i]} ${run}: ${alone.toFixed(1)} / ${beside.toFixed(1)} ms\n`);
      }
    }
  }
  return manners.map((manner) => {
    const own = pairs.get(manner)!;
    return {
      site: manner,
      waiting: 100_000,
      mails,
      p99_alone_ms: Number(median(own.map((p) => p.alone)).toFixed(1)),
      p99_beside_ms: Number(median(own.map((p) => p.beside)).toFixed(1)),
      within: median(own.map((p) => p.beside - Math.max(1.25 * p.alone, p.alone + 50))) <= 0,
      runs,
    };
  });
}
