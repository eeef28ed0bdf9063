/** A hook on loopback that answers 204 and keeps every request as it came: header fields and octets. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Call {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}
export interface Hook extends AsyncDisposable {
  readonly url: string;
  readonly calls: readonly Call[];
}
export async function openHook(): Promise<Hook> {
  const calls: Call[] = [];
  const server = createServer(async (request, response) => {
    calls.push({ headers: request.headers, body: await buffer(request) });
    response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    calls,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
