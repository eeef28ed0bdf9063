/** Idempotency-Key over HTTP: what counts as the same call, and what earlier versions stored. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { canonicalJson } from '../ledger/idempotency.ts';
import { type ApiRig, openApiRig } from '../testing/api-rig.ts';

const TASKS = '/mta/v1/tasks';
const DOMAIN = '0198c0de-0000-7000-8000-000000000006';
const mail = (subject: string, more: object = {}) => ({
  procedure: 'send_message',
  arguments: {
    self: `http://x/mta/v1/domains/${DOMAIN}`,
    from: ['a@sender.test'],
    to: ['x@out.test'],
    subject,
    content_type: 'text/plain',
    body: 'é',
    ...more,
  },
});

describe('Idempotency-Key', () => {
  let rig: ApiRig;
  before(async () => {
    rig = await openApiRig();
  });
  after(() => rig[Symbol.asyncDispose]());
  const post = (path: string, key: string, body: unknown, octets?: string) =>
    rig.call('POST', path, body, {
      headers: { 'idempotency-key': key },
      ...(octets === undefined ? {} : { octets }),
    });

  test('the query that says how to answer is no part of the call', async () => {
    for (const [i, [first, second]] of [
      ['?is_sync=true', ''],
      ['', '?is_sync=true'],
      ['?is_sync=false', '?'],
      ['?is_sync=true', '?is_sync=true&'],
    ].entries()) {
      const made = await post(TASKS + first, `query-${i}`, mail(`query ${i}`));
      assert.ok(made.status < 300, made.text);
      const again = await post(TASKS + second, `query-${i}`, mail(`query ${i}`));
      assert.deepEqual([again.status, again.json], [made.status, made.json], `${first} then ${second}`);
      assert.equal(again.headers.get('idempotent-replayed'), 'true');
      assert.equal(rig.sent.filter((subject) => subject === `query ${i}`).length, 1);
    }
  });

  test('values are compared, not the text of the JSON', async () => {
    const limits = (text: string) => post('/mta/v1/limit_requests', 'numbers', undefined, text);
    const asked = await limits('{"per_minute":600,"reason":"a"}');
    assert.equal(asked.status, 201, asked.text);
    for (const text of [
      '{"reason":"a","per_minute":600}',
      '{ "per_minute" : 600.0 , "reason" : "\\u0061" }',
      '{"per_minute":6e2,"reason":"a"}',
      '{"per_minute":600,"reason":"a","per_day":null}',
      '\ufeff{"per_minute":600,"reason":"a","notify":null}',
    ])
      assert.deepEqual((await limits(text)).json, asked.json, text);
    for (const text of ['{"per_minute":601,"reason":"a"}', '{"per_minute":600,"per_day":0,"reason":"a"}']) {
      const other = await limits(text);
      assert.deepEqual([other.status, other.json.type], [409, '/problems/idempotency-mismatch'], text);
    }
    const made = await post(TASKS, 'nested', mail('nested', { cc: null, attachments: [] }));
    assert.equal(made.status, 202, made.text);
    const order = await post(TASKS, 'nested', { ...mail('nested', { attachments: [], sender: null }) });
    assert.deepEqual(order.json, made.json);
    const none = await post(TASKS, 'nested', mail('nested'));
    assert.equal(none.status, 409, 'an empty list is given, it is not absent');
    assert.equal(rig.sent.filter((subject) => subject === 'nested').length, 1);
  });

  test('a key belongs to the operation: another one may use it, another object of the same one may not', async () => {
    const topic = await post('/edj/v1/topics', 'shared', { name: 'shared' });
    const role = await post('/iam/v1/roles', 'shared', { name: 'shared', operations: [] });
    assert.deepEqual([topic.status, role.status], [201, 201]);
    const other = await rig.caller('other', ['reader']);
    const keysOf = (id: string) => `/iam/v1/api_clients/${id}/static_keys`;
    const first = await post(keysOf(other.client.id), 'object', {});
    assert.equal(first.status, 201, first.text);
    const second = await post(keysOf(rig.owner.client.id), 'object', {});
    assert.deepEqual([second.status, second.json.type], [409, '/problems/idempotency-mismatch']);
    const again = await post(keysOf(other.client.id), 'object', { expires_at: null });
    assert.deepEqual(again.json, { ...first.json, secret: null });
  });

  test('what the version before stored is still answered', async () => {
    const { store, project } = rig;
    const kept = async (url: string, key: string, body: object, response: object | null) =>
      store.transact(project.id, (tx) =>
        tx.insertIdempotency({
          projectId: project.id,
          key: `http:${url}:${key}`,
          requestHash: createHash('sha256').update(JSON.stringify(body)).digest(),
          response: response === null ? null : { status: 200, body: JSON.stringify(response) },
          createdAt: Date.now() - 60_000,
        }),
      );
    const body = mail('before', { sender: null });
    await kept(`${TASKS}?is_sync=true`, 'before', body, { id: 'as it was' });
    await kept(TASKS, 'running', body, null);
    for (const query of ['?is_sync=true', '?is_sync=false', '']) {
      const { json } = await post(TASKS + query, 'before', body);
      assert.deepEqual(json, { id: 'as it was' }, query);
      assert.equal((await post(TASKS + query, 'running', body)).json.type, '/problems/idempotency-running');
    }
    const other = await post(`${TASKS}?is_sync=true`, 'before', mail('another'));
    assert.equal(other.json.type, '/problems/idempotency-mismatch');
    assert.deepEqual(
      rig.sent.filter((subject) => /before|another/.test(subject)),
      [],
    );
  });
});

test('canonical JSON: equal values have equal text', () => {
  const same = (a: string, b: string) =>
    assert.equal(canonicalJson(JSON.parse(a)), canonicalJson(JSON.parse(b)), `${a} ${b}`);
  same('{"a":{"c":1,"b":[{"y":1,"x":2}]},"10":0,"9":0}', '{"9":-0,"10":0,"a":{"b":[{"x":2,"y":1.0}],"c":1}}');
  same('"\\u00e9\\/"', '"é/"');
  assert.notEqual(canonicalJson([1, 2]), canonicalJson([2, 1]));
  assert.notEqual(canonicalJson({ a: null }), canonicalJson({}));
});
