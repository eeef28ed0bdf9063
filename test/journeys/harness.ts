/**
 * Real processes on loopback for journeys: the service, the sink, a DNS server. Each is ended by its own
 * handle.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import dnsPacket from 'dns-packet';

const HIKYAKU = fileURLToPath(new URL('../../bin/hikyaku.js', import.meta.url));
/**
 * The program that `env`, or this process's own environment, names (that of another checkout, or the
 * installed package).
 */
const programOf = (env: Readonly<Record<string, string>>) =>
  env['HIKYAKU_TEST_PROGRAM'] ?? process.env['HIKYAKU_TEST_PROGRAM'] ?? HIKYAKU;

export interface Ready {
  readonly http: string;
  readonly mx: string;
  readonly submission: string;
  readonly submissions: string;
  /** The address of the service's own zone, if it has one. */
  readonly dns?: string;
  /** Where /metrics has an address of its own, if it has one. */
  readonly metrics?: string;
}
export interface Running extends AsyncDisposable {
  readonly ready: Ready;
  readonly directory: string;
  readonly child: ChildProcess;
  readonly env: Record<string, string>;
  /** Log lines so far. */
  readonly log: readonly string[];
  kill(): Promise<void>;
}

export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'hikyaku-test-'));
}

export function environment(directory: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HIKYAKU_STORE: `sqlite:${directory}`,
    HIKYAKU_DATA_DIR: directory,
    HIKYAKU_HOSTNAME: 'mail.sender.test',
    // Nothing answers there: no DNS question of a test leaves this machine.
    HIKYAKU_DNS_SERVERS: '127.0.0.1:1',
    HIKYAKU_HTTP_LISTEN: '127.0.0.1:0',
    HIKYAKU_MX_LISTEN: '127.0.0.1:0',
    HIKYAKU_SUBMISSION_LISTEN: '127.0.0.1:0',
    HIKYAKU_SUBMISSIONS_LISTEN: '127.0.0.1:0',
    ...more,
  };
}

/** Waits for a JSON log line that `wanted` accepts; fails with the log so far if the process ends first. */
async function waitForLine(
  child: ChildProcess,
  log: string[],
  wanted: (line: Record<string, unknown>) => boolean,
): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(new Error(`ended early (${code ?? signal}):\n${log.join('\n')}`)),
    );
    createInterface({ input: child.stdout! }).on('line', (line) => {
      log.push(line);
      if (!line.startsWith('{')) return;
      const parsed = JSON.parse(line) as Record<string, unknown>;
      if (wanted(parsed)) resolve(parsed);
    });
    createInterface({ input: child.stderr! }).on('line', (line) => log.push(line));
  });
}

/** Starts `hikyaku serve` and waits until it is ready. */
export async function startService(
  more: Record<string, string> = {},
  directory = temporaryDirectory(),
  keep = false,
  program: string | null = null,
): Promise<Running> {
  const env = environment(directory, more);
  const command =
    program === null ? [programOf(env), 'serve'] : ['--disable-warning=ExperimentalWarning', program];
  const child = spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const log: string[] = [];
  const ready = (await waitForLine(child, log, (line) => line['msg'] === 'ready')) as unknown as Ready;
  child.removeAllListeners('exit');
  const ended = once(child, 'exit');
  return {
    ready,
    directory,
    child,
    env,
    log,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
      if (!keep) rmSync(directory, { recursive: true, force: true });
    },
  };
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
/** Starts a hikyaku command; `ended` resolves with its output. `into`: a file that takes its stdout. */
export function startHikyaku(
  args: readonly string[],
  env: Record<string, string>,
  into: string | null = null,
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const file = into === null ? null : openSync(into, 'w');
  const child = spawn(process.execPath, [programOf(env), ...args], {
    env,
    stdio: ['ignore', file ?? 'pipe', 'pipe'],
  });
  if (file !== null) closeSync(file);
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = once(child, 'close').then(([status]) => ({
    status: status as number | null,
    stdout,
    stderr,
  }));
  return { child, ended };
}
/** Runs a hikyaku command to its end. */
export function hikyaku(args: readonly string[], env: Record<string, string>): Promise<Ended> {
  return startHikyaku(args, env).ended;
}

export interface Bootstrapped {
  readonly project_id: string;
  readonly domain_id: string;
  readonly domain_url: string;
  readonly topic_id: string;
  readonly api_client_id: string;
  readonly key: { readonly id: string; readonly secret: string };
}
export async function bootstrap(
  env: Record<string, string>,
  domain: string,
  ...more: string[]
): Promise<Bootstrapped> {
  const { status, stdout, stderr } = await hikyaku(
    ['bootstrap', '--domain', domain, '--verified', '--json', ...more],
    env,
  );
  if (status !== 0) throw new Error(`bootstrap failed: ${stderr}`);
  return JSON.parse(stdout) as Bootstrapped;
}

export interface Sink extends AsyncDisposable {
  readonly smtp: string;
  readonly http: string;
  messages(): Promise<SinkMessage[]>;
  events(): Promise<SinkEvent[]>;
}
export interface SinkMessage {
  readonly id: string;
  readonly mail_from: string;
  readonly rcpt_to: string[];
  readonly tls: unknown;
  readonly raw_base64: string;
}
export interface SinkEvent {
  readonly id: string;
  readonly headers: Record<string, string>;
  // biome-ignore lint/suspicious/noExplicitAny: events are read by many shapes of assertion
  readonly body: any;
}
export async function startSink(...args: string[]): Promise<Sink> {
  const child = spawn(
    process.execPath,
    [programOf({}), 'sink', '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0', ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const log: string[] = [];
  const ready = await waitForLine(child, log, (line) => line['msg'] === 'ready');
  child.removeAllListeners('exit');
  const ended = once(child, 'exit');
  const http = `http://${ready['http']}`;
  /**
   * All items of `what` so far. Only new ones are requested, because one answer can have tens of megabytes.
   */
  const listing = <T extends { readonly id: string }>(what: string) => {
    const seen: T[] = [];
    return async (): Promise<T[]> => {
      const after = seen.at(-1)?.id;
      const answer = await fetch(`${http}/${what}${after === undefined ? '' : `?after=${after}`}`);
      const known = new Set(seen.map(({ id }) => id));
      seen.push(...((await answer.json()) as T[]).filter(({ id }) => !known.has(id)));
      return [...seen];
    };
  };
  return {
    smtp: String(ready['smtp']),
    http,
    messages: listing<SinkMessage>('messages'),
    events: listing<SinkEvent>('events'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Asks again until `probe` returns something; fails with the name `what` after `seconds`. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | null | false>,
  seconds = 20,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`still not: ${what}`);
    await delay(50);
  }
}

export interface DnsServer extends AsyncDisposable {
  readonly address: string;
  set(name: string, type: 'TXT' | 'MX' | 'A' | 'PTR' | 'SRV' | 'CNAME', data: unknown[]): void;
  /** Questions for names below `zone` are answered by the server at `address`. */
  delegate(zone: string, address: string): void;
}
/** A DNS server on loopback that answers from a table; every other name is NXDOMAIN. `ttl` in seconds. */
export async function startDns(ttl = 60): Promise<DnsServer> {
  const zone = new Map<string, unknown[]>();
  const delegated = new Map<string, string>();
  const socket = createSocket('udp4');
  socket.on('message', (packet, peer) => {
    const query = dnsPacket.decode(packet);
    const question = query.questions?.[0];
    if (question === undefined) return;
    const name = question.name.toLowerCase();
    const elsewhere = [...delegated].find(([suffix]) => name.endsWith(`.${suffix}`));
    if (elsewhere !== undefined) {
      void relay(packet, elsewhere[1]).then((reply) => socket.send(reply, peer.port, peer.address));
      return;
    }
    const data = zone.get(`${name} ${question.type}`) ?? [];
    const alias = zone.get(`${name} CNAME`);
    const known = [...zone.keys()].some((key) => key.startsWith(`${name} `));
    const flags = dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE | (known ? 0 : 3);
    const answers =
      alias === undefined
        ? data.map((value) => ({ name: question.name, type: question.type, ttl, data: value }))
        : alias.map((value) => ({ name: question.name, type: 'CNAME', ttl, data: value }));
    socket.send(
      dnsPacket.encode({
        type: 'response',
        id: query.id ?? 0,
        flags,
        questions: [question],
        answers: answers as dnsPacket.Answer[],
      }),
      peer.port,
      peer.address,
    );
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    set: (name, type, data) => void zone.set(`${name.toLowerCase()} ${type}`, data),
    delegate: (name, address) => void delegated.set(name, address),
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

async function relay(packet: Buffer, address: string): Promise<Buffer> {
  const socket = createSocket('udp4');
  socket.send(packet, portOf(address), '127.0.0.1');
  const [reply] = (await once(socket, 'message')) as [Buffer];
  socket.close();
  return reply;
}

/** Whether a program is on the PATH; journeys without it are skipped with this reason. */
export async function has(program: string): Promise<boolean> {
  const child = spawn('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
  const [status] = (await once(child, 'close')) as [number | null];
  return status === 0;
}
/** Runs a program to its end with `input` on stdin. */
export async function execute(
  program: string,
  args: readonly string[],
  options: { input?: string | Buffer; env?: Record<string, string>; cwd?: string } = {},
): Promise<{ status: number | null; output: string }> {
  const child = spawn(program, args, {
    env: { ...(process.env as Record<string, string>), ...options.env },
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, output };
}
