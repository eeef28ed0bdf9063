/**
 * The control socket: a socket in the data directory that only its owner may open. The commands `hikyaku queue`,
 * which acts on all projects, `hikyaku backup` and `hikyaku doctor` use it, with JSON over HTTP. Requests are small
 * and few. A client that accepts NDJSON gets lines of progress, and the answer as the last line. If the client
 * disconnects, the work ends, and what was done is recorded.
 */
import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { join } from 'node:path';
import { Compile } from 'typebox/compile';
import { QueueRequest } from '../contract/operations/mta-mail.ts';
import type { Clock } from '../runtime/clock.ts';
import { parseId } from '../runtime/ids.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Report, Watch } from '../runtime/report.ts';
import { StoreError } from '../runtime/transactor.ts';
import { answerCopy, CopyBody, type OwnStore } from './control-copy.ts';
import type { ApiDeps } from './deps.ts';
import { retentionView } from './mta-retention.ts';
import { Problem } from './problems.ts';
import { answerQueueRequest } from './queue-request.ts';

export const CONTROL_SOCKET = 'control.sock';
/** https://github.com/ndjson/ndjson-spec */
export const NDJSON = 'application/x-ndjson';
const PATHS: ReadonlySet<string> = new Set(['/queue', '/copy', '/retention', '/addresses']);
const MOST_OCTETS = 64 * 1024;
/** Time between two lines of progress, ms. */
const PAUSE_MS = 100;

interface Answer {
  readonly status: number;
  readonly json: object;
}
/** The caller controls the machine, so the answer may hold error messages of the store. */
function failureOf(error: unknown, logger: ApiDeps['logger']): Answer {
  if (error instanceof Problem) return { status: error.status, json: { detail: error.message } };
  if (error instanceof SyntaxError) return { status: 400, json: { detail: 'not JSON' } };
  logger.error({ err: error }, 'a control request failed');
  return error instanceof StoreError
    ? { status: error.full ? 507 : 503, json: { detail: error.message } }
    : { status: 500, json: { detail: 'internal error' } };
}
function throttled(clock: Clock, write: Report): Report {
  let next = 0;
  return (progress) => {
    const now = clock.monotonic();
    if (now < next) return;
    next = now + PAUSE_MS;
    write(progress);
  };
}

export function createControl(
  directory: string,
  deps: Pick<ApiDeps, 'operate' | 'clock' | 'logger' | 'read' | 'retention'> & {
    /** null: the store is not a file of this service. */
    readonly ownStore: OwnStore | null;
    /** Where the service listens, as `host:port`. */
    readonly addresses: () => readonly string[];
    readonly publicUrl: () => string;
  },
): Service {
  const path = join(directory, CONTROL_SOCKET);
  const queueBody = Compile(QueueRequest);
  const copyBody = Compile(CopyBody);
  let server: Server | null = null;

  async function answer(request: IncomingMessage, watch: Watch): Promise<Answer> {
    const url = new URL(request.url ?? '/', 'http://control');
    if (request.method !== 'POST' || !PATHS.has(url.pathname))
      return { status: 404, json: { detail: 'not found' } };
    const chunks: Buffer[] = [];
    let octets = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      octets += chunk.length;
      if (octets > MOST_OCTETS) return { status: 413, json: { detail: 'too large' } };
      chunks.push(chunk);
    }
    const input: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (url.pathname === '/retention') return { status: 200, json: retentionView(await deps.retention()) };
    if (url.pathname === '/addresses')
      return { status: 200, json: { addresses: deps.addresses(), public_url: deps.publicUrl() } };
    if (url.pathname === '/copy') {
      if (deps.ownStore === null)
        return { status: 404, json: { detail: 'the store is not a file of this service' } };
      if (!copyBody.Check(input)) return { status: 400, json: { detail: 'not a request for a copy' } };
      return await answerCopy(input, deps.ownStore, deps, watch);
    }
    if (!queueBody.Check(input)) return { status: 400, json: { detail: 'not a queue request' } };
    const project = url.searchParams.get('project');
    const id = project === null ? null : parseId<'project'>(project);
    if (project !== null && id === null) return { status: 400, json: { detail: 'project is not an id' } };
    const json = await answerQueueRequest(
      deps,
      { project: id, isChosen: id !== null, byOperator: true },
      'operator on the machine',
      input,
      watch,
    );
    return { status: 200, json };
  }
  return {
    async start() {
      rmSync(path, { force: true });
      const made = createServer((request, response) => {
        const gone = new AbortController();
        response.on('close', () => gone.abort());
        const isWatched = request.headers.accept === NDJSON;
        if (isWatched) response.writeHead(200, { 'content-type': NDJSON }).flushHeaders();
        const report = throttled(deps.clock, (progress) => {
          if (isWatched) response.write(`${JSON.stringify({ progress })}\n`);
        });
        const end = (answer: Answer) => {
          if (isWatched) response.end(`${JSON.stringify(answer)}\n`);
          else response.writeHead(answer.status).end(JSON.stringify(answer.json));
        };
        answer(request, { report, signal: gone.signal }).then(end, (error: unknown) => {
          if (gone.signal.aborted) return;
          end(failureOf(error, deps.logger));
        });
      });
      server = made;
      made.listen(path);
      await once(made, 'listening');
      chmodSync(path, 0o600);
    },
    async [Symbol.asyncDispose]() {
      if (server === null || !server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
      rmSync(path, { force: true });
    },
  };
}
