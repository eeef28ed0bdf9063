/**
 * Several nodes on one PostgreSQL, as processes of their own, under a steady load with a ledger: whatever was answered
 * with 250 or 2xx must reach the far end. Nodes can be killed and started again; the ledger outlives them all.
 */
import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { type CrashSink, startCrashSink } from '../crash/sink.ts';
import {
  type Bootstrapped,
  bootstrap,
  environment,
  type Running,
  startService,
  temporaryDirectory,
} from '../journeys/harness.ts';
import { openSmtp, plain } from '../journeys/raw-smtp.ts';

const CHILD = fileURLToPath(new URL('../crash/child.ts', import.meta.url));
export const SECRET_KEY = Buffer.alloc(32, 7).toString('base64');

export interface FleetNode {
  readonly name: string;
  /** null while it is down. */
  running: Running | null;
}
export interface Fleet extends AsyncDisposable {
  readonly nodes: readonly FleetNode[];
  readonly sink: CrashSink;
  readonly who: Bootstrapped;
  readonly acked: ReadonlySet<string>;
  /** ms for each answer that was no acceptance (4xx, 503, a lost connection), by how long it took. */
  readonly refusals: readonly number[];
  start(node: FleetNode): Promise<void>;
  kill(node: FleetNode): Promise<void>;
  /** Stops the load and resolves when its last answers are in. */
  rest(): Promise<void>;
  query<R extends pg.QueryResultRow>(sql: string, params?: readonly unknown[]): Promise<R[]>;
}

export async function startFleet(options: {
  readonly url: string;
  readonly nodes: number;
  /** Recipients a second over all nodes, by SMTP and HTTP. */
  readonly rate: number;
  readonly random: () => number;
  readonly settings?: Readonly<Record<string, string>>;
  /** Where the nodes reach the database, if not at `url` itself. */
  readonly through?: string;
}): Promise<Fleet> {
  const { url, rate, random } = options;
  const sink = await startCrashSink(random);
  const directories: string[] = [];
  const common = {
    HIKYAKU_STORE: options.through ?? url,
    HIKYAKU_SECRET_KEY: SECRET_KEY,
    HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${sink.port}`,
    HIKYAKU_LIMIT_PER_MINUTE: '0',
    HIKYAKU_LIMIT_PER_DAY: '0',
    HIKYAKU_LOG_LEVEL: 'info',
    ...options.settings,
  };
  const directory = temporaryDirectory();
  directories.push(directory);
  const who = await bootstrap(environment(directory, { ...common, HIKYAKU_STORE: url }), 'sender.test');
  const nodes: FleetNode[] = Array.from({ length: options.nodes }, (_, i) => ({
    name: `node${i + 1}`,
    running: null,
  }));
  const acked = new Set<string>();
  const refusals: number[] = [];
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  pool.on('error', () => {});
  let resting = false;
  let counter = 0;

  async function start(node: FleetNode): Promise<void> {
    const own = temporaryDirectory();
    directories.push(own);
    node.running = await startService({ ...common, HIKYAKU_NODE: node.name }, own, true, CHILD);
  }
  async function kill(node: FleetNode): Promise<void> {
    const running = node.running;
    node.running = null;
    await running?.kill();
  }
  /** A node that runs, other each time. */
  function pick(): Running | null {
    const up = nodes.filter((node) => node.running !== null);
    return up.length === 0 ? null : up[Math.floor(random() * up.length)]!.running;
  }
  async function timed(send: () => Promise<boolean>, address: string): Promise<void> {
    const began = performance.now();
    try {
      if (await send()) acked.add(address);
      else refusals.push(performance.now() - began);
    } catch (error) {
      refusals.push(performance.now() - began);
      throw error;
    }
  }
  async function smtpLoad(interval: number): Promise<void> {
    while (!resting) {
      const node = pick();
      if (node === null) {
        await delay(50);
        continue;
      }
      try {
        await using client = await openSmtp(node.ready.submissions, 'implicit');
        if (!(await client.command(plain(who.key.id, who.key.secret))).startsWith('235')) {
          await delay(200);
          continue;
        }
        for (let sent = 0; sent < 50 && !resting; sent++) {
          const began = performance.now();
          const address = `r${counter++}@out.test`;
          await timed(async () => {
            if (!(await client.command('MAIL FROM:<sender@sender.test>')).startsWith('250')) return false;
            if (!(await client.command(`RCPT TO:<${address}>`)).startsWith('250')) return false;
            const body = `From: <sender@sender.test>\r\nSubject: ${address}\r\n\r\nbody\r\n`;
            return (await client.data(Buffer.from(body))).startsWith('250');
          }, address);
          await delay(Math.max(0, interval - (performance.now() - began)));
        }
      } catch {
        await delay(50); // the node is gone, or the database is: the next try finds another
      }
    }
  }
  async function httpLoad(interval: number): Promise<void> {
    const authorization = `Basic ${Buffer.from(`${who.key.id}:${who.key.secret}`).toString('base64')}`;
    while (!resting) {
      const began = performance.now();
      const node = pick();
      const address = `r${counter++}@out.test`;
      if (node !== null)
        await timed(async () => {
          const response = await fetch(`http://${node.ready.http}/mta/v1/tasks?is_sync=true`, {
            method: 'POST',
            headers: { authorization, 'content-type': 'application/json' },
            body: JSON.stringify({
              procedure: 'send_message',
              arguments: {
                self: who.domain_url,
                from: ['sender@sender.test'],
                to: [address],
                subject: address,
                content_type: 'text/plain; charset=UTF-8',
                body: 'body\n',
              },
            }),
          });
          await response.arrayBuffer();
          return response.ok;
        }, address).catch(() => {});
      await delay(Math.max(0, interval - (performance.now() - began)));
    }
  }

  for (const node of nodes) await start(node);
  const workers = 10;
  const interval = (workers / rate) * 1000;
  const loads = Array.from({ length: workers }, (_, i) => (i < 8 ? smtpLoad(interval) : httpLoad(interval)));
  return {
    nodes,
    sink,
    who,
    acked,
    refusals,
    start,
    kill,
    async rest() {
      resting = true;
      await Promise.all(loads);
    },
    async query(sql, params = []) {
      return (await pool.query(sql, [...params])).rows as never;
    },
    async [Symbol.asyncDispose]() {
      resting = true;
      await Promise.all(loads);
      for (const node of nodes) await node.running?.[Symbol.asyncDispose]();
      await pool.end();
      await sink[Symbol.asyncDispose]();
      for (const one of directories) rmSync(one, { recursive: true, force: true });
    },
  };
}

/** mulberry32: the same seed takes the same turns. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
/** Waits until all that was acknowledged has arrived and nothing waits; what is missing then is lost. */
export async function settleFleet(
  fleet: Fleet,
  seconds: number,
): Promise<{ lost: string[]; duplicates: number }> {
  const deadline = performance.now() + seconds * 1000;
  const missing = () => [...fleet.acked].filter((address) => !fleet.sink.taken.has(address));
  for (;;) {
    const [row] = await fleet.query<{ n: string }>(
      'SELECT count(*) AS n FROM recipient WHERE next_attempt_at IS NOT NULL',
    );
    if ((missing().length === 0 && Number(row!.n) === 0) || performance.now() > deadline) break;
    await delay(200);
  }
  const duplicates = [...fleet.sink.taken.values()].reduce((sum, count) => sum + count - 1, 0);
  return { lost: missing(), duplicates };
}
