/** Cases that are no plain rate: a million waiting, a bad site beside a good one, large messages, no duplicates, stops under load. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Bootstrapped,
  bootstrap,
  environment,
  eventually,
  portOf,
  type Running,
  startService,
  temporaryDirectory,
} from '../test/journeys/harness.ts';
import { openSmtp } from '../test/journeys/raw-smtp.ts';
import type { Load } from './generator.ts';
import { runLoad, startCountingSink } from './processes.ts';

export const SCENARIOS = ['million', 'isolation', 'large', 'once', 'stops'] as const;
export type ScenarioName = (typeof SCENARIOS)[number];
export interface ScenarioOptions {
  readonly runs: number;
  /** Scales the case down for a quick look; the figure goes into the result. */
  readonly count: number | null;
  readonly kind: string | null;
}
type Result = Record<string, unknown>;
const SETTINGS = { HIKYAKU_LIMIT_PER_MINUTE: '0', HIKYAKU_LIMIT_PER_DAY: '0' };
const median = (numbers: readonly number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
const at = (sorted: readonly number[], q: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;

function rss(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}
async function prepared(): Promise<{
  directory: string;
  who: Bootstrapped;
  settings: Record<string, string>;
}> {
  const directory = temporaryDirectory();
  const who = await bootstrap(environment(directory, SETTINGS), 'sender.test');
  return {
    directory,
    who,
    settings: { ...SETTINGS, HIKYAKU_TRUSTED_NETWORKS: `127.0.0.0/8=${who.api_client_id}` },
  };
}
function relay(service: Running, recipient: string, count: number, over: Partial<Load> = {}): Load {
  return {
    kind: 'smtp',
    host: '127.0.0.1',
    port: portOf(service.ready.submission),
    tls: 'none',
    user: null,
    secret: null,
    sessions: 20,
    persistent: true,
    count,
    size: 4096,
    sender: 'sender@sender.test',
    recipient,
    ...over,
  };
}

/** An SMTP server of our own: each way of being bad, or good with a record of when what arrived. */
export type Manner = 'good' | 'refusing' | 'silent' | 'slow' | 'dropping' | 'closing';
export async function startSite(manner: Manner, onMessage: (recipient: string) => void = () => {}) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
    const say = (line: string) => {
      if (!socket.writable) return;
      if (manner !== 'slow') {
        socket.write(`${line}\r\n`);
        return;
      }
      const octets = Buffer.from(`${line}\r\n`);
      let sent = 0;
      const timer = setInterval(() => {
        if (sent < octets.length && socket.writable) socket.write(octets.subarray(sent, ++sent));
        else clearInterval(timer);
      }, 1000);
      timer.unref();
    };
    if (manner === 'silent') return;
    if (manner === 'closing') {
      say('421 4.3.2 too busy');
      socket.end();
      return;
    }
    say('220 site.test');
    let text = '';
    let recipient = '';
    let inData = false;
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      for (;;) {
        const end = text.indexOf(inData ? '\r\n.\r\n' : '\r\n');
        if (end === -1) return;
        const line = text.slice(0, end);
        text = text.slice(end + (inData ? 5 : 2));
        const verb = line.slice(0, 4).toUpperCase();
        if (inData) {
          inData = false;
          onMessage(recipient);
          say('250 2.0.0 taken');
        } else if (verb === 'EHLO') say('250-site.test\r\n250 PIPELINING');
        else if (verb === 'RCPT' && manner === 'refusing') say('451 4.2.0 not now');
        else if (verb === 'RCPT') {
          recipient = /<(.*)>/.exec(line)?.[1] ?? '';
          say('250 ok');
        } else if (verb === 'DATA') {
          if (manner === 'refusing') say('554 no recipients');
          else if (manner === 'dropping') socket.destroy();
          else {
            inData = true;
            say('354 go');
          }
        } else if (verb === 'QUIT') {
          say('221 bye');
          socket.end();
        } else say('250 ok');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** Deferred recipients put into the store as the service itself would leave them, before it starts. */
function fill(
  directory: string,
  who: Bootstrapped,
  options: {
    recipients: number;
    sites: number;
    dueFrom: number;
    dueTo: number;
    domain: (i: number) => string;
  },
): void {
  const db = new DatabaseSync(join(directory, 'hikyaku.sqlite'));
  const { recipients, sites, dueFrom, dueTo, domain } = options;
  db.exec('PRAGMA synchronous = OFF; BEGIN');
  const id = (kind: number, i: number) => `${kind}0000000-0000-7000-8000-${i.toString(16).padStart(12, '0')}`;
  const message = db.prepare(
    `INSERT INTO message (project_id, id, domain_id, direction, source, mail_from, message_id_header, size, smtputf8, eight_bit, accepted_at, expires_at, facts)
      VALUES (?, ?, ?, 'outgoing', 'smtp', 'sender@sender.test', '<x@sender.test>', ?, 0, 0, ?, ?, '{}')`,
  );
  const body = db.prepare(
    'INSERT INTO message_body (project_id, message_id, part, prefix, data) VALUES (?, ?, 0, ?, ?)',
  );
  const recipient = db.prepare(
    `INSERT INTO recipient (project_id, id, message_id, address, domain, lane, state, attempts, next_attempt_at, held_since, held_ms, dsn, last_result, created_at, settled_at)
      VALUES (?, ?, ?, ?, ?, ?, 'deferred', 3, ?, NULL, 0, NULL, ?, ?, NULL)`,
  );
  const raw = Buffer.from(`From: <sender@sender.test>\r\nSubject: waiting\r\n\r\n${'x'.repeat(900)}\r\n`);
  const last = JSON.stringify({
    kind: 'deferred',
    cause: 'recipient refused',
    reply: { code: 451, enhanced: '4.2.0', text: 'not now' },
  });
  const now = Date.now();
  for (let m = 0; m * 10 < recipients; m++) {
    message.run(who.project_id, id(1, m), who.domain_id, raw.length, now - 3_600_000, now + 86_400_000);
    body.run(who.project_id, id(1, m), Buffer.from('Received: x\r\n'), raw);
    for (let i = m * 10; i < Math.min(recipients, m * 10 + 10); i++) {
      const name = domain(i % sites);
      const due = Math.floor(now + dueFrom + ((i * 7919) % recipients) * ((dueTo - dueFrom) / recipients));
      recipient.run(
        who.project_id,
        id(2, i),
        id(1, m),
        `r${i}@${name}`,
        name,
        name,
        due,
        last,
        now - 3_600_000,
      );
    }
  }
  db.exec('COMMIT');
  db.close();
}

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

async function million({ runs, count }: ScenarioOptions): Promise<Result> {
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

/** p99 of the time in queue at the good site, ms, with so many waiting for the bad one. */
async function p99Beside(manner: Manner, waiting: number, mails: number, tag: string): Promise<number> {
  const arrivals = new Map<string, number>();
  await using bad = await startSite(manner);
  await using good = await startSite('good', (recipient) => arrivals.set(recipient, performance.now()));
  const { directory, who, settings } = await prepared();
  if (waiting > 0)
    fill(directory, who, {
      recipients: waiting,
      sites: 1,
      dueFrom: -1000,
      dueTo: 0,
      domain: () => 'bad.test',
    });
  await using service = await startService(
    {
      ...settings,
      HIKYAKU_ROUTES: `good.test=smtp://127.0.0.1:${good.port},*=smtp://127.0.0.1:${bad.port}`,
    },
    directory,
  );
  return at(await latencies(service, arrivals, mails, tag), 0.99);
}
/** Each round measures the empty system once and then, right after it, each bad site: the pairs of that round. */
async function isolation({ runs, count, kind }: ScenarioOptions): Promise<Result[]> {
  const mails = count ?? 10_000;
  const manners = (
    kind === null ? ['refusing', 'silent', 'slow', 'dropping', 'closing'] : [kind]
  ) as Manner[];
  const pairs = new Map(manners.map((manner) => [manner, [] as { alone: number; beside: number }[]]));
  for (let run = 0; run < runs; run++) {
    const alone = await p99Beside('refusing', 0, mails, `alone${run}`);
    for (const manner of manners) {
      const beside = await p99Beside(manner, 100_000, mails, `${manner}${run}`);
      pairs.get(manner)!.push({ alone, beside });
      process.stderr.write(`${manner} ${run}: ${alone.toFixed(1)} / ${beside.toFixed(1)} ms\n`);
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

async function large(): Promise<Result> {
  await using sink = await startCountingSink();
  const { directory, settings } = await prepared();
  await using service = await startService(
    { ...settings, HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${sink.port}` },
    directory,
  );
  const pid = service.child.pid!;
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, rss(pid));
  }, 20);
  const body = Buffer.from(
    `From: <sender@sender.test>\r\nSubject: large\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(134_400)}`,
  );
  const arrived = sink.reached(20);
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => {
      // 452 and 421 push back: the client comes again, as clients do
      for (let tries = 0; tries < 200; tries++) {
        const client = await openSmtp(service.ready.submission);
        try {
          const mail = await client.command(`MAIL FROM:<sender@sender.test> SIZE=${body.length}`);
          if (!mail.startsWith('250')) {
            await delay(200);
            continue;
          }
          await client.command('RCPT TO:<x@out.test>');
          const answer = await client.data(body);
          if (answer.startsWith('250')) return tries;
        } finally {
          await client[Symbol.asyncDispose]();
        }
      }
      throw new Error('a message was not taken');
    }),
  );
  await arrived;
  clearInterval(watch);
  return {
    messages: 20,
    octets: body.length,
    rss_mib: Math.round(most),
    pushed_back: answers.reduce((a, b) => a + b, 0),
  };
}

async function onceOnly({ count }: ScenarioOptions): Promise<Result> {
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
/** Sends to numbered recipients over 20 sessions; gives back those that were acknowledged. */
async function sendNumbered(
  service: Running,
  total: number,
  run: string,
  stopped: () => boolean,
): Promise<Set<string>> {
  const acked = new Set<string>();
  let next = 0;
  const body = Buffer.from(`From: <sender@sender.test>\r\nSubject: x\r\n\r\n${'x'.repeat(900)}\r\n`);
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      try {
        await using client = await openSmtp(service.ready.submission);
        while (next < total && !stopped()) {
          const address = `${run}-${next++}@out.test`;
          if (!(await client.command('MAIL FROM:<sender@sender.test>')).startsWith('250')) break;
          if (!(await client.command(`RCPT TO:<${address}>`)).startsWith('250')) break;
          if ((await client.data(body)).startsWith('250')) acked.add(address);
        }
      } catch {
        // the service is stopping: what was not acknowledged was not promised
      }
    }),
  );
  return acked;
}

async function stops({ count }: ScenarioOptions): Promise<Result> {
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

export async function runScenario(name: ScenarioName, options: ScenarioOptions): Promise<readonly Result[]> {
  switch (name) {
    case 'million':
      return [await million(options)];
    case 'isolation':
      return isolation(options);
    case 'large':
      return [await large()];
    case 'once':
      return [await onceOnly(options)];
    case 'stops':
      return [await stops(options)];
  }
}
