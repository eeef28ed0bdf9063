/**
 * The operator's door on the machine itself: a socket in the data directory that its owner alone may open. It speaks JSON
 * over HTTP to `hikyaku queue` and acts on all projects. Requests are small and few.
 */
import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { join } from 'node:path';
import { Compile } from 'typebox/compile';
import { parseId } from '../runtime/ids.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { ApiDeps } from './deps.ts';
import { answerQueueRequest, QueueBody } from './mta-queues.ts';
import { Problem } from './problems.ts';

export const CONTROL_SOCKET = 'control.sock';
const MOST_OCTETS = 64 * 1024;

export function createControl(
  directory: string,
  deps: Pick<ApiDeps, 'operate' | 'clock' | 'logger'>,
): Service {
  const path = join(directory, CONTROL_SOCKET);
  const body = Compile(QueueBody);
  let server: Server | null = null;

  async function answer(request: IncomingMessage): Promise<{ status: number; json: object }> {
    const url = new URL(request.url ?? '/', 'http://control');
    if (request.method !== 'POST' || url.pathname !== '/queue')
      return { status: 404, json: { detail: 'not found' } };
    const chunks: Buffer[] = [];
    let octets = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      octets += chunk.length;
      if (octets > MOST_OCTETS) return { status: 413, json: { detail: 'too large' } };
      chunks.push(chunk);
    }
    const input: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (!body.Check(input)) return { status: 400, json: { detail: 'not a queue request' } };
    const project = url.searchParams.get('project');
    const id = project === null ? null : parseId<'project'>(project);
    if (project !== null && id === null) return { status: 400, json: { detail: 'project is not an id' } };
    return { status: 200, json: await answerQueueRequest(deps, id, 'operator on the machine', input) };
  }
  return {
    async start() {
      rmSync(path, { force: true });
      const made = createServer((request, response) => {
        answer(request).then(
          ({ status, json }) => response.writeHead(status).end(JSON.stringify(json)),
          (error: unknown) => {
            const known = error instanceof Problem;
            if (!known && !(error instanceof SyntaxError))
              deps.logger.error({ err: error }, 'control request failed');
            const detail = known
              ? error.message
              : error instanceof SyntaxError
                ? 'not JSON'
                : 'internal error';
            response.writeHead(known ? error.status : 500).end(JSON.stringify({ detail }));
          },
        );
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
