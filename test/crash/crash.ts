/**
 * `npm run crash -- --kills N --seed S`: mail goes in by SMTP and HTTP while the service is killed with -9 at random
 * moments and started again. A ledger holds every recipient whose acceptance was answered (250 or 2xx); at the end each
 * must have reached the recording sink. Duplicates are allowed only for recipients the sink had taken whose row was
 * not yet settled at a kill. Ends with: acked N delivered N lost N duplicates N in-flight-at-kills N
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  type Bootstrapped,
  bootstrap,
  eventually,
  type Running,
  startService,
  startSink,
  temporaryDirectory,
} from '../journeys/harness.ts';
import { openSmtp, plain } from '../journeys/raw-smtp.ts';

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

const sink = await startSink();
const settings = {
  HIKYAKU_ROUTES: `*=smtp://${sink.smtp}`,
  HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true',
  HIKYAKU_LIMIT_PER_MINUTE: '0',
  HIKYAKU_LIMIT_PER_DAY: '0',
  HIKYAKU_LOG_LEVEL: 'info',
};
let service: Running = await startService(settings, directory, true);
const who: Bootstrapped = await bootstrap(service.env, 'sender.test', '--project', 'crash');

async function smtpLoad(): Promise<void> {
  while (!stopping) {
    try {
      await using client = await openSmtp(service.ready.submissions, 'implicit');
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
      const response = await fetch(`http://${service.ready.http}/mta/v1/tasks?is_sync=true`, {
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

/** Recipients the sink has by now, with how often. */
async function received(): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { rcpt_to } of await sink.messages())
    for (const address of rcpt_to) counts.set(address, (counts.get(address) ?? 0) + 1);
  return counts;
}
function unsettled(): string[] {
  const file = readdirSync(directory).find((name) => name === 'hikyaku.sqlite');
  if (file === undefined) throw new Error('the store has no file');
  const database = new DatabaseSync(join(directory, file), { readOnly: true });
  try {
    return database
      .prepare('SELECT address FROM recipient WHERE settled_at IS NULL')
      .all()
      .map((row) => String(row['address']));
  } finally {
    database.close();
  }
}

const loads = [...Array.from({ length: SENDERS }, smtpLoad), httpLoad(), httpLoad()];
let inFlight = 0;
for (let kill = 1; kill <= KILLS; kill++) {
  const enough = acked.size + 1 + Math.floor(random() * 40);
  await eventually('mail goes in', async () => acked.size >= enough, 60);
  await delay(random() * 30);
  await service.kill();
  const taken = await received();
  inFlight += unsettled().filter((address) => taken.has(address)).length;
  service = await startService(settings, directory, true);
}
stopping = true;
await Promise.all(loads);
await eventually(
  'everything is delivered',
  async () => {
    const taken = await received();
    return [...acked].every((address) => taken.has(address));
  },
  120,
).catch(() => undefined);
await eventually('nothing waits', async () => unsettled().length === 0, 120).catch(() => undefined);
const taken = await received();
const lost = [...acked].filter((address) => !taken.has(address));
const duplicates = [...taken.values()].reduce((sum, count) => sum + count - 1, 0);
await service[Symbol.asyncDispose]();
await sink[Symbol.asyncDispose]();
rmSync(directory, { recursive: true, force: true });
for (const address of lost.slice(0, 20)) process.stderr.write(`lost: ${address}\n`);
process.stdout.write(
  `acked ${acked.size} delivered ${acked.size - lost.length} lost ${lost.length} duplicates ${duplicates} in-flight-at-kills ${inFlight}\n`,
);
process.exitCode = lost.length === 0 && duplicates <= inFlight ? 0 : 1;
