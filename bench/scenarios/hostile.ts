/**
 * Sixty hostile mails, one after the other: taken by port 25, shown in a list, posted to a hook. Told are the event
 * loop's lag (by the service's own metrics), how long /healthz took, and memory.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HOSTILE } from '../../test/hostile/mails.ts';
import { watching } from '../../test/hostile/watch.ts';
import {
  bootstrap,
  environment,
  eventually,
  startService,
  temporaryDirectory,
} from '../../test/journeys/harness.ts';
import { openSmtp, send } from '../../test/journeys/raw-smtp.ts';
import { at, type Result, type ScenarioOptions } from './scenario.ts';

const SIZES = [60_000, 10 * 1024 * 1024 - 1024] as const;

/** A hook that takes everything and counts it. */
async function startHook(stack: AsyncDisposableStack) {
  const state = { count: 0, octets: 0 };
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => {
      state.octets += chunk.length;
    });
    request.on('end', () => {
      state.count++;
      response.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return { state, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}

export async function hostile({ kind, count }: ScenarioOptions): Promise<Result[]> {
  await using stack = new AsyncDisposableStack();
  const directory = temporaryDirectory();
  const settings = { HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true' };
  const who = await bootstrap(environment(directory, settings), 'sender.test');
  const service = stack.use(await startService(settings, directory));
  const hook = await startHook(stack);
  const base = `http://${service.ready.http}`;
  const authorization = `Basic ${Buffer.from(`${who.key.id}:${who.key.secret}`).toString('base64')}`;
  const topic = `${base}/edj/v1/topics/${who.topic_id}`;
  const subscribed = await fetch(`${topic}/subscribers`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'http', url: hook.url }),
  });
  if (subscribed.status !== 201) throw new Error(await subscribed.text());
  /** Since it was asked last. */
  const lag = async () => {
    const text = await (await fetch(`${base}/metrics`)).text();
    const of = (name: string) =>
      Number(new RegExp(`^nodejs_eventloop_lag_${name}_seconds (\\S+)$`, 'm').exec(text)![1]) * 1000;
    return { p99: of('p99'), max: of('max') };
  };
  const results: Result[] = [];
  const times: number[] = [];
  const chosen = HOSTILE.filter((mail) => kind === null || mail.kind.includes(kind)).slice(0, count ?? 60);
  let sent = 0;
  const take = async (message: Buffer) => {
    await using client = await openSmtp(service.ready.mx);
    const answer = await send(client, 'x@remote.test', ['inbox@sender.test'], message);
    if (answer.startsWith('250')) sent++;
    return answer;
  };
  const heard = () => eventually('the hook heard of it', async () => hook.state.count >= sent, 120);
  // What is loaded at first use, threads too, is there before anything is measured.
  for (const octets of [1000, 100_000]) await take(HOSTILE[0]!.make(octets));
  await heard();
  await lag();
  for (const mail of chosen) {
    for (const size of SIZES) {
      const message = mail.make(size);
      let answer = '';
      let status = 0;
      let listed = 0;
      const took = { mx: 0, list: 0, hook: 0 };
      const clock = () => performance.now();
      const watched = await watching(service, async () => {
        let began = clock();
        answer = await take(message);
        took.mx = clock() - began;
        if (!answer.startsWith('250')) return;
        began = clock();
        const response = await fetch(`${topic}/events?limit=1`, { headers: { authorization } });
        status = response.status;
        listed = (await response.arrayBuffer()).byteLength;
        took.list = clock() - began;
        began = clock();
        await heard();
        took.hook = clock() - began;
      });
      times.push(...watched.times);
      const ms = (n: number) => Math.round(n);
      results.push({
        kind: mail.kind,
        octets: message.length,
        answer: answer.slice(0, 60),
        list: status,
        listed,
        mx_ms: ms(took.mx),
        list_ms: ms(took.list),
        hook_ms: ms(took.hook),
        healthz_max_ms: ms(watched.max),
        healthz_wrong: watched.wrong,
        rss_mib: ms(watched.rssMost),
      });
      process.stderr.write(`${JSON.stringify(results.at(-1))}\n`);
    }
  }
  const loop = await lag();
  return [
    {
      mails: results.length,
      loop_p99_ms: Math.round(loop.p99),
      loop_max_ms: Math.round(loop.max),
      healthz_p99_ms: Math.round(
        at(
          times.toSorted((a, b) => a - b),
          0.99,
        ),
      ),
      healthz_max_ms: Math.round(Math.max(...times)),
      rss_mib: Math.max(...results.map((result) => result['rss_mib'] as number)),
      unanswered: results.filter((result) => result['answer'] === '').length,
      refused: results.filter((result) => !String(result['answer']).startsWith('250')).length,
      lists_not_200: results.filter(
        (result) => String(result['answer']).startsWith('250') && result['list'] !== 200,
      ).length,
    },
  ];
}
