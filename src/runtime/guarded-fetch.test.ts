/** Guarded fetch: what it refuses before a packet leaves, and what it does not do afterwards. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type TestContext, test } from 'node:test';
import { namesOf } from '../testing/zone-resolver.ts';
import { createGuardedFetch } from './guarded-fetch.ts';

async function serve(t: TestContext, listener: Parameters<typeof createServer>[1]): Promise<string> {
  const server: Server = createServer(listener!);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

test('private addresses in any spelling, names of them, plain HTTP and credentials are refused', async () => {
  await using guarded = createGuardedFetch({ allowPrivate: false, names: namesOf() });
  for (const url of [
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://169.254.169.254/',
  ])
    await assert.rejects(guarded.fetch(url), { name: 'HttpError', code: 'blocked-address' }, url);
  await assert.rejects(guarded.fetch('https://localhost/'), (error: Error) => {
    assert.equal((error.cause as { code?: string }).code, 'EBLOCKED');
    return true;
  });
  for (const url of ['http://192.0.2.1/', 'https://user:pass@192.0.2.1/', 'ftp://192.0.2.1/'])
    await assert.rejects(guarded.fetch(url), { name: 'HttpError', code: 'bad-url' }, url);
});

test('method, header fields and body go out; a redirect comes back as what it is', async (t) => {
  const url = await serve(t, (request, response) => {
    if (request.url === '/away') {
      response.writeHead(302, { location: '/other' }).end();
      return;
    }
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => response.end(`${request.method} ${request.headers['x-a']} ${body}`));
  });
  await using guarded = createGuardedFetch({ allowPrivate: true, names: namesOf() });
  const answer = await guarded.fetch(new URL(`${url}/x`), {
    method: 'PUT',
    headers: { 'x-a': 'b' },
    body: 'c',
  });
  assert.equal(await answer.text(), 'PUT b c');
  assert.equal((await guarded.fetch(`${url}/away`)).status, 302);
});

test('an endless answer is cut off', async (t) => {
  const url = await serve(t, (_request, response) => {
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(256 * 1024))) {}
    };
    response.on('drain', more);
    more();
  });
  await using guarded = createGuardedFetch({ allowPrivate: true, names: namesOf() });
  const answer = await guarded.fetch(url);
  await assert.rejects(answer.text());
});
