/**
 * 199 projects that send a hundred messages a second in all, half over HTTP and half over SMTP, alone and beside one
 * project that floods: how long each message took to be accepted. The flood's process has the lowest priority: it stands
 * for another machine. HIKYAKU_TEST_PROGRAM measures another checkout.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { constants, setPriority } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { portOf, type Running, startService } from '../../test/journeys/harness.ts';
import type { Load } from '../generator.ts';
import { startCountingSink } from '../processes.ts';
import { at, median, prepared, type Result, type ScenarioOptions } from './scenario.ts';
import { byHttp, bySmtp, type Door, makeSenders, type Sender } from './senders.ts';

const PROJECTS = 199;
const A_SECOND = 100;
/** Within which a flood is at its height. */
const SETTLES_MS = 2_000;
const FLOODS: Readonly<Record<string, { kind: Load['kind']; sessions: number }>> = {
  'http 40': { kind: 'http', sessions: 40 },
  'http 400': { kind: 'http', sessions: 400 },
  'smtp 40': { kind: 'smtp', sessions: 40 },
};

export async function fair({ runs, count, kind }: ScenarioOptions): Promise<readonly Result[]> {
  await using sink = await startCountingSink();
  const { directory, settings } = await prepared();
  const program = process.env['HIKYAKU_TEST_PROGRAM'];
  const env = {
    HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${sink.port}`,
    HIKYAKU_LIMIT_PER_MINUTE: settings['HIKYAKU_LIMIT_PER_MINUTE']!,
    HIKYAKU_LIMIT_PER_DAY: settings['HIKYAKU_LIMIT_PER_DAY']!,
    ...(program === undefined ? {} : { HIKYAKU_TEST_PROGRAM: program }),
  };
  const [flooder, ...senders] = await makeSenders(directory, env, PROJECTS + 1);
  await using service = await startService(env, directory);
  const mails = count ?? 3_000;
  using agent = keptAlive();
  const doors: Door[] = [];
  for (const [i, sender] of senders.entries())
    doors.push(i % 2 === 0 ? byHttp(service, sender, agent) : await bySmtp(service, sender, i));
  await take(doors, 500);
  const names = Object.keys(FLOODS).filter((name) => kind === null || name === kind);
  const pairs = new Map(names.map((name) => [name, [] as Pair[]]));
  for (let run = 0; run < runs; run++)
    for (const name of names) {
      const alone = await take(doors, mails);
      const flood = await startFlood(service, flooder!, FLOODS[name]!);
      await delay(SETTLES_MS);
      const beside = await take(doors, mails);
      const answers = await flood.end();
      pairs.get(name)!.push({ alone, beside });
      process.stderr.write(
        `${name} ${run}: ${JSON.stringify({ alone: summary(alone), beside: summary(beside), answers })}\n`,
      );
      // What it sent is delivered before the next is measured.
      await delay(SETTLES_MS * 2);
    }
  for (const door of doors) door.close();
  return names.map((flood) => {
    const own = pairs.get(flood)!;
    const of = (which: keyof Pair, q: number) => round(median(own.map((pair) => at(pair[which], q))));
    return {
      flood,
      mails,
      p50_alone_ms: of('alone', 0.5),
      p50_beside_ms: of('beside', 0.5),
      p99_alone_ms: of('alone', 0.99),
      p99_beside_ms: of('beside', 0.99),
      worst_beside_ms: of('beside', 1),
      ratio: round(median(own.map(({ alone, beside }) => at(beside, 0.99) / at(alone, 0.99)))),
      runs,
    };
  });
}
/** Times in ascending order, ms. */
interface Pair {
  readonly alone: readonly number[];
  readonly beside: readonly number[];
}
const round = (n: number) => Number(n.toFixed(2));
const summary = (times: readonly number[]) => ({
  p50: round(at(times, 0.5)),
  p99: round(at(times, 0.99)),
  worst: round(at(times, 1)),
});

/** An open loop over the doors in turn; times in ascending order. One that is not taken is an error. */
async function take(doors: readonly Door[], mails: number): Promise<readonly number[]> {
  const began = performance.now();
  const times = await Promise.all(
    Array.from({ length: mails }, async (_, i) => {
      await delay(Math.max(0, began + (i * 1000) / A_SECOND - performance.now()));
      const from = performance.now();
      await doors[i % doors.length]!.send();
      return performance.now() - from;
    }),
  );
  return times.sort((a, b) => a - b);
}
function keptAlive(): Agent & Disposable {
  const agent = new Agent({ keepAlive: true });
  return Object.assign(agent, { [Symbol.dispose]: () => agent.destroy() });
}

async function startFlood(
  service: Running,
  { domain, url, key }: Sender,
  { kind, sessions }: { kind: Load['kind']; sessions: number },
) {
  const load: Load = {
    kind,
    sessions,
    host: '127.0.0.1',
    port: portOf(kind === 'http' ? service.ready.http : service.ready.submissions),
    tls: kind === 'http' ? 'none' : 'implicit',
    user: key.id,
    secret: key.secret,
    persistent: true,
    count: 0,
    size: 4096,
    sender: `flood@${domain}`,
    recipient: 'someone@out.test',
    self: url,
    flood: true,
  };
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      fileURLToPath(new URL('../generator.ts', import.meta.url)),
      JSON.stringify(load),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  setPriority(child.pid!, constants.priority.PRIORITY_LOW);
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = once(child, 'close');
  return {
    /** How often it got which answer. */
    async end(): Promise<unknown> {
      if (child.exitCode !== null) throw new Error('the flood ended early');
      child.kill('SIGTERM');
      await ended;
      return JSON.parse(said);
    },
  };
}
