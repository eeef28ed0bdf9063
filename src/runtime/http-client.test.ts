/** Hook receivers that misbehave, on loopback: what is read, how long is waited, where a connection is refused. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTls } from 'node:https';
import { createServer as createTcp, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { namesOf } from '../testing/zone-resolver.ts';
import { createHttpClient, HttpError } from './http-client.ts';
import { makeSelfSigned } from './tls.ts';

const REQUEST = {
  share: 'a',
  headers: {},
  body: Buffer.from('{}'),
  timeoutMs: 5_000,
  maxResponseBytes: 64 * 1024,
};

async function serve(listener: RequestListener): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
const code = (wanted: string) => (error: unknown) => error instanceof HttpError && error.code === wanted;

test('an endless answer: 64 KiB are read, then the connection is dropped', async () => {
  const dropped = Promise.withResolvers<void>();
  await using server = await serve((_request, response) => {
    response.on('close', dropped.resolve).writeHead(200);
    const chunk = Buffer.alloc(16 * 1024, 0x61);
    const more = () => {
      while (!response.destroyed && response.write(chunk));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  });
  await using client = createHttpClient({ allowPrivate: true, names: namesOf() });
  const answer = await client.post(server.url, REQUEST);
  assert.equal(answer.status, 200);
  assert.equal(answer.bodyText.length, 64 * 1024);
  await dropped.promise;
});
test('an answer in drops, and none at all: over when its time is', async () => {
  const sockets: Socket[] = [];
  const timers: NodeJS.Timeout[] = [];
  await using drops = await serve((_request, response) => {
    response.writeHead(200).write('x');
    timers.push(setInterval(() => response.write('x'), 20));
  });
  const silent = createTcp((socket) => void sockets.push(socket));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  await using client = createHttpClient({ allowPrivate: true, names: namesOf() });
  const { port } = silent.address() as { port: number };
  for (const url of [drops.url, `http://127.0.0.1:${port}/`])
    await assert.rejects(client.post(url, { ...REQUEST, timeoutMs: 300 }), code('timeout'));
  for (const timer of timers) clearInterval(timer);
  for (const socket of sockets) socket.destroy();
  silent.close();
});
test('a gzip bomb stays packed', async () => {
  const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024));
  await using server = await serve((_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
  );
  await using client = createHttpClient({ allowPrivate: true, names: namesOf() });
  const answer = await client.post(server.url, REQUEST);
  assert.ok(answer.bodyText.length <= 64 * 1024);
});
test('ten thousand header fields are no answer', async () => {
  await using server = await serve((_request, response) => {
    for (let i = 0; i < 10_000; i++) response.setHeader(`x-${i}`, 'value');
    response.end();
  });
  await using client = createHttpClient({ allowPrivate: true, names: namesOf() });
  await assert.rejects(client.post(server.url, REQUEST), HttpError);
});
test('a certificate nobody vouches for is refused', async () => {
  const server = createTls(await makeSelfSigned('localhost', Date.now()), (_request, response) =>
    response.end(),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await using client = createHttpClient({ allowPrivate: true, names: namesOf() });
  await assert.rejects(client.post(`https://localhost:${port}/`, REQUEST), code('tls'));
  server.close();
  server.closeAllConnections();
});
test('a name that leads to a private address is refused on connecting; so is every spelling of one', async () => {
  const seen: string[] = [];
  await using server = await serve((request, response) => {
    seen.push(request.url ?? '');
    response.end();
  });
  const { port } = new URL(server.url);
  await using client = createHttpClient({ allowPrivate: false, names: namesOf() });
  for (const host of [
    'localhost',
    '127.0.0.1',
    '2130706433',
    '0177.0.0.1',
    '0x7f.1',
    '１２７.0.0.1',
    '127.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
  ])
    await assert.rejects(client.post(`http://${host}:${port}/`, REQUEST), code('blocked-address'), host);
  for (const url of [
    `http://user:pw@127.0.0.1:${port}/`,
    'ftp://127.0.0.1/',
    'file:///etc/passwd',
    'nonsense',
  ])
    await assert.rejects(client.post(url, REQUEST), code('bad-url'), url);
  assert.deepEqual(seen, []);
});

test('a body in pieces arrives whole under its length; what breaks it off is thrown, and its signal ends with the connection', async () => {
  const got: { length?: string; octets: Buffer }[] = [];
  await using server = await serve(async (request, response) => {
    const octets = await buffer(request).catch(() => null); // broken off
    if (octets === null) return;
    got.push({ length: request.headers['content-length'], octets });
    response.end();
  });
  await using client = createHttpClient({ allowPrivate: true, names: namesOf() });
  const pieces = [Buffer.alloc(100_000, 'a'), Buffer.alloc(1, 'b')];
  await client.post(server.url, {
    ...REQUEST,
    body: {
      length: 100_001,
      async *pieces() {
        yield* pieces;
      },
    },
  });
  assert.deepEqual(got, [{ length: '100001', octets: Buffer.concat(pieces) }]);

  const broken = new RangeError('gone');
  await assert.rejects(
    client.post(server.url, {
      ...REQUEST,
      body: {
        length: 10,
        async *pieces() {
          yield Buffer.from('a');
          throw broken;
        },
      },
    }),
    broken,
  );
  const ended = Promise.withResolvers<void>();
  await using dropping = await serve((request) => request.socket.destroy());
  await assert.rejects(
    client.post(dropping.url, {
      ...REQUEST,
      body: {
        length: 1e9,
        async *pieces(signal) {
          signal.addEventListener('abort', () => ended.resolve(), { once: true });
          for (;;) {
            signal.throwIfAborted();
            yield Buffer.alloc(65_536);
            await new Promise((resolve) => setImmediate(resolve));
          }
        },
      },
    }),
    HttpError,
  );
  await ended.promise;
});

test('what hangs takes the connections of its own share, and is ended by its signal', async () => {
  const arrived = Promise.withResolvers<void>();
  let hanging = 0;
  await using server = await serve((request, response) => {
    if (request.url !== '/hang') return void response.end();
    hanging += 1;
    if (hanging === 8) arrived.resolve();
  });
  await using client = createHttpClient({ allowPrivate: true, names: namesOf() });
  const given = new AbortController();
  const hung = Array.from({ length: 20 }, () =>
    client.post(`${server.url}hang`, { ...REQUEST, timeoutMs: 60_000, signal: given.signal }),
  );
  const ended = Promise.all(hung.map((one) => assert.rejects(one, RangeError)));
  await arrived.promise;
  for (let share = 0; share < 100; share++)
    assert.equal((await client.post(server.url, { ...REQUEST, share: String(share) })).status, 200);
  given.abort(new RangeError('given up'));
  await ended;
  assert.equal((await client.post(server.url, REQUEST)).status, 200);
});
