/** A TCP relay in front of the database: each way so many ms late, or cut. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface SlowLink extends AsyncDisposable {
  readonly port: number;
  /** ms that every piece is late in each direction. */
  delay: number;
}

export async function startSlowLink(target: number): Promise<SlowLink> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: target, host: '127.0.0.1', noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on('data', (chunk: Buffer) => {
        if (link.delay === 0) to.write(chunk);
        else setTimeout(() => to.writable && to.write(chunk), link.delay);
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const link: SlowLink = {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    delay: 0,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
  return link;
}
