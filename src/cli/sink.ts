/**
 * `hikyaku sink`: a recording SMTP server and HTTP hook for development. It accepts everything and keeps at
 * most 64 MiB.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isLoopback, parseHostPort } from '../config/config.ts';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { createTlsContext, makeSelfSigned } from '../runtime/tls.ts';
import { reply } from '../smtp/reply.ts';
import { createByteBudget } from '../smtp/server/byte-budget.ts';
import { createSmtpListener } from '../smtp/server/listener.ts';
import type { Receiver } from '../smtp/server/receiver.ts';
import { type CommandContext, parseOptions, UsageError } from './usage.ts';

const MOST_BYTES = 64 * 1024 * 1024;
const SIZE_LIMIT = 50 * 1024 * 1024;

interface Kept {
  readonly id: string;
  readonly json: string;
}
/** A list that drops its oldest entries beyond 64 MiB. */
function shelf() {
  const entries: Kept[] = [];
  const sum = { bytes: 0 };
  return {
    add(id: string, value: object) {
      const json = JSON.stringify(value);
      entries.push({ id, json });
      sum.bytes += json.length;
      while (sum.bytes > MOST_BYTES && entries.length > 1) sum.bytes -= entries.shift()!.json.length;
    },
    after: (id: string | null) =>
      `[${entries
        .slice(id === null ? 0 : entries.findIndex((entry) => entry.id === id) + 1)
        .map(({ json }) => json)
        .join(',')}]`,
  };
}

interface Failure {
  readonly pattern: RegExp;
  readonly code: number;
}
function parseFailure(text: string): Failure {
  const match = /^(.+)=([45]\d\d)$/.exec(text);
  if (match === null) throw new UsageError(`--fail ${text}: expected PATTERN=CODE, such as *@slow.test=451`);
  const glob = match[1]!
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return { pattern: new RegExp(`^${glob}$`, 'i'), code: Number(match[2]) };
}

export async function run(args: readonly string[], { signal }: CommandContext): Promise<number> {
  const options = parseOptions(args, {
    listen: { type: 'string' },
    http: { type: 'string' },
    fail: { type: 'string', multiple: true },
  });
  const [smtpAt, httpAt] = [options.listen ?? '127.0.0.1:2526', options.http ?? '127.0.0.1:8026'].map(
    (text) => {
      const address = parseHostPort(text);
      if (address === null || !isLoopback(address.host))
        throw new UsageError(`'${text}' is not a loopback address:port`);
      return address;
    },
  );
  const failures = (options.fail ?? []).map(parseFailure);
  const random = createRandom();
  const messages = shelf();
  const events = shelf();
  const receiver: Receiver = {
    connect: async () => ({ ok: true, value: null }),
    authenticate: async () => ({ ok: true, value: {} }),
    async mail(connection, { address }) {
      const recipients: string[] = [];
      return {
        ok: true,
        value: {
          sizeLimit: SIZE_LIMIT,
          async rcpt({ address: recipient }) {
            const failure = failures.find(({ pattern }) => pattern.test(recipient));
            if (failure !== undefined) {
              const { code } = failure;
              return { ok: false, reply: reply(code, code < 500 ? '4.2.0' : '5.1.1', 'refused as asked') };
            }
            recipients.push(recipient);
            return { ok: true, value: null };
          },
          async data(raw, committing) {
            if (!committing()) return reply(451, '4.3.2', 'the connection was closed');
            const id = random.id();
            messages.add(id, {
              id,
              received_at: new Date(systemClock.now()).toISOString(),
              mail_from: address,
              rcpt_to: recipients,
              tls: connection.tls,
              raw_base64: raw.toString('base64'),
            });
            return reply(250, '2.0.0', `kept ${id}`);
          },
          abort() {},
        },
      };
    },
  };
  const pair = await makeSelfSigned('localhost', systemClock.now());
  const context = createTlsContext({ ...pair, minVersion: 'TLSv1.2', clients: 'servers' });
  await using smtp = createSmtpListener({
    role: 'mx',
    ...smtpAt!,
    hostname: 'sink.localhost',
    receiver,
    secureContext: () => context,
    clock: systemClock,
    logger: silentLogger,
    budget: createByteBudget(systemClock, undefined, 256 * 1024 * 1024),
    announcedSize: () => SIZE_LIMIT,
    authNeeds: () => null,
    exempt: () => true,
    maxJunk: Number.POSITIVE_INFINITY,
    maxErrors: Number.POSITIVE_INFINITY,
  });
  await smtp.start(signal);
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://sink');
    const send = (status: number, body: string) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    if (request.method === 'GET' && url.pathname === '/messages')
      send(200, messages.after(url.searchParams.get('after')));
    else if (request.method === 'GET' && url.pathname === '/events')
      send(200, events.after(url.searchParams.get('after')));
    else if (request.method === 'POST' && url.pathname.startsWith('/hook')) {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const text = Buffer.concat(parts).toString('utf8');
      const id = random.id();
      try {
        events.add(id, { id, headers: request.headers, body: JSON.parse(text) });
        send(204, '');
      } catch {
        send(400, '{"error":"not JSON"}');
      }
    } else send(404, '{"error":"GET /messages, GET /events, POST /hook"}');
  }
  server.listen(httpAt!.port, httpAt!.host);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  process.stdout.write(
    `${JSON.stringify({ msg: 'ready', smtp: `${smtpAt!.host}:${smtp.port}`, http: `${httpAt!.host}:${port}` })}\n`,
  );
  if (!signal.aborted)
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  server.close();
  server.closeAllConnections();
  return 0;
}
