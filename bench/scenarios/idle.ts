/**
 * Idle connections at port 25, opened again whenever they are closed, beside honest messages from other networks, each
 * over a connection of its own: 5,000 from 100 addresses, and 5,000 from one IPv6 /64 (behind a PROXY header).
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { environment, portOf, type Running, startDns, startService } from '../../test/journeys/harness.ts';
import { at, prepared, type Result, rss, type ScenarioOptions } from './scenario.ts';

const PROXY = '127.0.0.9';
const IDLE = 5_000;
const A_SECOND = 50;
const BODY = `From: <a@peer.test>\r\nSubject: x\r\n\r\n${'x'.repeat(900)}\r\n.\r\n`;

/** Where the `i`th idle connection comes from, and what it says first. */
type Origin = (i: number) => { readonly from: string; readonly first: string };
const ORIGINS: Readonly<Record<string, Origin>> = {
  // Each in a /21 of its own.
  '100 addresses': (i) => ({ from: `127.${10 + (i % 100)}.0.1`, first: '' }),
  'one /64': (i) => ({
    from: PROXY,
    first: `PROXY TCP6 2001:db8::${(i + 1).toString(16)} 2001:db8:1::25 ${1024 + i} 25\r\n`,
  }),
};

interface Crowd {
  readonly open: number;
  readonly closed: number;
  end(): void;
}
/** So many connections that say nothing and come again ten seconds after they are closed. */
function crowd(port: number, many: number, origin: Origin): Crowd {
  const sockets = new Set<Socket>();
  const state = { closed: 0, ended: false };
  function open(i: number): void {
    if (state.ended) return;
    const { from, first } = origin(i);
    const socket = connect({ host: '127.0.0.1', port, localAddress: from });
    sockets.add(socket);
    if (first !== '') socket.write(first);
    socket.on('error', () => {});
    socket.resume();
    socket.on('close', () => {
      sockets.delete(socket);
      state.closed += 1;
      setTimeout(open, 10_000, i).unref();
    });
  }
  for (let i = 0; i < many; i += 1) setTimeout(open, i / 2, i);
  return {
    get open() {
      return sockets.size;
    },
    get closed() {
      return state.closed;
    },
    end() {
      state.ended = true;
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** ms from the connection to the 250 for one message; null: refused, or closed before. */
function honest(port: number, i: number): Promise<number | null> {
  const began = performance.now();
  const steps = [
    'EHLO peer.test\r\n',
    'MAIL FROM:<a@peer.test>\r\nRCPT TO:<postmaster@sender.test>\r\nDATA\r\n',
    BODY,
  ];
  const expected = [/^220 /m, /^250 /m, /^354 /m, /^250 /m];
  return new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      localAddress: `127.${150 + (i % 50)}.${(i * 8) % 256}.1`,
      noDelay: true,
    });
    let text = '';
    let step = 0;
    socket.on('error', () => {});
    socket.on('close', () => resolve(null));
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const wanted = expected[step];
      if (wanted === undefined || !text.endsWith('\r\n') || !wanted.test(text)) return;
      text = '';
      const next = steps[step++];
      if (next !== undefined) return void socket.write(next);
      resolve(performance.now() - began);
      socket.end('QUIT\r\n');
    });
  });
}

async function measured(service: Running, name: string | null, seconds: number): Promise<Result> {
  const port = portOf(service.ready.mx);
  const attack = name === null ? null : crowd(port, IDLE, ORIGINS[name]!);
  if (attack !== null) await delay(IDLE / 2 + 3_000);
  const open = attack?.open ?? 0;
  const began = performance.now();
  const times = await Promise.all(
    Array.from({ length: seconds * A_SECOND }, async (_, i) => {
      await delay(Math.max(0, began + (i * 1000) / A_SECOND - performance.now()));
      return honest(port, i);
    }),
  );
  const taken = times.filter((time) => time !== null).sort((a, b) => a - b);
  const result = {
    idle: name ?? 'none',
    idle_tried: attack === null ? 0 : IDLE,
    idle_open: open,
    idle_closed: attack?.closed ?? 0,
    messages: times.length,
    refused: times.length - taken.length,
    p50_ms: Number(at(taken, 0.5).toFixed(1)),
    p99_ms: Number(at(taken, 0.99).toFixed(1)),
    rss_mib: Math.round(rss(service.child.pid!)),
  };
  attack?.end();
  return result;
}

/** `count`: seconds of honest mail, 60 by default. */
export async function idle({ count, kind }: ScenarioOptions): Promise<Result[]> {
  const results: Result[] = [];
  for (const name of kind === null ? [null, ...Object.keys(ORIGINS)] : [kind]) {
    await using dns = await startDns();
    const { directory } = await prepared();
    await using service = await startService(
      { ...environment(directory), HIKYAKU_TRUSTED_PROXIES: PROXY, HIKYAKU_DNS_SERVERS: dns.address },
      directory,
    );
    results.push(await measured(service, name, count ?? 60));
    process.stderr.write(`${JSON.stringify(results.at(-1))}\n`);
  }
  return results;
}
