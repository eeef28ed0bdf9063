/** What HTTP itself refuses is answered with a problem, and every answer carries no-store and nosniff. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { PROBLEMS, type ProblemName } from '../contract/problems.ts';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/logger.ts';
import { turnsFor } from '../testing/turns.ts';
import type { ApiDeps } from './deps.ts';
import { originForm } from './http-edge.ts';
import { type Api, createApi } from './server.ts';

const HOST = 'Host: x\r\n';
const CLOSE = `${HOST}Connection: close\r\n`;
const JSON_BODY = 'Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';
type Case = readonly [octets: string, type: ProblemName, allow?: string];
const REFUSED: Readonly<Record<string, Case>> = {
  'two Host fields': [`GET /readyz HTTP/1.1\r\n${HOST}${HOST}\r\n`, 'bad-request'],
  'two Host fields of different names': [
    `GET /readyz HTTP/1.1\r\n${HOST}Accept: */*\r\nhost: y\r\n\r\n`,
    'bad-request',
  ],
  'two Host fields in a request with a body': [
    `POST /mta/v1/queues HTTP/1.1\r\n${HOST}${HOST}${JSON_BODY}`,
    'bad-request',
  ],
  'no Host field': ['GET /readyz HTTP/1.1\r\n\r\n', 'bad-request'],
  'a Host field that is no host': ['GET /readyz HTTP/1.1\r\nHost: a b\r\n\r\n', 'bad-request'],
  'a Host field with a user': ['GET /readyz HTTP/1.1\r\nHost: me@x\r\n\r\n', 'bad-request'],
  'HTTP/0.9 by its form': ['GET /readyz\r\n\r\n', 'bad-request'],
  'HTTP/0.9 by its name': [`GET /readyz HTTP/0.9\r\n${HOST}\r\n`, 'bad-request'],
  'HTTP/2.0 in the form of HTTP/1': [`GET /readyz HTTP/2.0\r\n${HOST}\r\n`, 'bad-request'],
  'HTTP/2 with prior knowledge': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'bad-request'],
  'an unknown method': [`BREW /readyz HTTP/1.1\r\n${CLOSE}\r\n`, 'bad-request'],
  CONNECT: [`CONNECT example.com:443 HTTP/1.1\r\n${HOST}\r\n`, 'method-not-allowed', ''],
  'another expectation': [`POST /readyz HTTP/1.1\r\n${HOST}Expect: x\r\n${JSON_BODY}`, 'expectation-failed'],
  'a percent sign alone': [`GET /%zz HTTP/1.1\r\n${CLOSE}\r\n`, 'bad-request'],
  'a percent sign that is not UTF-8': [`GET /iam/v1/domains/%ff HTTP/1.1\r\n${CLOSE}\r\n`, 'bad-request'],
  'a path of 9 KiB': [`GET /${'a'.repeat(9_000)} HTTP/1.1\r\n${CLOSE}\r\n`, 'uri-too-long'],
  'a path of 60 KiB': [`GET /${'a'.repeat(60_000)} HTTP/1.1\r\n${CLOSE}\r\n`, 'uri-too-long'],
  'an id of 500 letters': [
    `GET /mta/v1/messages/${'a'.repeat(500)} HTTP/1.1\r\n${CLOSE}\r\n`,
    'uri-too-long',
  ],
  'a method that the path lacks': [
    `DELETE /readyz HTTP/1.1\r\n${CLOSE}\r\n`,
    'method-not-allowed',
    'GET, HEAD',
  ],
  'a method that the path of an id lacks': [
    `PUT /mta/v1/messages/1?x=1 HTTP/1.1\r\n${CLOSE}${JSON_BODY}`,
    'method-not-allowed',
    'GET, HEAD',
  ],
  'a method that several operations of the path lack': [
    `PATCH /mta/v1/queues HTTP/1.1\r\n${CLOSE}${JSON_BODY}`,
    'method-not-allowed',
    'GET, HEAD, POST',
  ],
  'a method of WebDAV': [`PROPFIND /readyz HTTP/1.1\r\n${CLOSE}\r\n`, 'method-not-allowed', 'GET, HEAD'],
  'OPTIONS before a request of another site': [
    `OPTIONS /mta/v1/queues HTTP/1.1\r\n${CLOSE}\r\n`,
    'method-not-allowed',
    'GET, HEAD, POST',
  ],
  'a path that is not there': [`GET /nothing HTTP/1.1\r\n${CLOSE}\r\n`, 'not-found'],
  'a path that is not there, with a text': [
    `POST /nothing HTTP/1.1\r\n${CLOSE}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi`,
    'not-found',
  ],
  'a method that the path lacks, with a text': [
    `POST /readyz HTTP/1.1\r\n${CLOSE}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi`,
    'method-not-allowed',
    'GET, HEAD',
  ],
};

describe('at the edge of HTTP', () => {
  let api: Api;
  before(async () => {
    const deps = {
      publicUrl: () => 'http://x',
      clock: systemClock,
      ...turnsFor(systemClock),
      logger: silentLogger,
      dns: { submissionHost: 'x' },
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

  /** Everything that is answered until the service ends the connection. */
  async function exchange(octets: string): Promise<string> {
    const socket = connect({ port: api.port, host: '127.0.0.1', allowHalfOpen: true });
    let answer = '';
    socket.setEncoding('latin1').on('data', (text) => {
      answer += text;
    });
    socket.write(octets, 'latin1');
    await once(socket, 'end');
    socket.end();
    await once(socket, 'close');
    return answer;
  }
  function headOf(answer: string): { status: number; fields: Map<string, string>; body: string } {
    const end = answer.indexOf('\r\n\r\n');
    const [line, ...fields] = answer.slice(0, end).split('\r\n');
    return {
      status: Number(line!.split(' ')[1]),
      fields: new Map(
        fields.map((one) => [one.split(':')[0]!.toLowerCase(), one.slice(one.indexOf(':') + 1).trim()]),
      ),
      body: answer.slice(end + 4),
    };
  }

  for (const [name, [octets, type, allow]] of Object.entries(REFUSED))
    test(`${name}: ${PROBLEMS[type].status} ${type}`, async () => {
      const { status, fields, body } = headOf(await exchange(octets));
      const problem = JSON.parse(body);
      assert.deepEqual(
        [status, problem.status, problem.type],
        [PROBLEMS[type].status, PROBLEMS[type].status, `/problems/${type}`],
        body,
      );
      assert.match(fields.get('content-type') ?? '', /^application\/problem\+json(?:; charset=utf-8)?$/);
      assert.equal(fields.get('cache-control'), 'no-store');
      assert.equal(fields.get('x-content-type-options'), 'nosniff');
      assert.equal(fields.get('allow'), allow);
      assert.ok(problem.detail.length > 10);
    });

  for (const path of ['/readyz', '/healthz', '/mta/v1/openapi.json', '/iam/v1/domains', '/docs', '/nothing'])
    test(`the answer of ${path} has no-store and nosniff`, async () => {
      const { fields } = headOf(await exchange(`GET ${path} HTTP/1.1\r\n${CLOSE}\r\n`));
      assert.deepEqual(
        [fields.get('cache-control'), fields.get('x-content-type-options')],
        ['no-store', 'nosniff'],
      );
    });

  test('CONNECT waits for the answer that is due before it', async () => {
    const answer = await exchange(`GET /readyz HTTP/1.1\r\n${HOST}\r\nCONNECT a:1 HTTP/1.1\r\n${HOST}\r\n`);
    assert.deepEqual(answer.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 405']);
  });
  test('HTTP/1.0 needs no Host field, and 100-continue is an expectation', async () => {
    assert.match(await exchange('GET /readyz HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /);
    const asked = `GET /readyz HTTP/1.1\r\n${CLOSE}Expect: 100-continue\r\n\r\n`;
    assert.match(await exchange(asked), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  });
  test('a target in absolute form is taken by its path', async () => {
    assert.match(await exchange(`GET http://x/readyz HTTP/1.1\r\n${CLOSE}\r\n`), /^HTTP\/1\.1 200 /);
    const forms = ['/a?b', '*', 'http://x', 'https://x:1?q', 'HTTP://x/a'].map(originForm);
    assert.deepEqual(forms, ['/a?b', '*', '/', '/?q', '/a']);
  });
});
