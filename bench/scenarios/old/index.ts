/**
 * A store after two months of work: how quickly mail is accepted before the sweep, during it, and beside a backup; how
 * fast the sweep is; how long each read takes; how large the write-ahead log and the process get.
 */
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig } from '../../../src/config/config.ts';
import type { Subscriber, Topic } from '../../../src/edj/types.ts';
import type { ProjectId, SubscriberId, TopicId } from '../../../src/runtime/ids.ts';
import { silentLogger } from '../../../src/runtime/logger.ts';
import { openStore } from '../../../src/stores.ts';
import {
  type Bootstrapped,
  environment,
  hikyaku,
  type Running,
  startService,
} from '../../../test/journeys/harness.ts';
import { authorization } from '../../../test/journeys/journey.ts';
import { startDatabase } from '../../cases.ts';
import { at, prepared, type Result, rss, type ScenarioOptions } from '../scenario.ts';
import { startSite } from '../site.ts';
import { fillOld, MILLION } from './fill-old.ts';

const A_SECOND = 100;
const FIRST_SWEEP_MS = 60_000;
const LONGEST_SWEEP_MS = 3_600_000;

export async function old({ count, engine }: ScenarioOptions): Promise<readonly Result[]> {
  await using stack = new AsyncDisposableStack();
  const database = engine === 'postgres' ? await startDatabase(stack) : null;
  const { directory, who, settings } = await prepared(database?.settings);
  await using good = await startSite('good');
  const shape = count === null ? MILLION : { ...MILLION, messages: count, waiting: Math.round(count / 10) };
  const filledIn = await filled(directory, who, settings, shape);
  const file = join(directory, 'hikyaku.sqlite');
  const sizeOf = async () => (database === null ? statSync(file).size : database.size());
  if (database !== null) await database.leave();
  const size = await sizeOf();
  const results: Result[] = [
    {
      part: 'fill',
      messages: shape.messages,
      seconds: filledIn,
      octets_per_message: Math.round(size / shape.messages),
    },
  ];
  const began = performance.now();
  await using service = await startService(
    { ...settings, HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${good.port}` },
    directory,
    true,
  );
  const started = performance.now();
  const watch = watchSizes(service, `${file}-wal`); // PostgreSQL's is its own affair: 0
  results.push({ part: 'start', ready_ms: Math.round(started - began) });
  const phase = async (
    part: string,
    until: () => boolean | Promise<boolean>,
    more: () => Result = () => ({}),
  ) => {
    watch.begin();
    const times = await acceptUntil(service, who, until);
    const result = { part, ...summary(times), ...watch.end(), ...more() };
    results.push(result);
    process.stderr.write(`${JSON.stringify(result)}\n`);
  };
  const after = (ms: number) => () => performance.now() - started >= ms;
  await phase('first 10 s', after(10_000));
  await phase('without', after(FIRST_SWEEP_MS - 2000));
  const swept = () => service.log.find((line) => line.includes('what is over was removed'));
  const sweepBegan = performance.now() + 2000;
  await phase(
    'sweep',
    () => swept() !== undefined || performance.now() - sweepBegan > LONGEST_SWEEP_MS,
    () => {
      const removed = (JSON.parse(swept() ?? '{}') as { removed?: Record<string, number> }).removed ?? {};
      const seconds = (performance.now() - sweepBegan) / 1000;
      return {
        seconds: Math.round(seconds),
        removed,
        messages_a_second: Math.round((removed['messages'] ?? 0) / seconds),
      };
    },
  );
  if (database === null) await backup(directory, settings, phase);
  results.push(await queuePages(service, who));
  results.push({ part: 'file', mib_before: mib(size), mib_after: mib(await sizeOf()) });
  rmSync(directory, { recursive: true, force: true });
  return results;
}

type Phase = (part: string, until: () => boolean) => Promise<void>;
async function backup(directory: string, settings: Record<string, string>, phase: Phase): Promise<void> {
  let backedUp = false;
  const running = hikyaku(['backup', join(directory, 'backup')], environment(directory, settings)).then(
    (ended) => {
      backedUp = true;
      return ended;
    },
  );
  await phase('backup', () => backedUp);
  const { status, stderr } = await running;
  if (status !== 0) throw new Error(`backup: ${stderr}`);
}
/** ms of the pages of the queue's summary, one after the other. */
async function queuePages(service: Running, who: Bootstrapped): Promise<Result> {
  const times: number[] = [];
  for (let cursor: string | null = ''; cursor !== null && times.length < 100; ) {
    const began = performance.now();
    const response = await fetch(
      `http://${service.ready.http}/mta/v1/queues?limit=50${cursor && `&cursor=${cursor}`}`,
      {
        headers: { authorization: authorization(who) },
      },
    );
    const page = (await response.json()) as { next_cursor: string | null };
    if (!response.ok) throw new Error(`${response.status} ${JSON.stringify(page)}`);
    times.push(performance.now() - began);
    cursor = page.next_cursor;
  }
  const first = Number(times[0]!.toFixed(1));
  const { p50_ms, p99_ms, worst_ms } = summary(times);
  return {
    part: 'queue',
    pages: times.length,
    first,
    p50_ms,
    p99_ms,
    worst_ms,
    rss_mib: Math.round(rss(service.child.pid!)),
  };
}

/** Seconds it took. */
async function filled(
  directory: string,
  who: Bootstrapped,
  settings: Record<string, string>,
  shape: typeof MILLION,
): Promise<number> {
  const began = performance.now();
  const config = loadConfig(environment(directory, settings));
  await using store = await openStore(config, silentLogger, true);
  const projectId = who.project_id as ProjectId;
  const topic: Topic = { id: who.topic_id as TopicId, projectId, name: 'default', createdAt: 0 };
  const subscriber: Subscriber = {
    id: crypto.randomUUID() as string as SubscriberId,
    projectId,
    topicId: topic.id,
    type: 'http',
    url: 'http://127.0.0.1:9/',
    inline: false,
    sealedSecret: Buffer.from('none'),
    createdAt: 0,
  };
  await store.transact(projectId, (tx) => tx.insertSubscriber(subscriber));
  let told = 0;
  await fillOld(store, { projectId, topic, subscriber }, shape, Date.now(), (done) => {
    if (done - told < 100_000) return;
    told = done;
    process.stderr.write(`${done} of ${shape.messages}\n`);
  });
  return Math.round((performance.now() - began) / 1000);
}

/** ms that each of A_SECOND messages a second took to be accepted, until the end; one that is refused is an error. */
async function acceptUntil(
  service: Running,
  who: Bootstrapped,
  over: () => boolean | Promise<boolean>,
): Promise<number[]> {
  const times: number[] = [];
  const pending = new Set<Promise<void>>();
  const began = performance.now();
  for (let i = 0; !(await over()); i += 1) {
    await delay(Math.max(0, began + (i * 1000) / A_SECOND - performance.now()));
    const one = accepted(service, who).then((ms) => {
      times.push(ms);
      pending.delete(one);
    });
    pending.add(one);
  }
  await Promise.all(pending);
  return times;
}
async function accepted(service: Running, who: Bootstrapped): Promise<number> {
  const began = performance.now();
  const response = await fetch(`http://${service.ready.http}/mta/v1/tasks?is_sync=true`, {
    method: 'POST',
    headers: { authorization: authorization(who), 'content-type': 'application/json' },
    body: JSON.stringify({
      procedure: 'send_message',
      arguments: {
        self: who.domain_url,
        from: ['sender@sender.test'],
        to: ['someone@out.test'],
        subject: 'x',
        content_type: 'text/plain; charset=UTF-8',
        body: 'x'.repeat(2000),
      },
    }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return performance.now() - began;
}
function summary(times: readonly number[]): Result {
  const sorted = [...times].sort((a, b) => a - b);
  const of = (q: number) => Number(at(sorted, q).toFixed(1));
  return { accepted: sorted.length, p50_ms: of(0.5), p99_ms: of(0.99), worst_ms: of(1) };
}
function watchSizes({ child }: Running, wal: string) {
  let most = { wal: 0, rss: 0 };
  const look = () => {
    most = {
      wal: Math.max(most.wal, statSync(wal, { throwIfNoEntry: false })?.size ?? 0),
      rss: Math.max(most.rss, rss(child.pid!)),
    };
  };
  let timer: NodeJS.Timeout | undefined;
  return {
    begin() {
      most = { wal: 0, rss: 0 };
      timer = setInterval(look, 250);
    },
    end(): Result {
      clearInterval(timer);
      return { wal_mib: mib(most.wal), rss_mib: Math.round(most.rss) };
    },
  };
}
const mib = (octets: number) => Math.round(octets / 1024 ** 2);
