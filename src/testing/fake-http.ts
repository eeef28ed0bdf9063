/** A small HTTP server on loopback for fakes of other people's services: requests whole, answers as values. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** As it came, path and query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
export interface FakeAnswer {
  readonly status: number;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
export interface FakeHttp extends AsyncDisposable {
  readonly url: string;
  /** `METHOD path` of all requests so far. */
  readonly seen: readonly string[];
}

export async function startFakeHttp(answer: (request: FakeRequest) => FakeAnswer): Promise<FakeHttp> {
  const seen: string[] = [];
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    const target = incoming.url ?? '/';
    const url = new URL(target, 'http://fake');
    const method = incoming.method ?? '';
    seen.push(`${method} ${url.pathname}`);
    const body = Buffer.concat(chunks).toString('utf8');
    const {
      status,
      type = 'application/json',
      headers = {},
      body: text = '',
    } = answer({
      method,
      path: url.pathname,
      query: url.searchParams,
      target,
      headers: incoming.headers,
      body,
    });
    response.writeHead(status, { ...headers, 'content-type': type }).end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
