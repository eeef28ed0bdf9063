/**
 * CR, LF, NUL, U+0085 and U+2028 in every string of every request in the OpenAPI documents: bodies, their
 * keys if those are free, paths, queries, header fields. They are refused or encoded: no message and no hook
 * request gets a header field from the caller.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type DnsServer, eventually, portOf, startDns } from './harness.ts';
import { authorization, type Journey, type Json, startJourney } from './journey.ts';
import { exampleBodies, type Found, type Published, pathParameters, published } from './openapi.ts';
import { EVIL, planted, stringPlaces } from './planting.ts';
import { type Prepared, prepareProject } from './prepared-project.ts';

/** Of an outgoing message; fields of its parts come later. */
const EXPECTED =
  /^(received|dkim-signature|from|sender|reply-to|to|cc|subject|date|message-id|in-reply-to|references|mime-version|content-type|content-transfer-encoding|auto-submitted|x-good)$/i;

describe('header injection', () => {
  let dns: DnsServer;
  let journey: Journey;
  let project: Prepared;
  let api: Published;
  before(async () => {
    dns = await startDns();
    journey = await startJourney({
      HIKYAKU_DNS_SERVERS: dns.address,
      HIKYAKU_LIMIT_PER_MINUTE: '0',
      HIKYAKU_LIMIT_PER_DAY: '0',
    });
    project = await prepareProject(journey, 'inject.test', 'inject');
    api = await published(journey);
  });
  after(async () => {
    await project[Symbol.asyncDispose]();
    await journey[Symbol.asyncDispose]();
    await dns[Symbol.asyncDispose]();
  });

  test('every string of every body', async () => {
    let tried = 0;
    const sent = { accepted: 0 };
    for (const found of api.operations) {
      const schema = found.operation.requestBody?.content['application/json'].schema;
      if (schema === undefined) continue;
      const examples = exampleBodies(found).map(([, value]) => project.real(value));
      for (const place of stringPlaces(schema)) {
        // The example that has the place, otherwise any.
        const has = (body: Json) => place.reduce((inner, step) => inner?.[step], body) !== undefined;
        const body = examples.find(has) ?? examples[0];
        for (const [name, text] of Object.entries(EVIL)) {
          const sync = found.operation.parameters?.some(({ name: one }: Json) => one === 'is_sync');
          const query = sync ? { query: 'is_sync=true' } : {};
          const { status, answer, headers } = await send(found, planted(body, place, text), query);
          const where = `${found.id} ${place.join('.')} ${name}`;
          assert.ok(status < 500, `${where}: ${status} ${answer}`);
          assert.equal(headers.get('x-injected'), null, where);
          if (found.id === 'mta.domains.send' && status < 300) sent.accepted++;
          tried++;
        }
      }
    }
    assert.ok(tried > 150, `${tried} requests`);
    assert.ok(sent.accepted > 0, 'texts that may hold anything are encoded, not refused');
    await eventually('all that was accepted is out', async () => {
      const { json } = await journey.call('GET', '/mta/v1/queues', undefined, project.who);
      return json.depth.queued === 0;
    });
    const messages = await journey.sink.messages();
    assert.ok(messages.length >= sent.accepted);
    for (const { raw_base64: octets, rcpt_to: recipients } of messages) {
      const text = Buffer.from(octets, 'base64').toString('latin1');
      const header = text.slice(0, text.indexOf('\r\n\r\n'));
      for (const line of header.split(/\r\n(?![ \t])/)) assert.match(line.split(':')[0]!, EXPECTED, header);
      assert.doesNotMatch(text, /\r(?!\n)|(?<!\r)\n|\0/, 'a bare CR or LF, or NUL');
      // The header of a part as well. A text body may contain anything, on its own lines.
      for (const part of text.split(/\r\n--\S+\r\n/).slice(1))
        assert.doesNotMatch(part.slice(0, part.indexOf('\r\n\r\n')), /^x-injected/im, part);
      for (const recipient of recipients) assert.match(recipient, /^[\x21-\x7e]+@[a-z0-9.-]+$/);
    }
    for (const { headers } of await journey.sink.events())
      assert.ok(!Object.keys(headers).some((name) => name.includes('injected')));
  });

  test('every id of a path and every text of a query', async () => {
    for (const found of api.operations) {
      const strings = (found.operation.parameters ?? []).filter(
        ({ in: place, schema }: Json) => place === 'query' && schema.type === 'string',
      );
      const queries = strings.map(
        ({ name }: Json) =>
          (text: string) =>
            `${name}=${encodeURIComponent(`x${text}`)}`,
      );
      const ids = pathParameters(found).map((_, i) => i);
      for (const text of Object.values(EVIL)) {
        for (const query of queries) {
          const { status, headers } = await send(found, undefined, { query: query(text) });
          // 404: the text stands in the place of a project id.
          const answers = query('').startsWith('project=') ? [400, 404] : [200, 400];
          assert.ok(answers.includes(status), `${found.id}: ${status}`);
          assert.equal(headers.get('x-injected'), null);
        }
        for (const at of ids) {
          const body = exampleBodies(found)[0]?.[1];
          const { status, headers } = await send(found, body && project.real(body), { at, text });
          assert.equal(status, 404, found.id);
          assert.equal(headers.get('x-injected'), null);
        }
      }
    }
  });

  test('header fields: what HTTP takes as a value is still refused as a key', async () => {
    const publish = api.operations.find(({ id }) => id === 'edj.topics.publish')!;
    const body = JSON.stringify(project.real(exampleBodies(publish)[0]![1]));
    for (const name of ['Idempotency-Key', 'If-Match', 'If-None-Match', 'Authorization'])
      for (const octets of ['a\rb', 'a\nb', 'a\0b', 'a\x85b', 'a\u00e2\u0080\u00a8b', 'a\x7fb', 'a b', '']) {
        const socket = connect(portOf(journey.service.ready.http), '127.0.0.1');
        let answer = '';
        socket.setEncoding('latin1').on('data', (text) => {
          answer += text;
        });
        const authentic = name === 'Authorization' ? [] : [`Authorization: ${authorization(project.who)}`];
        const lines = [
          'POST /edj/v1/tasks?is_sync=true HTTP/1.1',
          ...['Host: x', 'Connection: close', ...authentic, `${name}: ${octets}`],
          ...['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`],
        ];
        socket.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'));
        // The client does not end the connection: Node.js treats a client that has ended as one that waits
        // for no answer.
        socket.write(body);
        await once(socket, 'close');
        const ignored = name.startsWith('If-') && !/[\r\n\0]/.test(octets);
        const wanted = ignored ? /^HTTP\/1\.1 [24]/ : /^HTTP\/1\.1 4/;
        assert.match(answer, wanted, `${name}: ${JSON.stringify(octets)}`);
      }
  });

  async function send(
    found: Found,
    body: Json,
    evil: { query?: string; at?: number; text?: string } = {},
  ): Promise<{ status: number; answer: string; headers: Headers }> {
    let next = 0;
    const ids = pathParameters(found).map(({ example }) => project.real(example!));
    const path = found.path.replace(/\{\w+\}/g, () => {
      const id = ids[next]!;
      const text = evil.at === next++ ? evil.text! : '';
      return encodeURIComponent(`${id}${text}`);
    });
    const response = await fetch(
      `http://${journey.service.ready.http}${path}${evil.query === undefined ? '' : `?${evil.query}`}`,
      {
        method: found.method,
        headers: {
          authorization: authorization(project.keyFor(found)),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
    );
    return { status: response.status, answer: await response.text(), headers: response.headers };
  }
});
