/**
 * Fifty events of 10 MB: forwarded by a hook and by `hikyaku listen`, listed, walked through with their bodies, and asked
 * for by twelve clients at once that go away. Of each: how long it took, the lag of the service's event loop, its memory.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  type Bootstrapped,
  eventually,
  portOf,
  type Running,
  startService,
} from '../../test/journeys/harness.ts';
import { authorization } from '../../test/journeys/journey.ts';
import { openSmtp, send } from '../../test/journeys/raw-smtp.ts';
import { largeMail } from '../../test/journeys/stored-events.ts';
import { cpuSeconds } from '../processes.ts';
import { prepared, type Result, type ScenarioOptions } from './scenario.ts';

const HIKYAKU = fileURLToPath(new URL('../../bin/hikyaku.js', import.meta.url));
const OCTETS = 10_000_000;
const AT_ONCE = 12;

/** Digests of what was posted, by event id. */
async function startHook() {
  const got = new Map<string, string>();
  const server = createServer(async (request, response) => {
    const hash = createHash('sha256');
    for await (const piece of request) hash.update(piece as Buffer);
    got.set(String(request.headers['webhook-id']), hash.digest('hex'));
    response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/hook`,
    got,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function createMeter({ child, ready }: Running, who: Bootstrapped) {
  const pid = child.pid!;
  const headers = { authorization: authorization(who) };
  const metrics = async () => (await fetch(`http://${ready.http}/metrics`)).text();
  const lag = (text: string, name: string) =>
    Math.round(Number(new RegExp(`^nodejs_eventloop_lag_${name}_seconds (\\S+)`, 'm').exec(text)![1]) * 1000);
  return {
    headers,
    /** What the service's process went through while `act` ran. */
    async measure(act: () => Promise<Result>): Promise<Result> {
      await metrics(); // begins a new measurement of the lag
      writeFileSync(`/proc/${pid}/clear_refs`, '5'); // and of the peak
      const began = performance.now();
      const result = await act();
      const ms = Math.round(performance.now() - began);
      const text = await metrics();
      const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
      return {
        ...result,
        ms,
        lag_p99_ms: lag(text, 'p99'),
        lag_max_ms: lag(text, 'max'),
        rss_peak_mib: Math.round(peak),
      };
    },
  };
}

export async function lists({ count }: ScenarioOptions): Promise<readonly Result[]> {
  const events = count ?? 50;
  const { directory, who, settings } = await prepared();
  await using service = await startService({ ...settings, HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true' }, directory);
  await using hook = await startHook();
  await using here = await startHook();
  const base = `http://${service.ready.http}`;
  const { headers, measure } = createMeter(service, who);
  const path = `/edj/v1/topics/${who.topic_id}/events`;
  await fetch(`${base}/edj/v1/topics/${who.topic_id}/subscribers`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'http', url: hook.url }),
  });
  const listening = spawn(
    process.execPath,
    [HIKYAKU, 'listen', '--topic', who.topic_id, '--forward', here.url, '--count', String(events)],
    {
      env: {
        ...process.env,
        HIKYAKU_API_URL: base,
        HIKYAKU_API_KEY_ID: who.key.id,
        HIKYAKU_API_KEY_SECRET: who.key.secret,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  await once(listening.stderr, 'data');
  const listened = once(listening, 'close');
  const results: Result[] = [];

  results.push(
    await measure(async () => {
      await using smtp = await openSmtp(service.ready.mx);
      for (let i = 0; i < events; i++) {
        const answer = await send(
          smtp,
          'w@elsewhere.test',
          ['in@sender.test'],
          largeMail(OCTETS, `no. ${i}`),
        );
        if (!answer.startsWith('250')) throw new Error(answer);
      }
      await listened;
      await eventually('the hook has all', async () => hook.got.size === events, 600);
      const equal = [...hook.got].filter(([id, digest]) => here.got.get(id) === digest).length;
      return { what: 'taken, to a hook and to listen', events, equal };
    }),
  );
  results.push(
    await measure(async () => {
      const text = await (await fetch(`${base}${path}?limit=50`, { headers })).text();
      return { what: 'the list', items: JSON.parse(text).items.length, octets: Buffer.byteLength(text) };
    }),
  );
  results.push(
    await measure(async () => {
      let [pages, octets] = [0, 0];
      for (let cursor: string | null = ''; cursor !== null; pages++) {
        const answer = await fetch(`${base}${path}?full=true${cursor === '' ? '' : `&cursor=${cursor}`}`, {
          headers,
        });
        let end = Buffer.alloc(0);
        for await (const piece of answer.body!) {
          octets += piece.length;
          end = Buffer.concat([end, piece]).subarray(-500);
        }
        cursor = JSON.parse(/"next_cursor":(null|"[^"]*")\}$/.exec(end.toString('utf8'))![1]!);
      }
      return { what: 'full=true', pages, octets };
    }),
  );
  for (const query of ['limit=500', 'full=true&limit=500'])
    results.push(
      await measure(async () => {
        const clients = Array.from({ length: AT_ONCE }, () => {
          const socket = connect(portOf(service.ready.http), '127.0.0.1');
          const { authorization: key } = headers;
          socket.write(`GET ${path}?${query} HTTP/1.1\r\nHost: x\r\nAuthorization: ${key}\r\n\r\n`);
          return socket;
        });
        await Promise.all(clients.map((socket) => once(socket, 'data')));
        for (const socket of clients) socket.resetAndDestroy();
        await delay(500);
        const before = cpuSeconds(service.child.pid!);
        await delay(1000);
        const idle = Math.round((cpuSeconds(service.child.pid!) - before) * 1000);
        return { what: `${AT_ONCE} gone, ${query}`, cpu_ms_of_the_next_second: idle };
      }),
    );
  return results;
}
