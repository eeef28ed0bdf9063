/**
 * HTTP beyond its limits: announced and streamed bodies, depth, duplicate and dangerous keys, compressed
 * bodies, long headers.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { portOf } from './harness.ts';
import { authorization, type Journey, startJourney } from './journey.ts';

const GIB = 1024 ** 3;

describe('HTTP beyond its limits', () => {
  let journey: Journey;
  before(async () => {
    journey = await startJourney();
  });
  after(() => journey[Symbol.asyncDispose]());

  /** Writes a request by hand, then `stream` until the other side ends; returns the whole answer. */
  function raw(
    header: readonly string[],
    stream: () => Buffer | null,
  ): Promise<{ answer: string; sent: number }> {
    return new Promise((resolve) => {
      const socket = connect(portOf(journey.service.ready.http), '127.0.0.1');
      let answer = '';
      let sent = 0;
      let over = false;
      const end = () => {
        over = true;
        resolve({ answer, sent });
      };
      socket.setEncoding('latin1').on('data', (text) => {
        answer += text;
      });
      socket.on('error', end).on('close', end);
      socket.write(`${header.join('\r\n')}\r\n\r\n`);
      const more = () => {
        while (!over) {
          const chunk = stream();
          if (chunk === null) return;
          sent += chunk.length;
          if (!socket.write(chunk)) {
            socket.once('drain', more);
            return;
          }
        }
      };
      more();
    });
  }
  const head = (path: string, ...more: string[]) => [
    `POST ${path} HTTP/1.1`,
    'Host: x',
    `Authorization: ${authorization(journey.who)}`,
    'Content-Type: application/json',
    ...more,
  ];
  async function stillWell(): Promise<void> {
    const { status, json } = await journey.call('POST', '/edj/v1/tasks?is_sync=true', {
      procedure: 'publish',
      arguments: { self: `http://x/edj/v1/topics/${journey.who.topic_id}`, message: 'well' },
    });
    assert.equal(status, 200);
    assert.equal(json.status, 'succeeded');
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  }
  const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
    fetch(`http://${journey.service.ready.http}/edj/v1/topics`, {
      method: 'POST',
      headers: { authorization: authorization(journey.who), 'content-type': 'application/json', ...headers },
      body: body as string,
    });

  test('a gigabyte announced: 413 before any of it, and the connection ends', async () => {
    const { answer } = await raw(head('/edj/v1/topics', `Content-Length: ${GIB}`), () => null);
    assert.match(answer, /^HTTP\/1\.1 413 /);
    assert.match(answer, /body-too-large/);
    await stillWell();
  });
  test('a gigabyte streamed: 413, and most of it is never read', async () => {
    const chunk = Buffer.concat([
      Buffer.from('100000\r\n'),
      Buffer.alloc(0x100000, 0x20),
      Buffer.from('\r\n'),
    ]);
    // Several at once: clients that are still writing must get the answer.
    const header = head('/edj/v1/topics', 'Transfer-Encoding: chunked');
    const answers = await Promise.all(Array.from({ length: 16 }, () => raw(header, () => chunk)));
    for (const { answer, sent } of answers) {
      assert.match(answer, /^HTTP\/1\.1 413 /);
      assert.ok(sent < GIB / 8, `${sent} octets were taken`);
    }
    await stillWell();
  });
  test('a gigabyte without a key: 401, and it is not read', async () => {
    const header = ['POST /edj/v1/topics HTTP/1.1', 'Host: x', `Content-Length: ${GIB}`];
    const { answer, sent } = await raw(header, () => Buffer.alloc(0x100000));
    assert.match(answer, /^HTTP\/1\.1 401 /);
    assert.ok(sent < GIB / 8, `${sent} octets were taken`);
    await stillWell();
  });
  const bodies: Record<string, [body: string | Buffer, type: string, headers?: Record<string, string>]> = {
    'five million lists in each other': [`${'['.repeat(5e6)}${']'.repeat(5e6)}`, 'invalid-json'],
    'eight million values': [`[${'1,'.repeat(8e6 - 1)}1]`, 'invalid-json'],
    'a hundred thousand objects in each other': [`${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}`, 'invalid-json'],
    'depth without end': ['['.repeat(1e6), 'invalid-json'],
    'a key twice': ['{"name":"one","name":"two"}', 'invalid-json'],
    'a key twice, spelt in two ways': ['{"name":"one","n\\u0061me":"two"}', 'invalid-json'],
    'the key __proto__': ['{"name":"x","__proto__":{"polluted":1}}', 'invalid-json'],
    '__proto__, escaped': ['{"name":"x","\\u005f_proto__":{"polluted":1}}', 'invalid-json'],
    'constructor.prototype': ['{"name":"x","constructor":{"prototype":{"polluted":1}}}', 'invalid-json'],
    'a million keys': [`{${Array.from({ length: 1e6 }, (_, i) => `"k${i}":1`).join(',')}}`, 'invalid-json'],
    'a gzip bomb': [
      gzipSync(Buffer.alloc(64 * 1024 * 1024, 0x20)),
      'unsupported-media-type',
      { 'content-encoding': 'gzip' },
    ],
    'another type': ['<x/>', 'unsupported-media-type', { 'content-type': 'application/xml' }],
    'octets that are no UTF-8': [Buffer.from([0x22, 0xff, 0xfe, 0x22]), 'invalid-json'],
  };
  for (const [name, [body, type, headers]] of Object.entries(bodies))
    test(`${name}: 4xx, ${type}`, async () => {
      const answer = await post(body, headers);
      const problem = (await answer.json()) as { type: string; status: number };
      assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status}`);
      assert.equal(problem.status, answer.status);
      assert.equal(problem.type, `/problems/${type}`);
      await stillWell();
    });
  test('a header of a megabyte: 431', async () => {
    const { answer } = await raw(head('/edj/v1/topics', `X-Long: ${'a'.repeat(1024 * 1024)}`), () => null);
    assert.match(answer, /^HTTP\/1\.1 431 /);
    await stillWell();
  });
  test('two lengths, or a length beside chunks: 400, never a second request', async () => {
    const inner = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
    for (const fields of [
      ['Content-Length: 2', `Content-Length: ${2 + inner.length}`],
      ['Content-Length: 2', 'Transfer-Encoding: chunked'],
      ['Transfer-Encoding: chunked, identity'],
    ]) {
      let once = false;
      const { answer } = await raw(head('/edj/v1/topics', ...fields), () => {
        if (once) return null;
        once = true;
        return Buffer.from(`{}${inner}`);
      });
      assert.match(answer, /^HTTP\/1\.1 400 /, fields.join());
      assert.equal(answer.match(/HTTP\/1\.1/g)?.length, 1, fields.join());
    }
    await stillWell();
  });
});
