/**
 * The documents are true: every operation has a name, a summary, schemas and examples; the test sends every
 * example to a running service, and every answer is as its document says.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { operationsOf } from '../../src/iam/policy.ts';
import { startDns } from './harness.ts';
import { authorization, type Journey, type Json, startJourney } from './journey.ts';
import { exampleBodies, type Found, type Published, pathParameters, published } from './openapi.ts';
import { type Prepared, prepareProject } from './prepared-project.ts';

/** The schema refers to something, or says more than "an object". */
function saysSomething(schema: Json): boolean {
  if (schema === undefined) return false;
  return '$ref' in schema || schema.format === 'binary' || Object.keys(schema.properties ?? {}).length > 0;
}
function schemasOf(operation: Json): Json[] {
  return Object.entries<Json>(operation.responses ?? {})
    .filter(([status]) => /^2/.test(status) && status !== '204')
    .flatMap(([, response]) =>
      Object.values<Json>(response.content ?? { none: {} }).map(({ schema }) => schema),
    );
}

describe('the OpenAPI documents', () => {
  let journey: Journey;
  let api: Published;
  let prepared: Prepared;
  const dns = startDns();
  before(async () => {
    journey = await startJourney({ HIKYAKU_DNS_SERVERS: (await dns).address });
    prepared = await prepareProject(journey, 'shop.test', 'shop');
    api = await published(journey);
  });
  after(async () => {
    await prepared[Symbol.asyncDispose]();
    await journey[Symbol.asyncDispose]();
    await (await dns)[Symbol.asyncDispose]();
  });
  test('every operation has a name of its own, a summary, what its role needs, and schemas', () => {
    assert.ok(api.operations.length >= 50, `${api.operations.length} operations`);
    const names = new Map<string, string>();
    for (const { method, path, operation } of [...api.operations, ...api.others]) {
      const at = `${method} ${path}`;
      assert.match(operation.operationId ?? '', /^(mta|edj|iam)(\.[a-z_]+){2,3}$/, `${at}: operationId`);
      assert.equal(names.get(operation.operationId), undefined, `${at}: ${operation.operationId} twice`);
      names.set(operation.operationId, at);
      assert.ok(operation.summary.length > 5, `${at}: summary`);
      // openapi-people.test.ts calls the operations that no key may call; they need no permission of a role.
      if (operation['x-operation'] !== undefined || api.operations.some((one) => one.operation === operation))
        assert.equal(operationsOf([operation['x-operation']]).size, 1, `${at}: ${operation['x-operation']}`);
      const answers = Object.keys(operation.responses).filter((status) => /^2/.test(status));
      assert.ok(answers.length > 0, `${at}: no answer is documented`);
      for (const schema of schemasOf(operation)) assert.ok(saysSomething(schema), `${at}: response schema`);
      if (operation.requestBody !== undefined) {
        assert.ok(exampleBodies({ operation } as Found).length > 0, `${at}: no example`);
        const body = operation.requestBody.content['application/json'].schema;
        for (const form of body.anyOf ?? [body])
          assert.equal(form.additionalProperties, false, `${at}: the body's schema is open`);
      }
      for (const { name, example } of pathParameters({ operation } as Found))
        assert.ok(example !== undefined, `${at}: no example for ${name}`);
    }
  });
  test('a role without operations gets nothing, and each answer names what the document says', async () => {
    const client = await journey.call(
      'POST',
      '/iam/v1/api_clients',
      { name: 'powerless', roles: [] },
      prepared.who,
    );
    const keys = `/iam/v1/api_clients/${client.json.id}/static_keys`;
    const key = await journey.call('POST', keys, {}, prepared.who);
    for (const found of api.operations) {
      const [first] = exampleBodies(found);
      const answer = await ask(found, first?.[1], { ...prepared.who, key: key.json });
      assert.equal(answer.status, 403, `${found.id}: ${answer.text}`);
      assert.ok(answer.text.includes(found.operation['x-operation']), `${found.id}: ${answer.text}`);
      assert.equal(answer.verdict, null);
    }
  });
  test('examples and reads answer as documented; what was made is removed again', async () => {
    const made = new Map<string, string>();
    const writes = api.operations.filter(({ method }) => method !== 'DELETE');
    for (const found of writes) {
      const bodies = exampleBodies(found);
      for (const [name, body] of bodies.length === 0 ? [['none', undefined] as const] : bodies) {
        await prepared.ready(found);
        const answer = await ask(found, body);
        assert.ok(answer.status >= 200 && answer.status < 300, `${found.id} ${name}: ${answer.text}`);
        assert.equal(answer.verdict, null, `${found.id} ${name}`);
        if (answer.status === 201) made.set(found.path, answer.json.id);
      }
    }
    for (const found of api.operations.filter(({ method }) => method === 'DELETE')) {
      const id = made.get(found.path.replace(/\/\{\w+\}$/, '')) ?? (await prepared.anew(found));
      assert.ok(id !== undefined, `${found.id}: nothing was made that could be removed`);
      const answer = await ask(found, undefined, prepared.who, id);
      assert.equal(answer.status, 204, `${found.id}: ${answer.text}`);
      assert.equal(answer.verdict, null);
      assert.equal((await ask(found, undefined, prepared.who, id)).status, 404, `${found.id} again`);
    }
  });
  test('what is not there, not asked well or not authentic is answered as documented', async () => {
    for (const found of api.operations) {
      const [first] = exampleBodies(found);
      if (found.path.includes('{')) {
        const absent = await ask(
          found,
          first?.[1],
          prepared.keyFor(found),
          '00000000-0000-7000-8000-000000000000',
        );
        assert.equal(absent.status, 404, `${found.id}: ${absent.text}`);
        assert.equal(absent.verdict, null);
      }
      if (first === undefined) continue;
      const surprise = await ask(found, { ...first[1], surprise: 1 });
      assert.equal(surprise.status, 400, `${found.id}: ${surprise.text}`);
      assert.equal(surprise.verdict, null);
      assert.equal(surprise.json.field, 'surprise', found.id);
    }
    // Last, because failures are counted: after some failures the answer is 429, whatever the key.
    for (const found of api.operations) {
      const [first] = exampleBodies(found);
      const key = { id: prepared.who.key.id, secret: 'wrong' };
      const stranger = await ask(found, first?.[1], { ...prepared.who, key });
      assert.ok(stranger.status === 401 || stranger.status === 429, `${found.id}: ${stranger.text}`);
      assert.equal(stranger.verdict, null);
    }
  });
  /** Sends a request of the document with real ids; `last` replaces the last id of the path. */
  async function ask(found: Found, body: Json, who = prepared.keyFor(found), last?: string) {
    const parameters = pathParameters(found);
    const path = parameters.reduce(
      (filled, { name, example }, i) =>
        filled.replace(
          `{${name}}`,
          last !== undefined && i === parameters.length - 1 ? last : prepared.real(example ?? 'none'),
        ),
      found.path,
    );
    const response = await fetch(`http://${journey.service.ready.http}${path}`, {
      method: found.method,
      headers: {
        authorization: authorization(who),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(prepared.real(body)) }),
    });
    const text = await response.text();
    const type = response.headers.get('content-type');
    const json = type?.includes('json') === true ? JSON.parse(text) : text === '' ? null : text;
    return { status: response.status, text, json, verdict: api.judge(found, response.status, type, json) };
  }
});
