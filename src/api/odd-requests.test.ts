/** Requests in odd forms, by table: what is taken, what is refused, and how the refusal says so. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type ApiRig, openApiRig } from '../testing/api-rig.ts';

const NAMED = (name: string) => JSON.stringify({ name });
let count = 0;
/** A name that no topic has. */
const fresh = () => `topic ${count++}`;

describe('odd requests', () => {
  let rig: ApiRig;
  let topic: { id: string; name: string; etag: string };
  before(async () => {
    rig = await openApiRig();
    const { json } = await rig.call('POST', '/edj/v1/topics', { name: 'first' });
    const { headers } = await rig.call('GET', `/edj/v1/topics/${json.id}`);
    topic = { ...json, etag: headers.get('etag') };
  });
  after(() => rig[Symbol.asyncDispose]());

  /** Sends octets as they are; returns the status and the problem. */
  async function raw(
    lines: readonly string[],
    body: string | Buffer,
  ): Promise<{ status: number; type: string }> {
    const socket = connect(rig.port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('latin1').on('data', (text) => {
      answer += text;
    });
    const head = [
      ...lines,
      'Host: x',
      `Authorization: ${rig.owner.authorization}`,
      'Connection: close',
      '',
      '',
    ];
    socket.write(head.join('\r\n'));
    socket.end(body);
    await once(socket, 'close');
    return {
      status: Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]),
      type: /"type":"\/problems\/([a-z-]+)"/.exec(answer)?.[1] ?? '',
    };
  }

  const TYPES: [type: string, status: number][] = [
    ['application/json', 201],
    ['application/json; charset=utf-8', 201],
    ['application/json;charset="UTF-8"', 201],
    ['Application/JSON; Charset=utf8', 201],
    ['application/json; charset=us-ascii', 201],
    ['application/json; profile=x; charset=utf-8', 201],
    ['application/json; charset=shift_jis', 415],
    ['application/json; charset=utf-16', 415],
    ['application/json; charset=iso-8859-1', 415],
    ['text/json', 415],
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/problem+json', 415],
    ['application', 415],
  ];
  for (const [type, status] of TYPES)
    test(`Content-Type: ${type} is ${status}`, async () => {
      const octets = NAMED(fresh());
      const answer = await rig.call('POST', '/edj/v1/topics', undefined, {
        octets,
        headers: { 'content-type': type },
      });
      assert.equal(answer.status, status, answer.text);
      if (status === 415) assert.equal(answer.json.type, '/problems/unsupported-media-type');
    });
  test('another charset is named in the answer', async () => {
    const { json } = await rig.call('POST', '/edj/v1/topics', undefined, {
      octets: NAMED(fresh()),
      headers: { 'content-type': 'application/json; charset=shift_jis' },
    });
    assert.match(json.detail, /UTF-8, not in shift_jis/);
  });

  test('a byte order mark is ignored, UTF-16 and what is no UTF-8 are refused', async () => {
    const name = fresh();
    const mark = await rig.call('POST', '/edj/v1/topics', undefined, { octets: `\ufeff${NAMED(name)}` });
    assert.deepEqual([mark.status, mark.json.name], [201, name]);
    for (const octets of [
      Buffer.from(NAMED('x'), 'utf16le'),
      Buffer.from(`\ufeff${NAMED('x')}`, 'utf16le'),
      Buffer.from('{"name":"caf\xe9"}', 'latin1'),
      Buffer.from([...Buffer.from('{"name":"'), 0xed, 0xa0, 0x80, ...Buffer.from('"}')]),
      `\ufeff\ufeff${NAMED('x')}`,
    ]) {
      const { status, json } = await rig.call('POST', '/edj/v1/topics', undefined, { octets });
      assert.deepEqual([status, json.type], [400, '/problems/invalid-json'], String(octets));
    }
  });

  test('a compressed body is 415, and the answer says what is taken', async () => {
    const octets = gzipSync(NAMED(fresh()));
    for (const encoding of ['gzip', 'deflate', 'br', 'identity, gzip', 'x']) {
      const headers = { 'content-encoding': encoding };
      const answer = await rig.call('POST', '/edj/v1/topics', undefined, { octets, headers });
      assert.deepEqual(
        [answer.status, answer.json.type],
        [415, '/problems/unsupported-media-type'],
        encoding,
      );
      assert.match(answer.json.detail, /Content-Encoding/);
      assert.equal(answer.headers.get('accept-encoding'), 'identity');
    }
    const plain = { octets: NAMED(fresh()), headers: { 'content-encoding': 'identity' } };
    assert.equal((await rig.call('POST', '/edj/v1/topics', undefined, plain)).status, 201);
  });

  test('Transfer-Encoding: only chunked', async () => {
    const chunks = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
    const post = 'POST /edj/v1/topics HTTP/1.1';
    const type = 'Content-Type: application/json';
    for (const [fields, status] of [
      [['Transfer-Encoding: chunked'], 201],
      [['Transfer-Encoding: Chunked'], 201],
      [['Transfer-Encoding: gzip, chunked'], 400],
      [['Transfer-Encoding: gzip'], 400],
      [['Transfer-Encoding: identity'], 400],
      [['Transfer-Encoding: chunked, chunked'], 400],
      [['Transfer-Encoding: chunked', 'Content-Length: 5'], 400],
    ] as const) {
      const answer = await raw([post, type, ...fields], chunks(NAMED(fresh())));
      assert.equal(answer.status, status, fields.join());
      if (status === 400) assert.notEqual(answer.type, '', fields.join());
    }
  });

  test('entity tags in odd forms', async () => {
    const path = `/edj/v1/topics/${topic.id}`;
    const { etag } = topic;
    for (const [field, status] of [
      [etag, 304],
      [`W/${etag}`, 304],
      ['*', 304],
      [` ${etag} `, 304],
      [`"x", ${etag}`, 304],
      [`"x",,${etag},`, 304],
      [`"a,b" , ${etag}`, 304],
      ['"x"', 200],
      [etag.replaceAll('"', ''), 200],
      ['"x', 200],
    ] as const) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await rig.call(method, path, undefined, { headers: { 'if-none-match': field } });
        assert.deepEqual([answer.status, answer.headers.get('etag')], [status, etag], `${method} ${field}`);
      }
    }
    for (const [field, status] of [
      [etag, 200],
      ['*', 200],
      [`"x", ${etag}`, 200],
      [`W/${etag}`, 412],
      ['"x"', 412],
      [etag.replaceAll('"', ''), 412],
      ['x', 412],
      [`*, ${etag}`, 412],
      [`${etag} x`, 412],
    ] as const) {
      const headers = { 'if-match': field };
      const { status: got, json } = await rig.call('PATCH', path, { name: topic.name }, { headers });
      assert.equal(got, status, field);
      if (status === 412) assert.match(json.detail, /entity tag/);
    }
  });
  test('a condition that an operation cannot look at is not passed over', async () => {
    const headers = { 'if-match': topic.etag };
    const name = fresh();
    const made = await rig.call('POST', '/edj/v1/topics', { name }, { headers });
    assert.deepEqual([made.status, made.json.type], [412, '/problems/precondition-failed']);
    const { json } = await rig.call('GET', '/edj/v1/topics?limit=500');
    assert.ok(!json.items.some((item: { name: string }) => item.name === name));
  });

  test('HEAD answers as GET, without the body; Range and Accept change nothing', async () => {
    for (const path of [
      `/edj/v1/topics/${topic.id}`,
      '/edj/v1/topics',
      `/iam/v1/projects/${rig.project.id}`,
    ]) {
      const whole = await rig.call('GET', path);
      const head = await rig.call('HEAD', path);
      assert.deepEqual([head.status, head.text], [200, ''], path);
      for (const name of ['content-type', 'etag', 'cache-control'])
        assert.equal(head.headers.get(name), whole.headers.get(name), `${path} ${name}`);
      for (const [name, value] of [
        ['range', 'bytes=0-1'],
        ['range', 'bytes=5-1,x'],
        ['accept', 'text/html'],
        ['accept', 'application/xml;q=0'],
      ] as const) {
        const answer = await rig.call('GET', path, undefined, { headers: { [name]: value } });
        assert.deepEqual([answer.status, answer.text], [200, whole.text], `${path} ${name}: ${value}`);
      }
    }
    assert.equal((await rig.call('HEAD', '/edj/v1/topics/x')).status, 404);
  });

  test('limits and cursors', async () => {
    for (const limit of [
      '0',
      '-1',
      '501',
      '1e9',
      '99999999999999999999',
      '1.5',
      'x',
      '0x10',
      'Infinity',
      'NaN',
      '1,2',
    ]) {
      const { status, json } = await rig.call('GET', `/edj/v1/topics?limit=${limit}`);
      assert.deepEqual([status, json.field], [400, 'limit'], limit);
    }
    for (const limit of ['1', '500', '']) {
      assert.equal((await rig.call('GET', `/edj/v1/topics?limit=${limit}`)).status, 200, limit);
    }
    for (const cursor of ['x', '%00', 'null', '!!', '.', `${'a'.repeat(501)}`, 'MDE.wrong-']) {
      const { status, json } = await rig.call('GET', `/edj/v1/topics?cursor=${cursor}`);
      assert.deepEqual([status, json.field], [400, 'cursor'], cursor);
    }
  });
  test('a cursor of another list is refused; its own list goes on, and so does one of an earlier version', async () => {
    for (let i = 0; i < 3; i++) await rig.caller(`client ${i}`, []);
    const first = await rig.call('GET', '/iam/v1/api_clients?limit=1');
    const cursor: string = first.json.next_cursor;
    for (const path of [
      '/edj/v1/topics',
      '/iam/v1/members',
      '/iam/v1/operations',
      '/mta/v1/messages',
      '/mta/v1/domains',
    ]) {
      const { status, json } = await rig.call('GET', `${path}?cursor=${cursor}`);
      assert.deepEqual([status, json.detail], [400, 'cursor: is a cursor from another list'], path);
    }
    const events = `/edj/v1/topics/${topic.id}/events`;
    assert.equal((await rig.call('GET', `${events}?cursor=${cursor}`)).status, 400);
    const next = await rig.call('GET', `/iam/v1/api_clients?limit=1&cursor=${cursor}`);
    assert.equal(next.status, 200);
    assert.notEqual(next.json.items[0].id, first.json.items[0].id);
    const earlier = await rig.call('GET', `/iam/v1/api_clients?limit=1&cursor=${cursor.split('.')[0]}`);
    assert.deepEqual(earlier.json, next.json);
  });

  test('paths: an id in any spelling is the id, and another path is 404 and says why', async () => {
    const { id } = topic;
    for (const spelt of [
      id.toUpperCase(),
      `%${id.charCodeAt(0).toString(16)}${id.slice(1)}`,
      id.replaceAll('-', '%2D'),
    ]) {
      const { status, json } = await rig.call('GET', `/edj/v1/topics/${spelt}`);
      assert.deepEqual([status, json.id], [200, id], spelt);
    }
    for (const other of [
      `${id}%2F`,
      `%2F${id}`,
      `${id}%00`,
      `{${id}}`,
      `urn:uuid:${id}`,
      id.replaceAll('-', ''),
      '..%2F..',
    ])
      assert.equal((await rig.call('GET', `/edj/v1/topics/${other}`)).status, 404, other);
    for (const path of [
      '/edj/v1/topics/',
      `/edj/v1/topics/${id}/`,
      '/edj/v1/topics//',
      '/edj/v1/topics/?limit=1',
    ]) {
      const { status, json } = await rig.call('GET', path);
      assert.equal(status, 404, path);
      assert.match(json.detail, /no path of the API ends with a slash/, path);
    }
    for (const path of ['/EDJ/v1/topics', '/edj//v1/topics', '/edj/v2/topics', '/edj/v1/Topics']) {
      const { status, json } = await rig.call('GET', path);
      assert.deepEqual([status, json.type], [404, '/problems/not-found'], path);
    }
    const slash = await rig.call('GET', '/edj//v1/topics');
    assert.match(slash.json.detail, /two in a row/);
  });
});
