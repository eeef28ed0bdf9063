/** What cannot be read as HTTP is answered with a problem, and the answer arrives though the caller goes on writing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/logger.ts';
import { turnsFor } from '../testing/turns.ts';
import type { ApiDeps } from './deps.ts';
import { type Api, createApi } from './server.ts';

const KIB = Buffer.alloc(1024, 0x20);
const POST = 'POST /iam/v1/domains HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

describe('what cannot be read as HTTP', () => {
  let api: Api;
  before(async () => {
    const deps = {
      publicUrl: () => 'http://x',
      clock: systemClock,
      ...turnsFor(systemClock),
      logger: silentLogger,
      dns: {},
      notReady: () => null,
      authenticator: { authenticate: async () => ({ kind: 'ok', principal: { operations: new Set() } }) },
    } as unknown as ApiDeps;
    api = await createApi(deps, {
      host: '127.0.0.1',
      port: 0,
      secureContext: null,
      trustedProxies: [],
      hasMetrics: false,
    });
    await api.start(new AbortController().signal);
  });
  after(() => api[Symbol.asyncDispose]());

  /** A caller who keeps what is answered; a reset of the connection fails the test. */
  function caller(): { socket: Socket; answer: () => string } {
    const socket = connect({ port: api.port, host: '127.0.0.1', allowHalfOpen: true });
    let answer = '';
    socket.setEncoding('latin1').on('data', (text) => {
      answer += text;
    });
    return { socket, answer: () => answer };
  }
  const problem = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));

  const unreadable: Record<string, [octets: string, status: number, type: string]> = {
    'a CR in a header field': [`${POST}If-Match: a\rb\r\nContent-Length: 102400\r\n\r\n`, 400, 'bad-request'],
    'NUL in a header field': [`${POST}If-Match: a\0b\r\nContent-Length: 102400\r\n\r\n`, 400, 'bad-request'],
    'another protocol': ['EHLO client.example\r\n', 400, 'bad-request'],
    'a header of 100 KiB': [`${POST}X-Long: ${'a'.repeat(102_400)}\r\n\r\n`, 431, 'header-too-large'],
    'a length that is none': [
      `${POST}Authorization: Basic YTpi\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n`,
      400,
      'bad-request',
    ],
  };
  for (const [name, [octets, status, type]] of Object.entries(unreadable))
    test(`${name}: ${status} ${type}, whole, then the end`, async () => {
      const { socket, answer } = caller();
      socket.write(Buffer.from(octets, 'latin1'));
      socket.on('data', () => {
        for (let i = 0; i < 20; i++) socket.write(KIB);
      });
      await once(socket, 'end');
      for (let i = 0; i < 100; i++) socket.write(KIB);
      socket.end();
      await once(socket, 'close');
      assert.match(answer(), new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.equal(answer().match(/HTTP\/1\.1 /g)?.length, 1);
      assert.match(answer(), /\r\nContent-Type: application\/problem\+json\r\n/);
      assert.deepEqual([problem(answer()).status, problem(answer()).type], [status, `/problems/${type}`]);
    });

  test('what follows a whole request takes nothing from its answer', async () => {
    const { socket, answer } = caller();
    socket.write('GET /readyz HTTP/1.1\r\nHost: x\r\n\r\nno request\r\n\r\n');
    await once(socket, 'end');
    socket.end();
    await once(socket, 'close');
    assert.match(answer(), /^HTTP\/1\.1 200 /);
    assert.equal(answer().match(/HTTP\/1\.1 /g)?.length, 1);
    assert.deepEqual(problem(answer()), { status: 'ready' });
  });

  test('who never stops writing is cut off', async () => {
    const { socket, answer } = caller();
    let over = false;
    let written = 0;
    socket
      .on('error', () => {})
      .on('close', () => {
        over = true;
      });
    socket.write('no request\r\n\r\n');
    await once(socket, 'end');
    const flood = Buffer.alloc(0x100000, 0x20);
    while (!over && written < 1024 * flood.length) {
      written += flood.length;
      if (!socket.write(flood))
        await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
    }
    assert.ok(over, 'the connection ended');
    assert.match(answer(), /^HTTP\/1\.1 400 /);
  });
});
