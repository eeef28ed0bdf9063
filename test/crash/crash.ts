/**
 * `npm run crash -- --kills N --seed S`: mail goes in by SMTP and HTTP while the service is killed with -9 at random
 * moments, or ends itself at a named one, and is started again; the sink refuses some for now and is slow for some. A ledger holds every recipient whose acceptance was answered (250 or 2xx); at the end each
 * must have reached the recording sink. Duplicates are allowed only for recipients the sink had taken whose row was
 * not yet settled at a kill. Ends with: acked N delivered N lost N duplicates N in-flight-at-kills N
 */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MOMENTS, type Moment } from '../../src/service.ts';
import {
  type Bootstrapped,
  bootstrap,
  environment,
  eventually,
  type Running,
  startService,
  temporaryDirectory,
} from '../journeys/harness.ts';
import { openSmtp, plain } from '../journeys/raw-smtp.ts';
import { startCrashSink } from './sink.ts';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' } },
});
const KILLS = Number(values.kills);
const SENDERS = 4;

/** mulberry32: the same seed kills at the same offsets. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = generator(Number(values.seed));
const directory = temporaryDirectory();
const acked = new Set<string>();
let counter = 0;
let stopping = false;

const sink = await startCrashSink(random);
const settings = {
  HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${sink.port}`,
  HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true',
  HIKYAKU_LIMIT_PER_MINUTE: '0',
  HIKYAKU_LIMIT_PER_DAY: '0',
  HIKYAKU_LOG_LEVEL: 'info',
  HIKYAKU_HTTP_LISTEN: '127.0.0.1:0',
};
function unsettled(): string[] {
  const database = new DatabaseSync(join(directory, 'hikyaku.sqlite'), { readOnly: true });
  try {
    return database
      .prepare('SELECT address FROM recipient WHERE next_attempt_at IS NOT NULL')
      .all()
      .map((row) => String(row['address']));
  } finally {
    database.close();
  }
}
/** What the far end has taken of what is not settled: each may come once more, however the service ended. */
let inFlight = 0;
async function countInFlight(): Promise<void> {
  await sink.quiet();
  for (const address of unsettled()) if (sink.taken.has(address)) inFlight += 1;
}

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
interface Child {
  readonly running: Running;
  /** The named moment at which it will end itself; null: it is killed from outside. */
  readonly moment: Moment | null;
  readonly ended: Promise<void>;
}
async function start(wanted: Moment | null): Promise<Child> {
  let moment = wanted;
  const nth = 1 + Math.floor(random() * 60);
  for (;;) {
    const crash: Record<string, string> = moment === null ? {} : { HIKYAKU_TEST_CRASH: `${moment}:${nth}` };
    try {
      const running = await startService({ ...settings, ...crash }, directory, true, CHILD);
      return { running, moment, ended: once(running.child, 'exit').then(() => undefined) };
    } catch (error) {
      // It may reach its moment before it is ready: that was the kill, and the next one comes from outside.
      if (moment === null || !String(error).includes('SIGKILL')) throw error;
      await countInFlight();
      moment = null;
    }
  }
}
/** Every second kill falls on a named moment, each of them in turn; hooks have none here. */
let turn = 0;
const NAMED = MOMENTS.filter((moment) => !moment.startsWith('hooks'));
function pick(): Moment | null {
  turn += 1;
  return turn % 2 === 0 ? null : NAMED[((turn - 1) / 2) % NAMED.length]!;
}
const who: Bootstrapped = await bootstrap(
  environment(directory, settings),
  'sender.test',
  '--project',
  'crash',
);
let service = await start(pick());

async function smtpLoad(): Promise<void> {
  while (!stopping) {
    try {
      await using client = await openSmtp(service.running.ready.submissions, 'implicit');
      if (!(await client.command(plain(who.key.id, who.key.secret))).startsWith('235'))
        throw new Error('AUTH refused');
      while (!stopping) {
        const address = `r${counter++}@out.test`;
        await client.command('MAIL FROM:<sender@sender.test>');
        await client.command(`RCPT TO:<${address}>`);
        const answer = await client.data(
          Buffer.from(`From: <sender@sender.test>\r\nSubject: ${address}\r\n\r\nbody\r\n`),
        );
        if (answer.startsWith('250')) acked.add(address);
      }
    } catch {
      await delay(20); // the service was killed under us: the next try finds the new one
    }
  }
}
async function httpLoad(): Promise<void> {
  while (!stopping) {
    const address = `r${counter++}@out.test`;
    try {
      const response = await fetch(`http://${service.running.ready.http}/mta/v1/tasks?is_sync=true`, {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from(`${who.key.id}:${who.key.secret}`).toString('base64')}`,
          'content-type': 'application/json',
        },
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
      if (response.ok) acked.add(address);
    } catch {
      await delay(20);
    }
  }
}

const loads = [...Array.from({ length: SENDERS }, smtpLoad), httpLoad(), httpLoad()];
for (let kill = 1; kill <= KILLS; kill++) {
  if (service.moment === null) {
    const enough = acked.size + 1 + Math.floor(random() * 40);
    await eventually('mail goes in', async () => acked.size >= enough, 60);
    await delay(random() * 30);
    await service.running.kill();
  } else {
    // A moment that does not come is a kill from outside.
    await Promise.race([service.ended, delay(20_000)]);
    if (service.running.child.exitCode === null && service.running.child.signalCode === null)
      await service.running.kill();
  }
  await countInFlight();
  service = await start(kill === KILLS ? null : pick());
  if (kill % 50 === 0)
    process.stderr.write(`kill ${kill}: acked ${acked.size}, in flight so far ${inFlight}\n`);
}
stopping = true;
await Promise.all(loads);
await eventually(
  'everything is delivered',
  async () => [...acked].every((address) => sink.taken.has(address)),
  120,
).catch(() => undefined);
await eventually('nothing waits', async () => unsettled().length === 0, 120).catch(() => undefined);
const lost = [...acked].filter((address) => !sink.taken.has(address));
const duplicates = [...sink.taken.values()].reduce((sum, count) => sum + count - 1, 0);
await service.running[Symbol.asyncDispose]();
await sink[Symbol.asyncDispose]();
rmSync(directory, { recursive: true, force: true });
for (const address of lost.slice(0, 20)) process.stderr.write(`lost: ${address}\n`);
process.stdout.write(
  `acked ${acked.size} delivered ${acked.size - lost.length} lost ${lost.length} duplicates ${duplicates} in-flight-at-kills ${inFlight}\n`,
);
process.exitCode = lost.length === 0 && duplicates <= inFlight ? 0 : 1;
