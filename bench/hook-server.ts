/**
 * Hooks of every kind, in a process of its own. The path says how one answers: `/good/N` at once, `/wait/MS/N` after so
 * many ms, `/hang/N` never, `/drip/N` one octet a second, `/endless/N` without end, `/refuse/N` with 500. It prints its
 * ports, the second for a second origin; for each line of input, when each good hook was called, as JSON: the `message` of
 * the event and the wall time in ms.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';

const calls: [string, number][] = [];
const OCTET_MS = 1_000;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const at = Date.now();
  const [, kind, value] = request.url!.split('/');
  if (kind === 'hang') {
    request.resume();
    return;
  }
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  switch (kind) {
    case 'good':
      calls.push([JSON.parse(Buffer.concat(parts).toString()).content.message, at]);
      response.writeHead(204).end();
      return;
    case 'wait':
      setTimeout(() => response.writeHead(204).end(), Number(value));
      return;
    case 'drip': {
      response.writeHead(200, { 'content-type': 'text/plain' }).flushHeaders();
      const timer = setInterval(() => response.write('x'), OCTET_MS);
      response.on('close', () => clearInterval(timer));
      return;
    }
    case 'endless': {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 'x')));
      };
      response.writeHead(200).on('drain', more);
      more();
      return;
    }
    default:
      response.writeHead(kind === 'refuse' ? 500 : 204).end();
  }
}
const servers = [0, 1].map(() =>
  createServer((request, response) => void answer(request, response).catch(() => response.destroy())),
);
for (const server of servers) {
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
}
process.stdout.write(
  `${JSON.stringify(servers.map((server) => (server.address() as { port: number }).port))}\n`,
);
createInterface({ input: process.stdin })
  .on('line', () => process.stdout.write(`${JSON.stringify(calls.splice(0))}\n`))
  .on('close', () => process.exit(0));
