/**
 * Entity tags: reads that save the body, and changes that overwrite nothing that they have not seen. The test
 * finds the operations in the documents.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type DnsServer, startDns } from './harness.ts';
import { authorization, type Journey, type Json, startJourney } from './journey.ts';
import { exampleBodies, type Found, type Published, pathParameters, published } from './openapi.ts';
import { type Prepared, prepareProject } from './prepared-project.ts';

describe('entity tags', () => {
  let dns: DnsServer;
  let journey: Journey;
  let api: Published;
  let project: Prepared;
  before(async () => {
    // The service's lookups after a change also stay on this machine.
    dns = await startDns();
    journey = await startJourney({ HIKYAKU_DNS_SERVERS: dns.address });
    project = await prepareProject(journey, 'tags.test', 'tags');
    api = await published(journey);
  });
  after(async () => {
    await project[Symbol.asyncDispose]();
    await journey[Symbol.asyncDispose]();
    await dns[Symbol.asyncDispose]();
  });

  const isSingle = ({ method, operation }: Found) =>
    method === 'GET' && operation.responses['200']?.headers?.ETag !== undefined;

  test('every single resource has a tag; with it a read is 304, with another 200', async () => {
    const singles = api.operations.filter(isSingle);
    assert.ok(singles.length >= 14, `${singles.length} operations`);
    for (const found of singles) {
      const first = await send(found, {});
      assert.equal(first.status, 200, found.id);
      assert.match(first.etag ?? '', /^"[\w-]{22}"$/, found.id);
      if (/\busage\b/.test(found.id)) continue; // windows roll
      const again = await send(found, { 'if-none-match': `"x", W/${first.etag}` });
      assert.deepEqual([again.status, again.text, again.etag], [304, '', first.etag], found.id);
      assert.equal((await send(found, { 'if-none-match': '*' })).status, 304);
      assert.equal((await send(found, { 'if-none-match': '"x"' })).status, 200);
    }
    for (const found of api.operations.filter(
      ({ method, operation }) =>
        method === 'GET' &&
        operation.responses['200']?.content?.['application/json']?.schema.properties?.items,
    ))
      assert.equal((await send(found, {})).etag, null, found.id);
  });

  test('every change heeds If-Match: 412 and unchanged for another tag, done for the right one', async () => {
    const changes = api.operations.filter(({ method }) => /^(PUT|PATCH|DELETE)$/.test(method));
    assert.ok(changes.length >= 11, `${changes.length} operations`);
    // Resources that others depend on come last.
    const ordered = changes.toSorted(
      (a, b) =>
        Number(a.method === 'DELETE') - Number(b.method === 'DELETE') || b.path.length - a.path.length,
    );
    for (const found of ordered) {
      const reader = api.operations.find(({ method, path }) => method === 'GET' && path === found.path);
      const body = exampleBodies(found)[0]?.[1];
      const before = reader === undefined ? null : await send(reader, {});
      for (const tag of ['"never"', '"un*closed', '', before === null ? 'W/"x"' : `W/${before.etag}`]) {
        const refused = await send(found, { 'if-match': tag }, body);
        assert.equal(refused.status, 412, `${found.id}: ${refused.text}`);
        assert.equal(JSON.parse(refused.text).type, '/problems/precondition-failed');
      }
      if (reader === undefined || before === null) continue;
      assert.equal((await send(reader, {})).etag, before.etag, `${found.id} changed something`);
      if (found.method === 'DELETE') continue;
      const done = await send(found, { 'if-match': `"other", ${before.etag}` }, body);
      assert.equal(done.status, 200, `${found.id}: ${done.text}`);
      const changed = await send(reader, {});
      assert.equal(changed.text, done.text);
      const late = await send(found, { 'if-match': before.etag! }, body);
      assert.equal(late.status, changed.etag === before.etag ? 200 : 412, found.id);
    }
    const rule = api.operations.find(({ id }) => id === 'mta.project_event_rules.get')!;
    const remove = api.operations.find(({ id }) => id === 'mta.project_event_rules.delete')!;
    const { etag } = await send(rule, {});
    assert.equal((await send(remove, { 'if-match': etag! })).status, 204);
    assert.equal((await send(remove, { 'if-match': '*' })).status, 404);
  });

  test('of many who change what they have all read, one gets through', async () => {
    const topic = api.operations.find(({ id }) => id === 'edj.topics.get')!;
    const rename = api.operations.find(({ id }) => id === 'edj.topics.update')!;
    const { etag } = await send(topic, {});
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => send(rename, { 'if-match': etag! }, { name: `name ${i}` })),
    );
    const statuses = answers.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, ...Array(19).fill(412)]);
    const winner = answers.find(({ status }) => status === 200)!;
    assert.equal((await send(topic, {})).text, winner.text);
    // Without a condition, a change succeeds, whoever was first.
    assert.equal((await send(rename, {}, { name: 'the last word' })).status, 200);
  });

  async function send(found: Found, headers: Record<string, string>, body?: Json) {
    const path = pathParameters(found).reduce(
      (filled, { name, example }) => filled.replace(`{${name}}`, project.real(example!)),
      found.path,
    );
    const response = await fetch(`http://${journey.service.ready.http}${path}`, {
      method: found.method,
      headers: {
        authorization: authorization(project.keyFor(found)),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(project.real(body)) }),
    });
    return { status: response.status, etag: response.headers.get('etag'), text: await response.text() };
  }
});
