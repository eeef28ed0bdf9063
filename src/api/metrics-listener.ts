/**
 * `/metrics` on an address of its own (HIKYAKU_METRICS_LISTEN): plain HTTP, without a key, for monitoring from inside.
 * Its connections and deadlines are its own, so that no flood of the API or of SMTP takes it. Answers nothing else.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../runtime/clock.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { edgeProblem, originForm, refuseAtEdge } from './http-edge.ts';
import { createRefusal } from './linger.ts';
import { ALWAYS, Problem } from './problems.ts';

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
/** Each scrape costs a look into the store. */
const MOST_CONNECTIONS = 20;
const HEADER_MS = 5_000;
const REQUEST_MS = 10_000;
/** Prometheus scrapes every 15 to 60 s. */
const KEEP_ALIVE_MS = 65_000;

export interface MetricsListener extends Service {
  readonly port: number;
}
export interface MetricsListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: Pick<Metrics, 'render'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

function refusalOf(request: IncomingMessage): Problem | null {
  const problem = edgeProblem(request);
  if (problem !== null) return problem;
  const path = originForm(request.url ?? '/').split('?', 1)[0];
  if (path !== '/metrics') return new Problem('not-found', 'only /metrics is answered at this address');
  if (request.method === 'GET' || request.method === 'HEAD') return null;
  return new Problem('method-not-allowed', `/metrics has no ${request.method}`, {
    headers: { allow: 'GET, HEAD' },
  });
}

export function createMetricsListener({
  host,
  port,
  metrics,
  clock,
  logger,
}: MetricsListenerOptions): MetricsListener {
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refused = refusalOf(request);
    if (refused !== null) return refuseAtEdge(request, response, refused, clock);
    try {
      const body = Buffer.from(await metrics.render());
      response
        .writeHead(200, { ...ALWAYS, 'content-type': METRICS_TYPE, 'content-length': body.length })
        .end(request.method === 'HEAD' ? undefined : body);
    } catch (error) {
      logger.error({ err: error }, 'the metrics could not be read');
      const problem = new Problem('internal', 'the metrics could not be read; the log says why');
      refuseAtEdge(request, response, problem, clock);
    }
  }
  const server = createServer(
    {
      headersTimeout: HEADER_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: KEEP_ALIVE_MS,
      requireHostHeader: false,
    },
    (request, response) => void answer(request, response),
  );
  server.maxConnections = MOST_CONNECTIONS;
  server.on('checkExpectation', (request, response) => void answer(request, response));
  const refusing = createRefusal(clock);
  server.on('clientError', (error, socket) => refusing(error, socket as Socket));
  return {
    get port() {
      return (server.address() as AddressInfo | null)?.port ?? port;
    },
    async start() {
      server.listen(port, host);
      await once(server, 'listening');
    },
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
