/** Streamed answers over real sockets: places of a project, one piece for who does not read, a minimum pace. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fastify, { type FastifyInstance } from 'fastify';
import { type Logger, silentLogger } from '../runtime/logger.ts';
import { NoPlace } from '../runtime/places.ts';
import { createFakeClock, type FakeClock } from '../testing/fake-clock.ts';
import { goneSignal } from './client-gone.ts';
import { byId, wholeList } from './pages.ts';
import { takeStreams } from './streamed.ts';

const PIECE = Buffer.alloc(256 * 1024, 'x');
/** More than the system holds of a connection. */
const LARGE = 400;

describe('streamed answers', () => {
  const logged: Record<string, unknown>[] = [];
  const made = { pieces: 0, open: 0 };
  let app: FastifyInstance;
  let clock: FakeClock;
  let port: number;
  before(async () => {
    clock = createFakeClock();
    const tell = (fields: Record<string, unknown>) => void logged.push(fields);
    app = fastify();
    takeStreams(app, { clock, logger: { ...silentLogger, warn: tell, error: tell } as Logger });
    app.get<{ Params: { share: string; pieces: string } }>('/:share/:pieces', (request, reply) => {
      const { share, pieces } = request.params;
      const signal = goneSignal(reply);
      return reply.streamed(make(Number(pieces)), { type: 'text/x', share, signal, ids: { share } });
    });
    const items = [{ id: 'a', text: 'x'.repeat(8_000_000) }];
    app.get('/list', (request, reply) =>
      wholeList({ items, keyOf: byId, order: 'up' }, (item) => {
        made.pieces++;
        return item;
      }).sendTo({ request, reply, query: {} }),
    );
    app.setErrorHandler((error, _request, reply) => reply.code(error instanceof NoPlace ? 503 : 500).send());
    port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port);
  });
  after(() => app.close());
  beforeEach(() => {
    logged.length = 0;
    made.pieces = 0;
  });

  async function* make(pieces: number): AsyncGenerator<Buffer> {
    made.open++;
    try {
      for (let i = 0; i < pieces; i++) {
        if (i === 2 && pieces === 3) throw new NoPlace('no place came free in time');
        made.pieces++;
        yield PIECE;
      }
    } finally {
      made.open--;
    }
  }
  const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  function unread(path: string): Socket {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    return socket.pause();
  }
  /** Until nothing more is made. */
  async function still(): Promise<void> {
    for (let [seen, same] = [-1, 0]; same < 200; same = seen === made.pieces ? same + 1 : 0) {
      seen = made.pieces;
      await turn();
    }
  }

  test('who does not read holds a place of the project, no others’, and is cut off after 100 s', async () => {
    const holding = Array.from({ length: 8 }, () => unread(`/a/${LARGE}`));
    while (made.open < 8) await turn();
    await still();
    assert.ok(made.pieces < (8 * LARGE) / 2, `${made.pieces} pieces for who reads nothing`);
    const waiting = Array.from({ length: 8 }, () => ask(`/a/${LARGE}`));
    while (made.open < 16) await turn();
    await still();
    assert.equal((await ask('/a/2')).status, 503, 'as many wait as may');
    assert.equal((await (await ask('/a/1')).text()).length, PIECE.length, 'what is small needs no place');
    assert.equal(
      (await (await ask('/b/20')).text()).length,
      20 * PIECE.length,
      'nor does another project wait',
    );
    await clock.advance(10_000);
    for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 503);
    assert.equal(made.open, 8);
    const closed = holding.map((socket) => once(socket, 'close'));
    await clock.advance(90_000);
    while (made.open > 0) await turn();
    for (const socket of holding) socket.resume();
    await Promise.all(closed);
    assert.equal(logged.length, 8);
    for (const { share, reason, err } of logged) {
      assert.deepEqual([share, err], ['a', undefined]);
      assert.match(String(reason), /^the client took less than/);
    }
    assert.equal((await (await ask('/a/20')).text()).length, 20 * PIECE.length, 'the places are free again');
  });

  test('a large list takes a place as well', async () => {
    const unreadLists = Array.from({ length: 16 }, () => unread('/list'));
    while (made.pieces < 16) await turn();
    await still();
    assert.equal((await ask('/list')).status, 503);
    for (const socket of unreadLists) socket.resetAndDestroy();
    let octets = 0;
    while (octets < 8_000_000) octets = (await (await ask('/list')).text()).length;
  });

  test('clients that leave give their places back', async () => {
    for (let round = 0; round < 3; round++) {
      const holding = Array.from({ length: 8 }, () => unread(`/a/${LARGE}`));
      while (made.open < 8) await turn();
      for (const socket of holding) socket.resetAndDestroy();
      while (made.open > 0) await turn();
    }
    assert.equal((await (await ask('/a/20')).text()).length, 20 * PIECE.length);
    assert.deepEqual(logged, []);
  });

  test('an answer for which no place came free breaks off, and is no error', async () => {
    await assert.rejects(async () => await (await ask('/a/3')).text());
    assert.deepEqual(
      logged.map(({ share, reason, err }) => [share, reason, err]),
      [['a', 'no place came free in time', undefined]],
    );
  });
});
